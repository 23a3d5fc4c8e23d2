"""Latent frames to waveform by a WaveNet without recursion, the second vocoder that takes HiFi-GAN's place.

Source: Yamamoto, Song and Kim 2020, "Parallel WaveGAN": 30 dilated layers in three stacks, gated, with skips.
Deliberately different: the noise is one frame of it, the same in every frame, so that the graph is pure and a window of
a sentence gives what the whole sentence gives; what a layer takes from the latents is computed 50 times a second and
held for a frame's samples, which is the same and costs 640 times less; padding is masked before every convolution.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from gsv_build.modules.masks import length_mask
from gsv_build.sizes import WaveGanSizes
from gsv_runtime.contract import SAMPLES_PER_FRAME

ENTER_KERNEL = 3
_HALF = math.sqrt(0.5)


class GatedLayer(nn.Module):
    """A dilated convolution whose output is gated; part goes on, part is skipped to the end."""

    def __init__(self, sizes: WaveGanSizes, dilation: int) -> None:
        super().__init__()
        reach = dilation * (sizes.kernel // 2)
        self.mix = nn.Conv1d(sizes.channels, 2 * sizes.channels, sizes.kernel, padding=reach, dilation=dilation)
        self.hear = nn.Conv1d(sizes.heard, 2 * sizes.channels, 1, bias=False)
        self.leave = nn.Conv1d(sizes.channels, 2 * sizes.channels, 1)

    def forward(self, x: Tensor, frames: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Map [B, C, N] to what goes on and what is skipped, both [B, C, N]; `frames` is [B, heard, F]."""
        gated, gate = (self.mix(x * mask) + held(self.hear(frames))).chunk(2, dim=1)
        onward, skipped = self.leave(torch.tanh(gated) * torch.sigmoid(gate)).chunk(2, dim=1)
        return (x + onward) * _HALF, skipped


class WaveGan(nn.Module):
    """The `vocoder` stage."""

    noise: Tensor  # [1, 1, 640], the same in every frame

    def __init__(self, sizes: WaveGanSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.enter = nn.Conv1d(sizes.latent, sizes.heard, ENTER_KERNEL, padding=ENTER_KERNEL // 2)
        self.condition = nn.Linear(sizes.global_dim, sizes.heard)
        drawn = torch.randn(1, 1, SAMPLES_PER_FRAME, generator=torch.Generator("cpu").manual_seed(0), device="cpu")
        self.register_buffer("noise", drawn)
        self.begin = nn.Conv1d(1, sizes.channels, 1)
        self.layers = nn.ModuleList(GatedLayer(sizes, dilation) for dilation in dilations(sizes))
        self.first_leave, self.last_leave = (
            nn.Conv1d(sizes.channels, sizes.channels, 1),
            nn.Conv1d(sizes.channels, 1, 1),
        )

    def forward(self, latents: Tensor, frame_lengths: Tensor, global_condition: Tensor) -> Tensor:
        """Say the waveform: the exported graph.

        Args:
            latents: [B, latent, F].
            frame_lengths: [B, 1] int64.
            global_condition: [B, global_dim].

        Returns:
            [B, 640 * F], zero beyond frame_lengths.
        """
        frames_mask = length_mask(frame_lengths, latents.shape[2])
        mask = held(frames_mask)
        frames = self.enter(latents * frames_mask) + self.condition(global_condition).unsqueeze(2)
        x = self.begin(self.noise.repeat(latents.shape[0], 1, latents.shape[2]))
        skipped = torch.zeros_like(x)
        for layer in self.layers:
            x, skip = layer(x, frames, mask)
            skipped = skipped + skip
        summed = torch.relu(skipped * math.sqrt(1.0 / len(self.layers)))
        waveform = torch.tanh(self.last_leave(torch.relu(self.first_leave(summed))))
        return (waveform * mask).squeeze(1)


def held(frames: Tensor) -> Tensor:
    """Every frame for its samples: [B, C, F] to [B, C, 640 F]."""
    return frames.repeat_interleave(SAMPLES_PER_FRAME, dim=2)


def dilations(sizes: WaveGanSizes) -> Iterator[int]:
    """Samples between the taps of each layer: doubled from layer to layer, and 1 again in each stack."""
    return (2**layer for _ in range(sizes.stacks) for layer in range(sizes.layers_of_stack))


def receptive_frames(sizes: WaveGanSizes) -> int:
    """Frames to each side that decide a frame's samples: those of the first convolution, and of all dilated ones."""
    samples = sizes.kernel // 2 * sum(dilations(sizes))
    return ENTER_KERNEL // 2 + -(-samples // SAMPLES_PER_FRAME)
