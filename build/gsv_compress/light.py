"""The light vocoder: taught by what the user's own vocoder makes of the user's own latents.

The teacher's waveform follows from the latents alone, so there is one right answer, phase included: the student is
first compared with it, spectrum by spectrum, and then also judged by an adversary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gsv_build.modules.light_vocoder import LightVocoder, receptive_frames, waveform_of
from gsv_build.sizes import LightVocoderSizes, SovitsSizes
from gsv_compress.lessons import HELD_OUT, Segments
from gsv_compress.teacher import Sentence
from gsv_demo.batches import Batch, ahead
from gsv_demo.discriminators import Adversary, Jury
from gsv_demo.recipe import Stage
from gsv_demo.run import Run
from gsv_demo.waveform_losses import spectral_distance
from gsv_runtime.contract import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from gsv_runtime.graphs.vocoder_spectrum import INVERSE_FFT, SPECTRUM_BINS

_FRAMES = 48  # compared, of each segment
_ADVERSARY_WEIGHT, _FEATURE_WEIGHT = 0.05, 0.1
_PHASE_WEIGHT = 0.3
_PHASE_WINDOWS = ((512, 128), (2048, 512))
_SOUND_EVERY = 500
_LEAST_MAGNITUDE = 1e-3


@dataclass(frozen=True)
class LightRecipe:
    """How a light vocoder is trained."""

    stage: Stage
    adversary_from: float = 0.5  # share of the training
    jury_width: int = 16


def light_sizes(sovits: SovitsSizes) -> LightVocoderSizes:
    """Sizes in proportion to the latents: officially 512 channels, and 1536 inside a block."""
    channels = 64 * round(512 * sovits.latent / 192 / 64)
    return LightVocoderSizes(sovits.latent, sovits.global_dim, channels, 3 * channels)


def train_light(
    sentences: Sequence[Sentence], sizes: LightVocoderSizes, recipe: LightRecipe, folder: Path, device: str
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
    context = receptive_frames(sizes)
    student, jury = LightVocoder(sizes).to(device), Jury(recipe.jury_width).to(device)
    start_from_mean_spectrum(student, sentences)
    run = Run("light", recipe.stage, {"student": student}, folder, kept={"jury": jury})
    adversary = Adversary(jury, recipe.stage.learning_rate, (_ADVERSARY_WEIGHT, _FEATURE_WEIGHT))
    heard: dict[str, Tensor] = {}

    def drawing(seed: int) -> Callable[[], Batch]:
        segments = Segments(sentences[:-HELD_OUT] or sentences, _FRAMES, context, seed=seed)

        def draw() -> Batch:
            latents, condition, real = segments.batch(recipe.stage.batch)
            return {"latents": latents, "condition": condition, "real": real}

        return draw

    def lesson(batch: Batch, judged: bool) -> tuple[Tensor, dict[str, Tensor]]:
        made, real = speak(student, batch["latents"], batch["condition"], context, device), batch["real"]
        spectral, phase = spectral_distance(made, real), phase_distance(made, real)
        loss = spectral + _PHASE_WEIGHT * phase
        scalars = {"spectral": spectral, "phase": phase}
        if judged:
            fooled, parts = adversary.judge(made, real)
            loss, scalars = loss + fooled, scalars | parts
        heard.update(student=made[0].detach(), teacher=real[0])
        return loss, scalars

    for batch in ahead(run.steps(), drawing, run.step, device):
        judged = run.progress >= recipe.adversary_from
        run.learn(partial(lesson, judged=judged), batch, f"judged={judged}")
        if run.step % _SOUND_EVERY == 1:
            for name, waveform in heard.items():
                run.sound(f"light/{name}", waveform, SAMPLE_RATE_HZ)
    return student.eval()


def speak(student: LightVocoder, latents: Tensor, condition: Tensor, context: int, device: str) -> Tensor:
    """What the student makes of the middle of each segment, [B, 640 F]."""
    lengths = torch.full((len(latents), 1), latents.shape[2], device=latents.device)
    with torch.autocast(device, dtype=torch.bfloat16):
        magnitude, phase = student(latents, lengths, condition)
    waveform = waveform_of(magnitude.float(), phase.float())
    edge = context * SAMPLES_PER_FRAME
    return waveform[:, edge : waveform.shape[1] - edge]


def phase_distance(made: Tensor, real: Tensor) -> Tensor:
    """How far complex spectra are apart, as a share of the real one; 1 for silence, more for the wrong phase."""
    total = torch.zeros((), device=made.device)
    for size, hop in _PHASE_WINDOWS:
        window = torch.hann_window(size, device=made.device)
        ours, theirs = (torch.stft(each, size, hop, window=window, return_complex=True) for each in (made, real))
        total = total + (ours - theirs).abs().mean() / theirs.abs().mean().clamp(min=_LEAST_MAGNITUDE)
    return total / len(_PHASE_WINDOWS)


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
