"""Latent frames to the magnitude and phase of a spectrum, from which an inverse FFT makes the waveform.

Source: Siuzdak 2023, "Vocos" (ConvNeXt blocks at the rate of the frames, and a head that says the spectrum); Liu et al.
2022, "A ConvNet for the 2020s", for the blocks. Deliberately different: 50 frames a second with a window of four
frames, kernels of 3, so that it sees no more of its neighbours than HiFi-GAN does; the speaker is added once, as
HiFi-GAN adds it; padding is masked before every convolution; the inverse FFT is not part of the network, because a
graph would have to write it as a product that costs far more than the network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gsv_build.modules.masks import length_mask
from gsv_build.sizes import LightVocoderSizes
from gsv_runtime.contract import SAMPLES_PER_FRAME
from gsv_runtime.graphs.vocoder_spectrum import INVERSE_FFT, SPECTRUM_BINS

ENTER_KERNEL = 3
LARGEST_MAGNITUDE = 1e2  # of a bin; speech stays below, an untrained network might not
_OVERLAP = INVERSE_FFT // SAMPLES_PER_FRAME  # frames that lie over one another
EDGE_SAMPLES = (INVERSE_FFT - SAMPLES_PER_FRAME) // 2  # of the first frame before the first sample


class ConvNeXtBlock(nn.Module):
    """A convolution over time for each channel, then two products over channels, around which the signal passes."""

    def __init__(self, sizes: LightVocoderSizes) -> None:
        super().__init__()
        self.mix = nn.Conv1d(
            sizes.channels, sizes.channels, sizes.kernel, padding=sizes.kernel // 2, groups=sizes.channels
        )
        self.norm = nn.LayerNorm(sizes.channels, eps=1e-6)
        self.expand = nn.Linear(sizes.channels, sizes.expanded)
        self.contract = nn.Linear(sizes.expanded, sizes.channels)
        self.scale = nn.Parameter(torch.full((sizes.channels,), 1.0 / sizes.blocks))

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Map [B, F, C] to [B, F, C]; `mask` is [B, 1, F]."""
        mixed = self.mix(features.transpose(1, 2) * mask).transpose(1, 2)
        inner = self.contract(functional.gelu(self.expand(self.norm(mixed))))
        return features + self.scale * inner


class LightVocoder(nn.Module):
    """The `vocoder` stage up to its spectrum."""

    def __init__(self, sizes: LightVocoderSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.enter = nn.Conv1d(sizes.latent, sizes.channels, ENTER_KERNEL, padding=ENTER_KERNEL // 2)
        self.condition = nn.Linear(sizes.global_dim, sizes.channels)
        self.enter_norm = nn.LayerNorm(sizes.channels, eps=1e-6)
        self.blocks = nn.ModuleList(ConvNeXtBlock(sizes) for _ in range(sizes.blocks))
        self.leave_norm = nn.LayerNorm(sizes.channels, eps=1e-6)
        self.leave = nn.Linear(sizes.channels, 2 * SPECTRUM_BINS)

    def forward(self, latents: Tensor, frame_lengths: Tensor, global_condition: Tensor) -> tuple[Tensor, Tensor]:
        """Say the spectrum of each frame: the exported graph.

        Args:
            latents: [B, latent, F].
            frame_lengths: [B, 1] int64.
            global_condition: [B, global_dim].

        Returns:
            magnitude and phase, each [B, F, 1281]; the magnitude is zero beyond frame_lengths.
        """
        mask = length_mask(frame_lengths, latents.shape[2])
        features = self.enter(latents * mask).transpose(1, 2) + self.condition(global_condition).unsqueeze(1)
        features = self.enter_norm(features)
        for block in self.blocks:
            features = block(features, mask)
        logarithm, phase = self.leave(self.leave_norm(features)).chunk(2, dim=2)
        magnitude = torch.exp(logarithm).clamp(max=LARGEST_MAGNITUDE)
        return magnitude * mask.transpose(1, 2), phase


def receptive_frames(sizes: LightVocoderSizes) -> int:
    """Frames to each side that decide a frame's samples: those of the convolutions, and of windows that reach in."""
    windows = -(-EDGE_SAMPLES // SAMPLES_PER_FRAME)
    return ENTER_KERNEL // 2 + sizes.blocks * (sizes.kernel // 2) + windows


def waveform_of(magnitude: Tensor, phase: Tensor) -> Tensor:
    """The waveform of a spectrum, differentiable; `gsv_runtime.graphs.inverse_fft` is what serves.

    Args:
        magnitude: [B, F, 1281].
        phase: [B, F, 1281] in radians.

    Returns:
        [B, 640 * F].
    """
    window = torch.hann_window(INVERSE_FFT, device=magnitude.device)
    frames = torch.fft.irfft(torch.polar(magnitude, phase), INVERSE_FFT) * window
    envelope = _overlapped(window.square().expand(1, frames.shape[1], -1))
    return _overlapped(frames) / envelope


def _overlapped(frames: Tensor) -> Tensor:
    """Add [B, F, 2560] up, each 640 samples after the one before, without the edges: [B, 640 * F]."""
    batch, count, _ = frames.shape
    parts = frames.view(batch, count, _OVERLAP, SAMPLES_PER_FRAME)
    whole = sum(functional.pad(parts[:, :, part], (0, 0, part, _OVERLAP - 1 - part)) for part in range(_OVERLAP))
    assert isinstance(whole, Tensor)
    return whole.flatten(1)[:, EDGE_SAMPLES : EDGE_SAMPLES + count * SAMPLES_PER_FRAME]
