"""A student of the Chinese BERT for small devices: pieces of SentencePiece in, features of each character out.

It learns the teacher's features themselves, character by character, so T2S need not be trained again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gsv_build.modules.text_student import TextStudent
from gsv_build.sizes import BertSizes, TextStudentSizes
from gsv_compress.text_lessons import TextLesson
from gsv_demo.batches import Batch, ahead
from gsv_demo.recipe import Stage
from gsv_demo.run import Run
from gsv_runtime.graphs.text_piece_stage import TextPieces

if TYPE_CHECKING:
    from gsv_runtime.tensors import Array

_OFFICIAL = TextStudentSizes()
_LEAST_HIDDEN, _HEAD = 32, 64
_DIRECTION_WEIGHT = 0.5
_SPECIAL = 8  # more pieces than characters: unknown, begin, end, and room
_LEAST_VARIANCE = 1e-6


def student_sizes(bert: BertSizes, pieces: int = _OFFICIAL.pieces) -> TextStudentSizes:
    """Sizes in proportion to the teacher's: of RoBERTa-large a quarter of its width, and four layers."""
    hidden = max(_LEAST_HIDDEN, round(bert.hidden / 4 / _HEAD) * _HEAD)
    heads = max(1, hidden // _HEAD)
    return replace(
        _OFFICIAL,
        pieces=pieces,
        hidden=hidden,
        heads=heads,
        feed_forward=4 * hidden,
        max_positions=bert.max_positions,
        bert_dim=bert.hidden,
    )


def train_pieces(rows: Iterable[str], most: int) -> str:
    """Find the pieces of texts, in a process of its own: its library cannot stand beside OpenVINO.

    Args:
        rows: characters as the teacher knows them.
        most: pieces, at most; every character is one, too.

    Returns:
        Lines of `text_piece_stage.parsed_pieces`.

    Raises:
        ValueError: there is no text, or SentencePiece failed.
    """
    texts = [row for row in rows if row]
    asked = json.dumps({"texts": texts, "most": max(most, len(set("".join(texts))) + _SPECIAL)})
    command = [sys.executable, "-m", "gsv_compress.piece_training"]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise ValueError(f"SentencePiece found no pieces in {len(texts)} texts: {done.stderr.strip()[-300:]}")
    return done.stdout


def pack(lessons: Sequence[TextLesson], pieces: TextPieces) -> Batch:
    """Lessons as a padded batch: what `TextStudent` takes, and `features` [B, C, D]."""
    widest = max(lesson.token_ids.size for lesson in lessons)
    ids = np.zeros((len(lessons), widest), dtype=np.int64)
    features = np.zeros((len(lessons), widest, lessons[0].features.shape[1]), dtype=np.float32)
    for row, lesson in enumerate(lessons):
        ids[row, : lesson.token_ids.size] = lesson.token_ids
        features[row, : lesson.token_ids.size] = lesson.features
    lengths = np.array([[lesson.token_ids.size] for lesson in lessons], dtype=np.int64)
    arrays = {**pieces.inputs(ids, lengths), "features": features}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def batches_of(
    lessons: Sequence[TextLesson], pieces: TextPieces, count: int, rng: np.random.Generator
) -> Iterator[Batch]:
    """Endless batches of `count` lessons of like length."""
    order = sorted(range(len(lessons)), key=lambda index: lessons[index].token_ids.size)
    groups = [order[start : start + count] for start in range(0, len(order), count)]
    while True:
        for group in rng.permutation(len(groups)):
            yield pack([lessons[index] for index in groups[group]], pieces)


def distance(student: TextStudent, batch: Batch, variance: float) -> tuple[Tensor, Tensor]:
    """How far features are from the teacher's: squared as a share of their variance, and by direction."""
    made = _features(student, batch)
    lengths = batch["character_lengths"]
    real = torch.arange(made.shape[1], device=made.device)[None, :] < lengths
    ours, theirs = made[real].float(), batch["features"][real]
    share = (ours - theirs).square().mean() / variance
    return share, 1.0 - functional.cosine_similarity(ours, theirs, dim=1).mean()


def teach(
    student: TextStudent, lessons: Sequence[TextLesson], pieces: TextPieces, stage: Stage, folder: Path, device: str
) -> TextStudent:
    """Train the student, or go on where it stopped.

    Args:
        student: new.
        lessons: of the teacher.
        pieces: of the student.
        stage: how long and how hard.
        folder: checkpoint and scalars.
        device: "cpu" or "cuda".
    """
    student = student.to(device).train()
    run = Run("text", stage, {"student": student}, folder)
    sample = np.concatenate([lesson.features for lesson in lessons[:256]])
    variance = max(float(sample.var(axis=0).mean()), _LEAST_VARIANCE)

    def drawing(seed: int) -> Callable[[], Batch]:
        drawn = batches_of(lessons, pieces, stage.batch, np.random.default_rng(seed))
        return lambda: next(drawn)

    for batch in ahead(run.steps(), drawing, run.step, device):
        share, direction = distance(student, batch, variance)
        run.advance(share + _DIRECTION_WEIGHT * direction, {"share": share, "direction": direction})
    return student.cpu().eval()


@torch.no_grad()
def cosines(student: TextStudent, lessons: Sequence[TextLesson], pieces: TextPieces) -> Array:
    """How alike the features of each character are, CLS and SEP left out: [N] from -1 to 1."""
    found = []
    for lesson in lessons:
        made = _features(student, pack([lesson], pieces))[0, 1:-1]
        found.append(functional.cosine_similarity(made, torch.from_numpy(lesson.features[1:-1]), dim=1).numpy())
    return np.concatenate(found)


def _features(student: TextStudent, batch: Batch) -> Tensor:
    made: Tensor = student(
        batch["piece_ids"],
        batch["piece_lengths"],
        batch["character_pieces"],
        batch["character_places"],
        batch["character_lengths"],
    )
    return made
