"""What a text student learns from: rows of characters and the features that the teacher, a BERT, gives them.

A file holds the rows of some texts; making them resumes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from gsv_build.modules.bert import Bert
from gsv_compress.lessons import write_arrays
from gsv_runtime.tensors import Array
from gsv_runtime.text.frontend import TextFrontend

_TEXTS_OF_FILE = 32


@dataclass(frozen=True)
class TextLesson:
    """One row of characters.

    Attributes:
        token_ids: [C] int64, CLS and SEP included.
        features: [C, D] float32.
    """

    token_ids: Array
    features: Array


def rows_of(text: str, frontend: TextFrontend, vocabulary: Sequence[str]) -> Iterator[Array]:
    """Rows of ids as `bert` gets them for a Chinese text, [C] int64 each, CLS and SEP included."""
    begin, end = vocabulary.index("[CLS]"), vocabulary.index("[SEP]")
    read = frontend.process(text, "zh")
    for row in np.split(read.bert_token_ids, np.cumsum(read.run_characters)[:-1]):
        if row.size:
            yield np.concatenate([[begin], row, [end]])


def make(bert: Bert, frontend: TextFrontend, vocabulary: Sequence[str], texts: Sequence[str], folder: Path) -> None:
    """Let the teacher read texts.

    Args:
        bert: the teacher, on the device where it shall run.
        frontend: reads them.
        vocabulary: the teacher's.
        texts: to read.
        folder: a file for each few texts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, len(texts), _TEXTS_OF_FILE)
    for number, start in enumerate(tqdm(starts, desc="teacher reads", unit="file", mininterval=5)):
        path = folder / f"{number:05d}.npz"
        if path.exists():
            continue
        rows = [row for text in texts[start : start + _TEXTS_OF_FILE] for row in rows_of(text, frontend, vocabulary)]
        _write(path, rows, features_of(bert, rows))


@torch.no_grad()
def features_of(bert: Bert, rows: Sequence[Array]) -> list[Array]:
    """What the teacher gives rows, [C, D] float32 each."""
    if not rows:
        return []
    device = bert.characters.weight.device
    ids = torch.zeros((len(rows), max(map(len, rows))), dtype=torch.int64)
    for target, row in zip(ids, rows, strict=True):
        target[: len(row)] = torch.from_numpy(row)
    lengths = torch.tensor([[len(row)] for row in rows])
    features = bert(ids.to(device), lengths.to(device)).float().cpu().numpy()
    return [each[: len(row)] for each, row in zip(features, rows, strict=True)]


def load(folder: Path) -> list[TextLesson]:
    """Read all lessons.

    Raises:
        ValueError: there is none.
    """
    found = [lesson for path in sorted(folder.glob("*.npz")) for lesson in _read(path)]
    if not found:
        raise ValueError(f"{folder} holds no Chinese text; need some to learn from (--chinese-texts FILE)")
    return found


def _write(path: Path, rows: Sequence[Array], features: Sequence[Array]) -> None:
    """Write rows whole or not at all; features in half precision."""
    arrays = {
        "lengths": np.array([len(row) for row in rows], dtype=np.int64),
        "token_ids": np.concatenate([*rows, np.zeros(0, dtype=np.int64)]),
        "features": np.concatenate(features).astype(np.float16) if features else np.zeros((0, 1), dtype=np.float16),
    }
    write_arrays(path, arrays)


def _read(path: Path) -> Iterator[TextLesson]:
    with np.load(path) as file:
        lengths, ids, features = file["lengths"], file["token_ids"], file["features"].astype(np.float32)
    stop = 0
    for length in lengths:
        start, stop = stop, stop + int(length)
        yield TextLesson(ids[start:stop], features[start:stop])
