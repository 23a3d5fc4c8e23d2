"""Small discriminators: folded by period (Kong et al. 2020) and over spectrograms (Jang et al. 2021, "UnivNet").

Losses are least squares, with feature matching.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from gsv_demo.run import half_products, optimizer_of
from gsv_demo.spectra import magnitudes

_PERIODS = (2, 3, 5, 7, 11)
_PERIOD_WIDTHS = (1, 3, 6, 10)  # of the jury's width, layer by layer
_SPECTRA = ((2048, 512), (1024, 256), (512, 128))  # window, hop
_SLOPE = 0.1
# HiFi-GAN's balance, 45 times the mel distance, 1 and 2 times the sums over 8 members and 40 layers, for our means
FOOLING_WEIGHT = 8 / 45
FEATURE_WEIGHT = 2 * 40 / 45

Judged = tuple[Tensor, list[Tensor]]  # verdict, and what each layer saw


class PeriodDiscriminator(nn.Module):
    """Convolutions over every n-th sample."""

    def __init__(self, period: int, width: int) -> None:
        super().__init__()
        self.period = period
        channels = (1, *(width * factor for factor in _PERIOD_WIDTHS))
        self.layers = nn.ModuleList(
            nn.Conv2d(inputs, outputs, (5, 1), (3, 1), padding=(2, 0))
            for inputs, outputs in itertools.pairwise(channels)
        )
        self.leave = nn.Conv2d(channels[-1], 1, (3, 1), padding=(1, 0))

    def forward(self, waveform: Tensor) -> Judged:
        """Judge [B, N]."""
        usable = waveform.shape[1] // self.period * self.period
        seen = waveform[:, :usable].reshape(len(waveform), 1, -1, self.period)
        return _through(self.layers, self.leave, seen)


class SpectrumDiscriminator(nn.Module):
    """Convolutions over a log magnitude spectrogram."""

    def __init__(self, size: int, hop: int, width: int) -> None:
        super().__init__()
        self.size, self.hop = size, hop
        self.layers = nn.ModuleList(
            [
                nn.Conv2d(1, width, (7, 3), (2, 1), padding=(3, 1)),
                nn.Conv2d(width, width, (7, 3), (2, 1), padding=(3, 1)),
                nn.Conv2d(width, 2 * width, (5, 3), (2, 2), padding=(2, 1)),
                nn.Conv2d(2 * width, 2 * width, 3, (2, 1), padding=1),
            ]
        )
        self.leave = nn.Conv2d(2 * width, 1, 3, padding=1)

    def forward(self, waveform: Tensor) -> Judged:
        """Judge [B, N]."""
        spectrum = magnitudes(waveform, self.size, self.hop).clamp(min=1e-3).log()
        return _through(self.layers, self.leave, spectrum[:, None] * 0.3)


def _through(layers: nn.ModuleList, leave: nn.Conv2d, seen: Tensor) -> Judged:
    features = []
    for layer in layers:
        seen = functional.leaky_relu(layer(seen), _SLOPE)
        features.append(seen)
    return leave(seen), features


class Jury(nn.Module):
    """All discriminators."""

    def __init__(self, width: int) -> None:
        """Appoint.

        Args:
            width: channels of the first layers.
        """
        super().__init__()
        by_period = [PeriodDiscriminator(period, width) for period in _PERIODS]
        by_spectrum = [SpectrumDiscriminator(size, hop, width) for size, hop in _SPECTRA]
        self.members = nn.ModuleList([*by_period, *by_spectrum])

    def forward(self, waveform: Tensor) -> list[Judged]:
        """Judge [B, N] at 32 kHz."""
        return [member(waveform) for member in self.members]


def jury_loss(real: list[Judged], made: list[Judged]) -> Tensor:
    """What the discriminators minimise."""
    parts = [
        (1 - yes.float()).square().mean() + no.float().square().mean()
        for (yes, _), (no, _) in zip(real, made, strict=True)
    ]
    return torch.stack(parts).mean()


def fooling_loss(made: list[Judged]) -> Tensor:
    """What the vocoder minimises to pass for real."""
    return torch.stack([(1 - verdict.float()).square().mean() for verdict, _ in made]).mean()


def feature_distance(real: list[Judged], made: list[Judged]) -> Tensor:
    """Mean distance of what the layers saw."""
    parts = [
        functional.l1_loss(seen_made.float(), seen_real.detach().float())
        for (_, real_features), (_, made_features) in zip(real, made, strict=True)
        for seen_real, seen_made in zip(real_features, made_features, strict=True)
    ]
    return torch.stack(parts).mean()


class Adversary:
    """The jury under training.

    Args:
        jury: on its device.
        learning_rate: of its optimiser; stays as it is.
        weights: of fooling it, and of feature matching, beside a spectral distance of weight 1.
    """

    def __init__(
        self, jury: Jury, learning_rate: float, weights: tuple[float, float] = (FOOLING_WEIGHT, FEATURE_WEIGHT)
    ) -> None:
        self.jury, self._weights = jury, weights
        self._optimizer, _ = optimizer_of(list(jury.parameters()), learning_rate)

    def judge(self, made: Tensor, real: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Train the discriminators one step, then let them judge again.

        Args:
            made: [B, N] at 32 kHz, with its gradient.
            real: [B, N].

        Returns:
            What the vocoder pays, a scalar, and its parts by name.
        """
        with half_products(made.device.type):
            judged = jury_loss(self.jury(real), self.jury(made.detach()))
        self._optimizer.zero_grad(set_to_none=True)
        judged.backward()
        self._optimizer.step()
        with half_products(made.device.type):
            made_judged = self.jury(made)
            with torch.no_grad():
                real_judged = self.jury(real)
            fooling, features = fooling_loss(made_judged), feature_distance(real_judged, made_judged)
        parts = {"fooling": fooling.detach(), "features": features.detach(), "jury": judged.detach()}
        return self._weights[0] * fooling + self._weights[1] * features, parts
