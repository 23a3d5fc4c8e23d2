"""Latent frames to waveform.

Source: Kong et al. 2020, "HiFi-GAN"; GPT_SoVITS/module/models.py, class Generator, at 48b1a01. Weight norm is folded.
Deliberately different: padding is masked before every convolution, so that a padded batch gives what single calls give.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gsv_build.modules.masks import length_mask
from gsv_build.sizes import SovitsSizes

SLOPE = 0.1
LAST_SLOPE = 0.01  # upstream leaves the last one at torch's default
EDGE_KERNEL = 7


class ResidualBlock(nn.Module):
    """Pairs of convolutions, the first of each dilated, around which the signal passes unchanged."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.dilated = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=dilation * (kernel - 1) // 2)
            for dilation in dilations
        )
        self.plain = nn.ModuleList(nn.Conv1d(channels, channels, kernel, padding=(kernel - 1) // 2) for _ in dilations)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Map [B, C, N] to [B, C, N], zero at padding in and out; `mask` is [B, 1, N]."""
        for dilated, plain in zip(self.dilated, self.plain, strict=True):
            inner = dilated(functional.leaky_relu(features, SLOPE))
            inner = plain(functional.leaky_relu(inner, SLOPE) * mask)
            features = features + inner * mask
        return features


class Vocoder(nn.Module):
    """The `vocoder` stage: upsample, and sum residual blocks of several widths, stage by stage."""

    def __init__(self, sizes: SovitsSizes) -> None:
        super().__init__()
        channels = sizes.upsample_channels
        self.rates = sizes.upsample_rates
        self.enter = nn.Conv1d(sizes.latent, channels, EDGE_KERNEL, padding=EDGE_KERNEL // 2)
        self.condition = nn.Linear(sizes.global_dim, channels)
        self.upsamplers = nn.ModuleList()
        self.blocks = nn.ModuleList()  # one for each rate and kernel, kernels fastest
        for rate, kernel in zip(sizes.upsample_rates, sizes.upsample_kernels, strict=True):
            self.upsamplers.append(
                nn.ConvTranspose1d(channels, channels // 2, kernel, stride=rate, padding=(kernel - rate) // 2)
            )
            channels //= 2
            self.blocks.extend(
                ResidualBlock(channels, width, dilations)
                for width, dilations in zip(sizes.resblock_kernels, sizes.resblock_dilations, strict=True)
            )
        self.leave = nn.Conv1d(channels, 1, EDGE_KERNEL, padding=EDGE_KERNEL // 2, bias=False)

    def forward(self, latents: Tensor, frame_lengths: Tensor, global_condition: Tensor) -> Tensor:
        """Synthesise: the exported stage.

        Args:
            latents: [B, latent, F].
            frame_lengths: [B, 1] int64.
            global_condition: [B, global_dim].

        Returns:
            waveform: [B, N] in [-1, 1], N the product of its rates times F, zero beyond frame_lengths.
        """
        frames = latents.shape[2]
        mask = length_mask(frame_lengths, frames)
        condition = self.condition(global_condition).unsqueeze(-1)
        features = (self.enter(latents * mask) + condition) * mask
        rate = 1
        width = len(self.blocks) // len(self.rates)
        for stage, (factor, upsampler) in enumerate(zip(self.rates, self.upsamplers, strict=True)):
            rate *= factor
            mask = length_mask(frame_lengths * rate, frames * rate)
            features = upsampler(functional.leaky_relu(features, SLOPE)) * mask
            blocks = self.blocks[stage * width : (stage + 1) * width]
            features = sum(block(features, mask) for block in blocks) / width
        waveform = torch.tanh(self.leave(functional.leaky_relu(features, LAST_SLOPE)))
        return (waveform * mask).squeeze(1)
