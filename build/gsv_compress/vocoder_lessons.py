"""How any vocoder learns from the voice's own: spectra and phase of its waveform first, then an adversary, too.

The teacher's waveform follows from the latents alone, so there is one right answer, phase included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from gsv_compress.lessons import HELD_OUT, Segments, compared
from gsv_compress.teacher import Sentence
from gsv_demo.batches import Batch, ahead
from gsv_demo.discriminators import Adversary, Jury
from gsv_demo.recipe import Stage
from gsv_demo.run import Run
from gsv_demo.waveform_losses import envelope_distance, spectral_distance
from gsv_runtime.contract import SAMPLE_RATE_HZ

_FRAMES = 48  # compared, of each segment
_ADVERSARY_WEIGHT, _FEATURE_WEIGHT = 0.05, 0.1
_PHASE_WEIGHT, _ENVELOPE_WEIGHT = 0.3, 1.0
_PHASE_WINDOWS = ((512, 128), (2048, 512))
_SOUND_EVERY = 500
_LEAST_MAGNITUDE = 1e-3
# Takes the student, latents [B, latent, F], conditions [B, global_dim] and the device; gives [B, 640 F].
Speak = Callable[[nn.Module, Tensor, Tensor, str], Tensor]


@dataclass(frozen=True)
class VocoderRecipe:
    """How a vocoder is taught."""

    stage: Stage
    adversary_from: float = 0.5  # share of the training
    jury_width: int = 16


def teach_vocoder(
    name: str, student: nn.Module, speak: Speak, context: int, sentences: Sequence[Sentence], recipe: VocoderRecipe,
    folder: Path, device: str,
) -> None:  # fmt: skip
    """Teach in place, or go on where it stopped.

    Args:
        name: of the checkpoint and the scalars.
        student: made already; goes to the device.
        speak: how it is asked.
        context: frames to each side of a segment that it may see.
        sentences: of the teacher; the last eight are left out.
        recipe: how long and how hard.
        folder: checkpoint and scalars.
        device: "cpu" or "cuda".
    """
    student = student.to(device).train()
    jury = Jury(recipe.jury_width).to(device)
    run = Run(name, recipe.stage, {"student": student}, folder, kept={"jury": jury})
    adversary = Adversary(jury, recipe.stage.learning_rate, (_ADVERSARY_WEIGHT, _FEATURE_WEIGHT))
    heard: dict[str, Tensor] = {}

    def drawing(seed: int) -> Callable[[], Batch]:
        segments = Segments(sentences[:-HELD_OUT] or sentences, _FRAMES, context, seed=seed)

        def draw() -> Batch:
            latents, condition, first, real = segments.batch(recipe.stage.batch)
            return {"latents": latents, "condition": condition, "first": first, "real": real}

        return draw

    def lesson(batch: Batch, judged: bool) -> tuple[Tensor, dict[str, Tensor]]:
        whole, real = speak(student, batch["latents"], batch["condition"], device), batch["real"]
        made = compared(whole, batch["first"], _FRAMES)
        spectral, phase, envelope = (far(made, real) for far in (spectral_distance, phase_distance, envelope_distance))
        loss = spectral + _PHASE_WEIGHT * phase + _ENVELOPE_WEIGHT * envelope
        scalars = {"spectral": spectral, "phase": phase, "envelope": envelope}
        if judged:
            fooled, parts = adversary.judge(made, real)
            loss, scalars = loss + fooled, scalars | parts
        heard.update(student=made[0].detach(), teacher=real[0])
        return loss, scalars

    for batch in ahead(run.steps(), drawing, run.step, device):
        judged = run.progress >= recipe.adversary_from
        run.learn(partial(lesson, judged=judged), batch, f"judged={judged}")
        if run.step % _SOUND_EVERY == 1:
            for side, waveform in heard.items():
                run.sound(f"{name}/{side}", waveform, SAMPLE_RATE_HZ)


def phase_distance(made: Tensor, real: Tensor) -> Tensor:
    """How far complex spectra are apart, as a share of the real one; 1 for silence, more for the wrong phase."""
    total = torch.zeros((), device=made.device)
    for size, hop in _PHASE_WINDOWS:
        window = torch.hann_window(size, device=made.device)
        ours, theirs = (torch.stft(each, size, hop, window=window, return_complex=True) for each in (made, real))
        total = total + (ours - theirs).abs().mean() / theirs.abs().mean().clamp(min=_LEAST_MAGNITUDE)
    return total / len(_PHASE_WINDOWS)
