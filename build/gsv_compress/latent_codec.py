"""`python -m gsv_compress.latent_codec`: trains the codec of latents of a voice, from its own checkpoint alone.

The voice says texts of ours. Its vocoder tells how far a small change of each latent moves what is heard, and that
is the measure by which the tables of the codec are fitted to the latents. Lessons resume. Data goes to stdout, talk to
stderr. Exit status: 0 done, 1 failed, 2 misuse.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from gsv_build.checkpoints import CheckpointError
from gsv_build.modules.light_vocoder import LightVocoder, waveform_of
from gsv_build.stage_builds import Weights
from gsv_build.weights import Chosen, find_weights
from gsv_compress import lessons
from gsv_compress.making import OUR_REFERENCES
from gsv_compress.teacher import Sentence, Teacher, read_references
from gsv_demo.spectra import magnitudes, mel_filters
from gsv_runtime.contract import TTS
from gsv_runtime.model_files import DEFAULT_REPOSITORY, LATENT_CODEC_FILE
from gsv_runtime.tensors import Array
from gsv_runtime.tts.codec_file import write_codec
from gsv_runtime.tts.synthesis.latent_codec import (
    ENTRIES,
    KBIT_S_PER_STAGE,
    MOST_STAGES,
    LatentCodec,
    nearest_sums,
    table_search,
)

LOG = logging.getLogger("gsv.compress")
LANGUAGES = ("en", "zh", "ja")
RATES_KBIT_S = (4, 6, 8, 12)  # that the report tells of; any multiple of 0.4 may be asked for
_SEED = 0
_FRAMES, _CONTEXT, _BATCH = 32, 16, 8  # of a segment whose vocoder's answer is differentiated
_WINDOW, _HOP, _BANDS = 1024, 256, 80
_LOUDNESS = 0.3  # exponent from magnitude to what is heard, roughly
_SILENCE = 1e-4
_LEAST_SENSITIVITY = 1e-3  # of the mean one, so that no direction is forgotten
_ROUNDS = 12  # of k-means
# Columns of a frame that one table has. Held-out sentences of the demo voice, which has 96, are 2.1 dB nearer at
# 12 kbit/s than with tables over all columns, 1.5 dB at 8, 0.4 dB farther at 4; and a search is a third of the work.
_COLUMNS = 32


@dataclass(frozen=True)
class CodecPlan:
    """What is trained on what."""

    weights: Path
    chosen: Chosen
    repository: Path
    work: Path
    references: Path
    language: str
    lessons: int
    threads: int


def make_codec(plan: CodecPlan) -> Path:
    """Train, write the file beside `tts` of the repository, and tell what the rates lose; returns the file.

    Raises:
        CheckpointError: the voice cannot be read.
        ValueError: there is no sentence to learn from.
    """
    torch.set_num_threads(plan.threads)
    files = find_weights(plan.weights, chosen=plan.chosen)
    speaking = Teacher(files, plan.weights, plan.work / "teacher", plan.threads)
    folder = plan.work / "lessons"
    lessons.make(speaking, speaking.speakers(plan.references), plan.language, plan.lessons, folder)
    said = lessons.load(folder)
    kept, held_out = said[: -lessons.HELD_OUT] or said, said[-lessons.HELD_OUT :]
    heard = sensitivity(Weights(files).sovits.module.vocoder, kept)
    codec = fitted(kept, heard, speaking.facts.weights_digest)
    path = plan.repository / TTS.name / "1" / LATENT_CODEC_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    written = write_codec(path, codec)
    for kbit_s, db in losses(written, held_out).items():
        LOG.info("codec kbit_s=%g nearness_db=%.1f", kbit_s, db)
    LOG.info("codec written file=%s mb=%.2f lessons=%d", path, path.stat().st_size / 1e6, len(kept))
    return path


def sensitivity(vocoder: nn.Module, sentences: Sequence[Sentence], batches: int = 24) -> Array:
    """Measure how far what is heard moves with each direction of a latent frame.

    Args:
        vocoder: of the voice.
        sentences: that it said.
        batches: of segments.

    Returns:
        [D, D] float64: a change d of one frame moves the spectrum by d' S d, in the mean over frames.
    """
    torch.manual_seed(_SEED)
    segments = lessons.Segments(sentences, _FRAMES, _CONTEXT, _SEED)
    total = np.zeros((sentences[0].latents.shape[0],) * 2)
    for _ in tqdm(range(batches), desc="what the vocoder hears", unit="batch", mininterval=5):
        latents, conditions, *_ = segments.batch(_BATCH)
        latents.requires_grad_()
        heard = _loudness_of(_spoken(vocoder, latents, conditions))
        signs = torch.randint(0, 2, heard.shape).float() * 2 - 1  # a random projection: its square is S in the mean
        (gradient,) = torch.autograd.grad((heard * signs).sum(), latents)
        inner = gradient[:, :, _CONTEXT:-_CONTEXT].permute(0, 2, 1).reshape(-1, total.shape[0]).numpy()
        total += inner.T @ inner / inner.shape[0]
    return total / batches


def _spoken(vocoder: nn.Module, latents: Tensor, conditions: Tensor) -> Tensor:
    lengths = torch.full((len(latents), 1), latents.shape[2])
    made = vocoder(latents, lengths, conditions)
    return waveform_of(*made) if isinstance(vocoder, LightVocoder) else made


def _loudness_of(waveform: Tensor) -> Tensor:
    """Mel bands of [B, N], compressed as an ear does: [B, 80, T]."""
    mel = mel_filters(_WINDOW, _BANDS) @ magnitudes(waveform, _WINDOW, _HOP)
    return (mel + _SILENCE).pow(_LOUDNESS)


def fitted(sentences: Sequence[Sentence], heard: Array, weights_digest: str) -> LatentCodec:
    """Fit a codec.

    Args:
        sentences: whose latents are written.
        heard: of `sensitivity`.
        weights_digest: of the voice.
    """
    frames = np.concatenate([each.latents.T for each in sentences]).astype(np.float32)
    mean = frames.mean(axis=0)
    values, vectors = np.linalg.eigh(heard)
    scales = np.sqrt(np.maximum(values, _LEAST_SENSITIVITY * values.mean()))
    scales /= np.sqrt(np.mean(np.square((frames - mean) @ vectors * scales)))
    enter, leave = vectors * scales, (vectors / scales).T
    tables = fitted_tables((frames - mean) @ enter.astype(np.float32), MOST_STAGES)
    return LatentCodec(mean, enter.astype(np.float32), leave.astype(np.float32), tables, weights_digest, "")


def fitted_tables(frames: Array, stages: int) -> Array:
    """Fit one table after the other to those columns of what is left that hold most of it.

    Args:
        frames: [F, K] float32.
        stages: tables to fit.

    Returns:
        [stages, 256, K] float32, zero beside the columns that a table was fitted to.
    """
    rng = np.random.default_rng(_SEED)
    residual, tables = frames.copy(), np.zeros((stages, ENTRIES, frames.shape[1]), dtype=np.float32)
    for table in tqdm(tables, desc="tables", unit="table", mininterval=5):
        energy = np.square(residual).sum(axis=0)
        start = max(range(0, energy.size, _COLUMNS), key=lambda first: energy[first : first + _COLUMNS].sum())
        columns = slice(start, start + _COLUMNS)
        table[:, columns] = _k_means(np.ascontiguousarray(residual[:, columns]), rng)
        residual -= table[_nearest(residual, table)]
    return tables


def _k_means(points: Array, rng: np.random.Generator) -> Array:
    """256 centres of [F, K]; a centre that nobody is near to is put where somebody is."""
    centres = points[rng.choice(len(points), ENTRIES, replace=len(points) < ENTRIES)].copy()
    for _ in range(_ROUNDS):
        nearest = _nearest(points, centres)
        counts = np.bincount(nearest, minlength=ENTRIES)
        order = np.argsort(nearest, kind="stable")
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        sums = np.add.reduceat(points[order], np.minimum(starts, len(points) - 1), axis=0)
        centres = sums / np.maximum(counts, 1)[:, np.newaxis]
        empty = counts == 0
        centres[empty] = points[rng.choice(len(points), int(empty.sum()))]
    return np.asarray(centres, dtype=np.float32)


def _nearest(points: Array, centres: Array) -> Array:
    """The centre of each of [F, K]: [F] uint8."""
    return nearest_sums(points, (table_search(centres),))[:, 0]


def losses(codec: LatentCodec, sentences: Sequence[Sentence]) -> dict[float, float]:
    """How near the codec comes to sentences at each rate, in dB of what the vocoder hears."""
    latents = np.concatenate([each.latents for each in sentences], axis=1).astype(np.float32)
    inner = (latents.T - codec.mean) @ codec.enter
    found = {}
    for kbit_s in RATES_KBIT_S:
        codes = codec.encode(latents, round(kbit_s / KBIT_S_PER_STAGE))
        error = (codec.decode(codes).T - codec.mean) @ codec.enter - inner
        found[float(kbit_s)] = 10 * float(np.log10(np.square(inner).sum() / np.square(error).sum()))
    return found


def parser() -> argparse.ArgumentParser:
    """Arguments of the command."""
    top = argparse.ArgumentParser(prog="python -m gsv_compress.latent_codec", description=__doc__)
    top.add_argument("--weights", type=Path, required=True, help="directory of the voice, as `make build` takes it")
    top.add_argument("--t2s", type=Path, help="the voice's .ckpt, under any name")
    top.add_argument("--sovits", type=Path, help="the voice's .pth, under any name")
    top.add_argument("--base", type=Path, help="directory of HuBERT, BERT and the speaker encoder")
    top.add_argument("--repository", type=Path, default=DEFAULT_REPOSITORY, help="where the codec is written")
    top.add_argument("--work", type=Path, default=Path("var/codec"), help="lessons")
    top.add_argument("--references", type=Path, default=OUR_REFERENCES, help="folder of clips with references.json")
    top.add_argument("--language", choices=LANGUAGES, default="en", help="of the texts that the voice says")
    top.add_argument("--lessons", type=int, default=150, help="texts that the voice says")
    top.add_argument("--threads", type=int, default=2, help="of the CPU")
    return top


def plan_of(asked: argparse.Namespace) -> CodecPlan:
    """The plan of a command line."""
    chosen = Chosen(asked.t2s, asked.sovits, asked.base)
    return CodecPlan(
        asked.weights,
        chosen,
        asked.repository,
        asked.work,
        asked.references,
        asked.language,
        asked.lessons,
        asked.threads,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    plan = plan_of(parser().parse_args(arguments))
    try:
        read_references(plan.references)  # before the minutes of work that need them
        path = make_codec(plan)
    except (CheckpointError, ValueError) as failure:
        LOG.error("%s", failure)
        return 1
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
