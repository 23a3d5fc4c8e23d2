"""`python -m gsv_judge hear FOLDER [SHARD ...]`: what Whisper understands of a corpus; shards that were heard are kept.

A shard is `NAME.flac` beside `NAME.json`, a list of utterances end to end (`text`, `language`, `samples`). What is
heard goes to `NAME.heard.json`: for each utterance the units heard, how many were said, and the errors.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from tqdm import tqdm

from gsv_judge.whisper import RATE_HZ
from gsv_judge.words import compare, units

LOG = logging.getLogger("gsv.judge")
_SAID = ".json"
HEARD = ".heard.json"


class Ear(Protocol):
    """Understands many short utterances."""

    def transcribe_many(self, utterances: Any, language: str) -> Any:
        """As `Whisper.transcribe_many`."""


def unheard(folder: Path) -> list[Path]:
    """Shards (`.json` paths) that nobody has listened to, by name."""
    shards = [path for path in sorted(folder.glob(f"*{_SAID}")) if not path.name.endswith(HEARD)]
    return [path for path in shards if path.with_suffix(".flac").exists() and not _answer(path).exists()]


def _answer(shard: Path) -> Path:
    return shard.with_name(shard.stem + HEARD)


def hear_folder(folder: Path, names: Sequence[str], ear: Callable[[], Ear]) -> int:
    """Listen to every shard that has not been heard.

    Args:
        folder: of the shards.
        names: only these; all, where there are none.
        ear: makes the judge, when there is something to hear.

    Returns:
        How many shards were heard.
    """
    waiting = [path for path in unheard(folder) if not names or path.stem in names]
    if not waiting:
        return 0
    listener = ear()
    for path in tqdm(waiting, desc="heard", unit="shard", mininterval=5):
        found = hear_shard(path, listener)
        errors = sum(entry["errors"] for entry in found)
        said = sum(entry["said"] for entry in found)
        part = _answer(path).with_suffix(".part")
        part.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
        part.replace(_answer(path))
        LOG.info("shard heard name=%s utterances=%d errors=%.3f", path.stem, len(found), errors / max(1, said))
    return len(waiting)


def hear_shard(path: Path, ear: Ear) -> list[dict[str, Any]]:
    """What is heard in each utterance of a shard."""
    entries = json.loads(path.read_text(encoding="utf-8"))
    audio, rate_hz = soundfile.read(path.with_suffix(".flac"), dtype="float32")
    ends = np.cumsum([entry["samples"] for entry in entries])
    pieces: list[NDArray[np.float32]] = np.split(audio, ends[:-1])
    found: list[dict[str, Any]] = [{} for _ in entries]
    for language in sorted({entry["language"] for entry in entries}):
        chosen = [index for index, entry in enumerate(entries) if entry["language"] == language]
        utterances = [(soxr.resample(pieces[index], rate_hz, RATE_HZ), entries[index]["text"]) for index in chosen]
        for index, heard in ear.transcribe_many(utterances, language):
            text = entries[chosen[index]]["text"]
            errors = compare(units(text, language), heard.split())
            found[chosen[index]] = {"heard": heard, "said": errors.said, "errors": errors.errors}
    return found
