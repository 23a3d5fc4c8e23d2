"""How far a waveform is from the one it should be, and training's fast way through the vocoder."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from gsv_build.modules.vocoder import LAST_SLOPE, SLOPE, ResidualBlock, Vocoder
from gsv_demo.spectra import log_mel, magnitudes

RESOLUTIONS = ((512, 128, 40), (1024, 256, 80), (2048, 512, 120))  # window, hop, mel bands


def spectral_distance(made: Tensor, real: Tensor) -> Tensor:
    """Log-mel and magnitude distance over several resolutions.

    Args:
        made: [B, N] at 32 kHz.
        real: [B, N].

    Returns:
        A scalar; about 0.1 to 0.4 is speech that one can follow.
    """
    total = torch.zeros((), device=made.device)
    for size, hop, bands in RESOLUTIONS:
        made_magnitude, real_magnitude = magnitudes(made, size, hop), magnitudes(real, size, hop)
        mel = functional.l1_loss(log_mel(made_magnitude, bands), log_mel(real_magnitude, bands))
        linear = (made_magnitude - real_magnitude).norm(dim=(1, 2)) / real_magnitude.norm(dim=(1, 2)).clamp(min=1.0)
        total = total + mel + 0.5 * linear.mean()
    return total / len(RESOLUTIONS)


def decode_segment(vocoder: Vocoder, latents: Tensor, global_condition: Tensor) -> Tensor:
    """`Vocoder.forward` for segments without padding, masks left out.

    Args:
        vocoder: with its parameters.
        latents: [B, latent, F].
        global_condition: [B, global_dim].

    Returns:
        [B, 640 * F] float32.
    """
    features = vocoder.enter(latents) + vocoder.condition(global_condition).unsqueeze(-1)
    width = len(vocoder.blocks) // len(vocoder.rates)
    for stage, upsampler in enumerate(vocoder.upsamplers):
        features = upsampler(functional.leaky_relu(features, SLOPE))
        made = [_block(block, features) for block in vocoder.blocks[stage * width : (stage + 1) * width]]
        features = made[0] if width == 1 else torch.stack(made).mean(dim=0)
    leave = vocoder.leave(functional.leaky_relu(features, LAST_SLOPE))
    return torch.tanh(leave.float()).squeeze(1)


def _block(block: torch.nn.Module, features: Tensor) -> Tensor:
    """One residual block without masks."""
    assert isinstance(block, ResidualBlock)
    for dilated, plain in zip(block.dilated, block.plain, strict=True):
        inner = plain(functional.leaky_relu(dilated(functional.leaky_relu(features, SLOPE)), SLOPE))
        features = features + inner
    return features
