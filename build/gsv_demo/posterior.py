"""Posterior encoder: what the audio itself says about the latent frames. Used in training only, never shipped.

Source: Kim et al. 2021, "VITS", section 2.2. Different on purpose: it reads log mel energies instead of linear
magnitudes, since the speech that it is trained on ends at 12 kHz.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gsv_build.modules.wavenet import WaveNet
from gsv_build.sizes import SovitsSizes
from gsv_demo.spectra import log_mel

BANDS = 160
_KERNEL = 5
_LAYERS = 4


class Posterior(nn.Module):
    """Spectrogram and speaker to mean and spread of the latent frames."""

    def __init__(self, sizes: SovitsSizes) -> None:
        super().__init__()
        self.enter = nn.Conv1d(BANDS, sizes.latent, 1)
        self.wavenet = WaveNet(sizes.latent, _KERNEL, _LAYERS, sizes.global_dim)
        self.leave = nn.Conv1d(sizes.latent, 2 * sizes.latent, 1)

    def forward(self, linear_spectrogram: Tensor, mask: Tensor, global_condition: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation, each [B, latent, F].

        Args:
            linear_spectrogram: [B, 1025, F] magnitudes.
            mask: [B, 1, F].
            global_condition: [B, global_dim].
        """
        features = self.enter((log_mel(linear_spectrogram, BANDS) + 3.0) / 3.0) * mask
        hidden = self.wavenet(features, mask, global_condition)
        mean, log_std = (self.leave(hidden) * mask).chunk(2, dim=1)
        return mean, log_std.clamp(-6.0, 2.0)


def sample(mean: Tensor, log_std: Tensor) -> Tensor:
    """Draw latents by the reparametrisation trick."""
    return mean + torch.randn_like(mean) * log_std.exp()
