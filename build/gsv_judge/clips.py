"""What is judged: a folder of audio files, and what is known of each.

`manifest.json` in the folder is a list with one entry for each file; a file that it does not name, or a folder without
one, is known by the text beside it (`NAME.txt` beside `NAME.wav`).
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

MANIFEST = "manifest.json"
JUDGE_RATE_HZ = 16_000  # what every judge hears
_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """One audio file to judge.

    Attributes:
        audio: path, in a manifest relative to its folder.
        text: what should be said; without it no words are judged.
        language: "en", "zh" or "ja".
        speaker: whose voice it should be; without it no similarity is judged.
        reference: another clip of that speaker, the one that was imitated.
        original: the same text by the voice that was imitated, for the melody; it need not be as long.
        aligned: the same speech sample by sample (the whole beside the stream, the teacher beside the student).
        chunk_samples: lengths of the pieces it was joined from, at its own rate.
        rtf: seconds waited for each second of audio, where it was measured.
    """

    audio: Path
    text: str = ""
    language: str = "en"
    speaker: str = ""
    reference: Path | None = None
    original: Path | None = None
    aligned: Path | None = None
    chunk_samples: tuple[int, ...] = ()
    rtf: float | None = None

    @property
    def name(self) -> str:
        """By which clips of two runs are paired."""
        return self.audio.stem


def read_folder(folder: Path) -> list[Clip]:
    """Clips of a folder, by name.

    Raises:
        ValueError: there is nothing to judge, or a file that the manifest names is missing.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder; need one with audio files or a {MANIFEST}; `speak` makes one")
    if (folder / MANIFEST).exists():
        clips = [_of_entry(entry, folder) for entry in json.loads((folder / MANIFEST).read_text(encoding="utf-8"))]
    else:
        clips = [_of_file(path) for path in sorted(folder.iterdir()) if path.suffix.lower() in _SUFFIXES]
    if not clips:
        raise ValueError(f"{folder} holds no audio ({', '.join(_SUFFIXES)}); need at least one file")
    missing = [str(clip.audio) for clip in clips if not clip.audio.exists()]
    if missing:
        raise ValueError(f"{folder / MANIFEST} names {missing[0]} ({len(missing)} in all), which is not there")
    return clips


def _of_entry(entry: dict[str, object], folder: Path) -> Clip:
    known = {name: value for name, value in entry.items() if name in Clip.__dataclass_fields__ and value is not None}
    for name in ("audio", "reference", "original", "aligned"):
        if name in known:
            known[name] = folder / str(known[name])
    known["chunk_samples"] = tuple(known.get("chunk_samples", ()))  # type: ignore[arg-type]
    return Clip(**known)  # type: ignore[arg-type]


def _of_file(path: Path) -> Clip:
    told = path.with_suffix(".txt")
    return Clip(path, told.read_text(encoding="utf-8").strip() if told.exists() else "")


def write_manifest(folder: Path, clips: Sequence[Clip]) -> None:
    """Write what is known of the clips, paths relative to the folder."""
    rows = []
    for clip in clips:
        row = asdict(clip)
        for name in ("audio", "reference", "original", "aligned"):
            path = row[name]
            row[name] = None if path is None else os.path.relpath(Path(path).resolve(), folder.resolve())
        rows.append(row)
    (folder / MANIFEST).write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read_audio(path: Path) -> tuple[Samples, int]:
    """Mono samples [N] in [-1, 1], and their rate."""
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    return samples.mean(axis=1), rate_hz


@functools.lru_cache(maxsize=64)
def at_judge_rate(path: Path) -> Samples:
    """Samples [N] at 16 kHz."""
    samples, rate_hz = read_audio(path)
    return np.asarray(soxr.resample(samples, rate_hz, JUDGE_RATE_HZ), dtype=np.float32)
