"""First half of s2: audio to latent frames and back, so that the vocoder can already speak when the codes are ready."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from gsv_build.modules.reference_encoder import ReferenceEncoder
from gsv_build.modules.vocoder import Vocoder
from gsv_demo.batches import Batch, ahead
from gsv_demo.corpus import Corpus
from gsv_demo.discriminators import Adversary, Jury
from gsv_demo.posterior import Posterior, sample
from gsv_demo.recipe import Recipe
from gsv_demo.run import Run, half_products
from gsv_demo.segments import Segments
from gsv_demo.spectra import linear_spectrogram
from gsv_demo.waveform_losses import ENVELOPE_WEIGHT, decode_segment, envelope_distance, spectral_distance
from gsv_runtime.contract import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME

_CONTEXT_FRAMES = 2  # read on each side of what is decoded
_KL_WEIGHT = 0.03  # only keeps the latents small and smooth; the prior's own divergence comes later
_SOUND_EVERY = 500


def train_autoencoder(corpus: Corpus, recipe: Recipe, folder: Path, device: str) -> Run:
    """Train posterior encoder, reference encoder and vocoder on segments.

    Args:
        corpus: what is spoken.
        recipe: its `autoencoder` stage; from the share `encoders_until` on only the vocoder learns, so that the prior
            can be trained beside it against latents that stand still.
        folder: checkpoint and scalars.
        device: "cpu" or "cuda".
    """
    sizes = recipe.sovits
    modules = {
        "posterior": Posterior(sizes).to(device),
        "reference_encoder": ReferenceEncoder(sizes).to(device),
        "vocoder": Vocoder(sizes).to(device),
    }
    jury = Jury(recipe.jury_width).to(device)
    run = Run("autoencoder", recipe.autoencoder, modules, folder, kept={"jury": jury})
    adversary = Adversary(jury, recipe.autoencoder.learning_rate / 2)
    frames = recipe.segment_frames + 2 * _CONTEXT_FRAMES
    edge = _CONTEXT_FRAMES * SAMPLES_PER_FRAME
    mask = torch.ones(recipe.autoencoder.batch, 1, frames, device=device)
    heard: dict[str, Tensor] = {}

    def drawing(seed: int) -> Callable[[], Batch]:
        segments = Segments(corpus, seed)

        def draw() -> Batch:
            waveform, voices = segments.draw(recipe.autoencoder.batch, frames)
            return {"waveform": waveform, "reference": segments.references(voices, recipe.reference_frames)}

        return draw

    def lesson(batch: Batch, encoders: bool, judged: bool) -> tuple[Tensor, dict[str, Tensor]]:
        spectrum, reference = linear_spectrogram(batch["waveform"]), linear_spectrogram(batch["reference"])
        with half_products(device):
            with torch.set_grad_enabled(encoders):
                condition = modules["reference_encoder"](reference).float()
                mean, log_std = (part.float() for part in modules["posterior"](spectrum, mask, condition))
            latents = sample(mean, log_std)[:, :, _CONTEXT_FRAMES:-_CONTEXT_FRAMES]
        made = decode_segment(modules["vocoder"], latents, condition)  # type: ignore[arg-type]
        real = batch["waveform"][:, edge:-edge]
        distance, envelope = spectral_distance(made, real), envelope_distance(made, real)
        divergence = 0.5 * (mean.square() + (2.0 * log_std).exp() - 1.0 - 2.0 * log_std).mean()
        loss = distance + ENVELOPE_WEIGHT * envelope + _KL_WEIGHT * divergence
        scalars = {"spectral": distance, "envelope": envelope, "divergence": divergence}
        if judged:
            fooled, parts = adversary.judge(made, real)
            loss, scalars = loss + fooled, scalars | parts
        heard["made"] = made.detach()
        return loss, scalars

    for batch in ahead(run.steps(), drawing, recipe.seed + run.step, device, recipe.drawers):
        step, encoders = run.step, run.progress < recipe.encoders_until
        judged = run.progress >= recipe.first_adversary_from
        run.learn(partial(lesson, encoders=encoders, judged=judged), batch, f"encoders={encoders} judged={judged}")
        if step % _SOUND_EVERY == 0:
            run.sound("autoencoder/made", heard["made"][0], SAMPLE_RATE_HZ)
    return run
