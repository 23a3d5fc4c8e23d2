"""The normalising flow between the text's prior and the audio's latent frames.

Source: Kim et al. 2021, "VITS", section 2.5; GPT_SoVITS/module/models.py, class ResidualCouplingBlock, at 48b1a01.
Couplings only shift (their scale is 1), so the inverse is a subtraction and the log-determinant is 0.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gsv_build.modules.wavenet import WaveNet


class Coupling(nn.Module):
    """Shift one half of the channels by a function of the other half."""

    def __init__(self, latent: int, width: int, kernel: int, layers: int, global_dim: int) -> None:
        super().__init__()
        self.enter = nn.Conv1d(latent // 2, width, 1)
        self.wavenet = WaveNet(width, kernel, layers, global_dim)
        self.leave = nn.Conv1d(width, latent // 2, 1)

    def shift(self, half: Tensor, mask: Tensor, global_condition: Tensor) -> Tensor:
        """Shift for the second half, [B, latent / 2, F], from the first."""
        hidden = self.wavenet(self.enter(half) * mask, mask, global_condition)
        return self.leave(hidden) * mask

    def forward(self, latents: Tensor, mask: Tensor, global_condition: Tensor) -> Tensor:
        """Training direction: add the shift."""
        first, second = latents.chunk(2, dim=1)
        return torch.cat((first, second * mask + self.shift(first, mask, global_condition)), dim=1)

    def reverse(self, latents: Tensor, mask: Tensor, global_condition: Tensor) -> Tensor:
        """Inference direction: subtract the shift."""
        first, second = latents.chunk(2, dim=1)
        return torch.cat((first, second * mask - self.shift(first, mask, global_condition)), dim=1)


class Flow(nn.Module):
    """Couplings with the channel order reversed between them."""

    def __init__(self, latent: int, width: int, kernel: int, layers: int, couplings: int, global_dim: int) -> None:
        super().__init__()
        self.couplings = nn.ModuleList(Coupling(latent, width, kernel, layers, global_dim) for _ in range(couplings))

    def forward(self, latents: Tensor, mask: Tensor, global_condition: Tensor) -> Tensor:
        """Training direction: audio latents [B, latent, F] to the prior's space (z_p)."""
        for coupling in self.couplings:
            latents = coupling(latents, mask, global_condition).flip(1)
        return latents

    def reverse(self, latents: Tensor, mask: Tensor, global_condition: Tensor) -> Tensor:
        """Inference direction: a sample of the prior [B, latent, F] to audio latents."""
        for coupling in reversed(self.couplings):
            assert isinstance(coupling, Coupling)
            latents = coupling.reverse(latents.flip(1), mask, global_condition)
        return latents
