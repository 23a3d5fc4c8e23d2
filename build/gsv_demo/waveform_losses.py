"""How far a waveform is from the one it should be, and training's fast way through the vocoder."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from gsv_build.modules.vocoder import LAST_SLOPE, SLOPE, ResidualBlock, Vocoder
from gsv_demo.run import half_products
from gsv_demo.spectra import log_mel, magnitudes, mel_filters

RESOLUTIONS = ((512, 128, 40), (1024, 256, 80), (2048, 512, 120))  # window, hop, mel bands
ENVELOPE_WEIGHT = 2.0  # of `envelope_distance` beside `spectral_distance`
_LINEAR_WEIGHT = 0.1  # more makes what cannot be in phase too quiet
_ENVELOPE_WINDOW, _ENVELOPE_HOP, _ENVELOPE_BANDS = 1024, 256, 40
_ENVELOPE_SPANS = (3, 9)  # frames: 24 and 72 ms
_ENVELOPE_FLOOR = 0.05  # of a band's energy; speech is 0.1 to 100


def spectral_distance(made: Tensor, real: Tensor) -> Tensor:
    """Log-mel and magnitude distance over several resolutions.

    Args:
        made: [B, N] at 32 kHz.
        real: [B, N].

    Returns:
        A scalar, in nats for the most part. Noise in the right envelope has 0.6: see `envelope_distance`.
    """
    total = torch.zeros((), device=made.device)
    for size, hop, bands in RESOLUTIONS:
        made_magnitude, real_magnitude = magnitudes(made, size, hop), magnitudes(real, size, hop)
        mel = functional.l1_loss(log_mel(made_magnitude, bands), log_mel(real_magnitude, bands))
        linear = (made_magnitude - real_magnitude).norm(dim=(1, 2)) / real_magnitude.norm(dim=(1, 2)).clamp(min=1.0)
        total = total + mel + _LINEAR_WEIGHT * linear.mean()
    return total / len(RESOLUTIONS)


def envelope_distance(made: Tensor, real: Tensor) -> Tensor:
    """How far loudness by band is off when the fine structure of voice and noise is averaged away.

    `spectral_distance` is mostly that fine structure, which a small vocoder never gets right and a recogniser does not
    need; this is the part that makes words.

    Args:
        made: [B, N] at 32 kHz.
        real: [B, N].

    Returns:
        A scalar: mean absolute difference in nats, over spans of 24 and of 72 ms.
    """
    filters = mel_filters(_ENVELOPE_WINDOW, _ENVELOPE_BANDS, device=made.device)
    bands = [filters @ magnitudes(waveform, _ENVELOPE_WINDOW, _ENVELOPE_HOP) for waveform in (made, real)]
    total = torch.zeros((), device=made.device)
    for span in _ENVELOPE_SPANS:
        made_log, real_log = ((functional.avg_pool1d(band, span, 1) + _ENVELOPE_FLOOR).log() for band in bands)
        total = total + functional.l1_loss(made_log, real_log)
    return total / len(_ENVELOPE_SPANS)


def decode_segment(vocoder: Vocoder, latents: Tensor, global_condition: Tensor) -> Tensor:
    """`Vocoder.forward` for segments without padding, masks left out.

    On a GPU it runs with TensorFloat-32, not in bfloat16: eight bits would add noise 50 dB below the voice, which is
    louder than speech above 8 kHz.

    Args:
        vocoder: with its parameters.
        latents: [B, latent, F].
        global_condition: [B, global_dim].

    Returns:
        [B, 640 * F] float32.
    """
    device = latents.device.type
    with half_products(device, enabled=device == "cpu"):
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
