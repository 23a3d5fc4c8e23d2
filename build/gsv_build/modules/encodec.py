"""EnCodec's causal model of 24 kHz, so that its own weights become graphs: encoder, decoder and tables.

Source: Défossez et al. 2022, "High Fidelity Neural Audio Compression", and the names of the published checkpoints.
Different on purpose: the encoder is in three parts, between which whoever streams keeps what it has; a last hop that is
not full is filled by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class EncodecSizes:
    """Those of the published model of 24 kHz."""

    filters: int = 32
    dimension: int = 128
    ratios: tuple[int, ...] = (8, 5, 4, 2)  # as the decoder has them
    codebooks: int = 32
    entries: int = 1024
    kernel: int = 7
    residual_kernel: int = 3

    @property
    def width(self) -> int:
        """Channels of the LSTM."""
        return self.filters << len(self.ratios)


class CausalConv(nn.Module):
    """A convolution that sees nothing of what comes after; the beginning is mirrored."""

    def __init__(self, entering: int, leaving: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(entering, leaving, kernel, stride)
        self._before = kernel - stride

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, L] to [B, C', L / stride]."""
        return self.conv(functional.pad(x, (self._before, 0), mode="reflect") if self._before else x)


class CausalTransposed(nn.Module):
    """Its counterpart: what would reach beyond the end is cut off."""

    def __init__(self, entering: int, leaving: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose1d(entering, leaving, kernel, stride)
        self._after = kernel - stride

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, L] to [B, C', stride L]."""
        return self.conv(x)[:, :, : -self._after]


class ResidualUnit(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        inner = channels // 2
        self.block = nn.ModuleList(
            [nn.ELU(), CausalConv(channels, inner, kernel), nn.ELU(), CausalConv(inner, channels, 1)]
        )
        self.shortcut = CausalConv(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, L] to the same."""
        made = x
        for layer in self.block:
            made = layer(made)
        return self.shortcut(x) + made


class Memory(nn.Module):
    """A two-layer LSTM beside a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, channels, 2)

    def forward(self, x: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[1, C, F] and the states [2, 1, C] of before, to the same."""
        steps = x.permute(2, 0, 1)
        made, (hidden, cell) = self.lstm(steps, (hidden, cell))
        return (made + steps).permute(1, 2, 0), hidden, cell


class Encodec(nn.Module):
    """All of it; the layers are numbered as the checkpoints number them."""

    def __init__(self, sizes: EncodecSizes | None = None) -> None:
        super().__init__()
        self.sizes = sizes = sizes or EncodecSizes()
        channels, kernel = sizes.filters, sizes.kernel
        layers: list[nn.Module] = [CausalConv(1, channels, kernel)]
        for ratio in reversed(sizes.ratios):
            layers += [ResidualUnit(channels, sizes.residual_kernel), nn.ELU()]
            layers.append(CausalConv(channels, 2 * channels, 2 * ratio, ratio))
            channels *= 2
        self.encoder = nn.ModuleDict(
            {
                "layers": nn.ModuleList(
                    [*layers, Memory(channels), nn.ELU(), CausalConv(channels, sizes.dimension, kernel)]
                )
            }
        )
        layers = [CausalConv(sizes.dimension, channels, kernel), Memory(channels)]
        for ratio in sizes.ratios:
            layers += [nn.ELU(), CausalTransposed(channels, channels // 2, 2 * ratio, ratio)]
            channels //= 2
            layers.append(ResidualUnit(channels, sizes.residual_kernel))
        self.decoder = nn.ModuleDict({"layers": nn.ModuleList([*layers, nn.ELU(), CausalConv(channels, 1, kernel)])})
        self.codebooks = nn.Parameter(torch.zeros(sizes.codebooks, sizes.entries, sizes.dimension))

    def encoder_layers(self) -> tuple[nn.ModuleList, int]:
        """The encoder's layers, and which of them is the LSTM."""
        layers = self.encoder["layers"]
        assert isinstance(layers, nn.ModuleList)
        return layers, len(layers) - 3


class Analysis(nn.Module):
    """The encoder up to its LSTM: it sees less than two frames back."""

    def __init__(self, whole: Encodec) -> None:
        super().__init__()
        layers, memory_at = whole.encoder_layers()
        self.layers = layers[:memory_at]

    def forward(self, samples: Tensor) -> Tensor:
        """[1, N] at 24 kHz, whole frames, to [1, width, F]."""
        x = samples[:, None, :]
        for layer in self.layers:
            x = layer(x)
        return x


class Remembering(nn.Module):
    """The encoder's LSTM."""

    def __init__(self, whole: Encodec) -> None:
        super().__init__()
        layers, memory_at = whole.encoder_layers()
        self.memory = layers[memory_at]

    def forward(self, features: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[1, width, F] and states [2, 1, width] to the same."""
        made, hidden, cell = self.memory(features, hidden, cell)
        return functional.elu(made), hidden, cell


class Leaving(nn.Module):
    """The encoder's last convolution, over what came before and new frames."""

    def __init__(self, whole: Encodec) -> None:
        super().__init__()
        layers, _ = whole.encoder_layers()
        last = layers[-1]
        assert isinstance(last, CausalConv)
        self.conv = last.conv

    def forward(self, remembered: Tensor) -> Tensor:
        """[1, width, kernel - 1 + F] to [1, dimension, F]."""
        return self.conv(remembered)


class Synthesis(nn.Module):
    """The decoder."""

    def __init__(self, whole: Encodec) -> None:
        super().__init__()
        layers = whole.decoder["layers"]
        assert isinstance(layers, nn.ModuleList)
        self.layers, self.width = layers, whole.sizes.width

    def forward(self, latents: Tensor) -> Tensor:
        """[1, dimension, F], sums of the codebooks' entries, to samples [1, N]."""
        none = torch.zeros(2, 1, self.width)
        x = latents
        for layer in self.layers:
            x = layer(x, none, none)[0] if isinstance(layer, Memory) else layer(x)
        return x[:, 0]
