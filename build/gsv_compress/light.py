"""The light vocoder: taught by what the user's own vocoder makes of the user's own latents (`vocoder_lessons`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gsv_build.modules.light_vocoder import LightVocoder, receptive_frames, waveform_of
from gsv_build.modules.vocoder import Vocoder
from gsv_build.sizes import LightVocoderSizes, SovitsSizes
from gsv_compress.teacher import Sentence
from gsv_compress.vocoder_lessons import VocoderRecipe, teach_vocoder
from gsv_demo.run import half_products
from gsv_runtime.contract import SAMPLES_PER_FRAME
from gsv_runtime.graphs.vocoder_spectrum import INVERSE_FFT, SPECTRUM_BINS

_LEAST_MAGNITUDE = 1e-3


def light_sizes(sovits: SovitsSizes) -> LightVocoderSizes:
    """Sizes in proportion to the latents: officially 512 channels, and 1536 inside a block.

    Half as many inside a block, where the vocoder whose place it takes has not half of its weights.
    """
    channels = 64 * round(512 * sovits.latent / 192 / 64)
    whole = LightVocoderSizes(sovits.latent, sovits.global_dim, channels, 3 * channels)
    with torch.device("meta"):
        is_large = _weights(LightVocoder(whole)) > 2 * _weights(Vocoder(sovits))
    return replace(whole, expanded=3 * channels // 2) if is_large else whole


def _weights(module: nn.Module) -> int:
    return sum(each.numel() for each in module.parameters())


def train_light(
    sentences: Sequence[Sentence], sizes: LightVocoderSizes, recipe: VocoderRecipe, folder: Path, device: str
) -> LightVocoder:
    """Train, or go on where it stopped.

    Args:
        sentences: of the teacher; the last eight are left out.
        sizes: of the student.
        recipe: how long and how hard.
        folder: checkpoint and scalars.
        device: "cpu" or "cuda".
    """
    torch.manual_seed(0)
    student = LightVocoder(sizes)
    start_from_mean_spectrum(student, sentences)
    teach_vocoder("light", student, speak, receptive_frames(sizes), sentences, recipe, folder, device)
    return student.eval()


def speak(student: nn.Module, latents: Tensor, condition: Tensor, device: str) -> Tensor:
    """What the student makes of each segment, [B, 640 F]."""
    lengths = torch.full((len(latents), 1), latents.shape[2], device=latents.device)
    with half_products(device):
        magnitude, phase = student(latents, lengths, condition)
    return waveform_of(magnitude.float(), phase.float())


@torch.no_grad()
def start_from_mean_spectrum(student: LightVocoder, sentences: Sequence[Sentence], count: int = 16) -> None:
    """Let an untrained student say the teacher's mean spectrum, so that it need not learn it first."""
    window = torch.hann_window(INVERSE_FFT)
    means = [
        torch.stft(
            torch.from_numpy(np.ascontiguousarray(each.waveform)), INVERSE_FFT, SAMPLES_PER_FRAME, window=window,
            return_complex=True,
        ).abs().clamp(min=_LEAST_MAGNITUDE).log().mean(dim=1)
        for each in sentences[:count]
    ]  # fmt: skip
    student.leave.bias[:SPECTRUM_BINS] = torch.stack(means).mean(dim=0)
    student.leave.weight[:SPECTRUM_BINS] *= 0.1
