"""The corpus on disk: shards of utterances end to end, each a FLAC file and what is said in it as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from gsv_demo.arrays import Array

HEARD = ".heard.json"  # written by `python -m gsv_judge hear`
MAX_ERRORS = 0.1  # of an utterance's words that a judge may have misheard


@dataclass(frozen=True)
class Entry:
    """One utterance of a shard.

    Attributes:
        text: what was said.
        language: "en", "zh" or "ja".
        voice: who said it.
        samples: how many.
        symbols: the teacher's phones with its marks; may be empty.
        ends_s: where each of them ends.
    """

    text: str
    language: str
    voice: str
    samples: int
    symbols: tuple[str, ...]
    ends_s: tuple[float, ...]


@dataclass(frozen=True)
class Shard:
    """Entries and their samples end to end, [N] int16 at `rate_hz`; `agreed` says which the judge understood."""

    entries: tuple[Entry, ...]
    audio: Array
    rate_hz: int
    agreed: tuple[bool, ...]


def exists(folder: Path, name: str) -> bool:
    """Whether a shard is there, whole."""
    return (folder / f"{name}.json").exists()


def write(folder: Path, name: str, spoken: Sequence[tuple[Entry, NDArray[np.float32]]], rate_hz: int) -> None:
    """Write a shard: the samples first, so that one that has its JSON is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name}.part.flac"
    soundfile.write(part, np.concatenate([audio for _, audio in spoken]), rate_hz, subtype="PCM_16")
    part.replace(folder / f"{name}.flac")
    text = json.dumps([asdict(entry) for entry, _ in spoken], ensure_ascii=False)
    told = folder / f"{name}.part"
    told.write_text(text, encoding="utf-8")
    told.replace(folder / f"{name}.json")


def names(folder: Path) -> list[str]:
    """Names of all whole shards, sorted."""
    return sorted(path.stem for path in folder.glob("*.json") if not path.name.endswith(HEARD))


def read_entries(folder: Path, name: str) -> tuple[Entry, ...]:
    """What is said in a shard."""
    rows = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return tuple(Entry(**{**row, "symbols": tuple(row["symbols"]), "ends_s": tuple(row["ends_s"])}) for row in rows)


def agreements(folder: Path, name: str, count: int) -> tuple[bool, ...]:
    """For each utterance of a shard, whether the judge understood it; all, where no judge has listened."""
    path = folder / f"{name}{HEARD}"
    if not path.exists():
        return (True,) * count
    return tuple(
        found["errors"] <= MAX_ERRORS * found["said"] for found in json.loads(path.read_text(encoding="utf-8"))
    )


def read_shard(folder: Path, name: str) -> Shard:
    """A whole shard."""
    entries = read_entries(folder, name)
    audio, rate_hz = soundfile.read(_sound(folder, name), dtype="int16")
    return Shard(entries, audio, rate_hz, agreements(folder, name, len(entries)))


def _sound(folder: Path, name: str) -> Path:
    """The shard's samples: FLAC as made, or Opus as packed."""
    flac = folder / f"{name}.flac"
    return flac if flac.exists() else folder / f"{name}.opus"
