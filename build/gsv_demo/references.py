"""The reference clips that ship beside the weights: one for each voice, with what is said in it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import soundfile

from gsv_demo.arrays import Array
from gsv_demo.data import SAMPLE_RATE_HZ, VOICES, original
from gsv_demo.recordings import Entry, names, read_shard

LOG = logging.getLogger(__name__)
FILE = "references.json"
_SHORTEST_S, _LONGEST_S = 3.0, 10.0  # as the server takes them
_TEXTS = {
    "slt": "The young woman found a good book on the table, and the children laughed.",
    "rms": "The captain watched the blue boat near the river, because the weather was so cold.",
    "awb": "My grandmother brought fresh milk and some bread to the small village.",
    "kal16": "The engineer fixed the machine on the second floor, and the work was easy.",
}


def write_natural_references(corpus: Path, directory: Path) -> None:
    """Write one clip a voice from the corpus's part "references", which nothing was trained on.

    Args:
        corpus: folder of the shards.
        directory: made if need be.

    Raises:
        ValueError: no voice has a clip of 3 to 10 s that the judge understood; one that has none is left out, and told.
    """
    directory.mkdir(parents=True, exist_ok=True)
    clips: dict[str, tuple[Entry, Array, int]] = {}
    voices: dict[str, None] = {}
    for name in (name for name in names(corpus) if name.startswith("references-")):
        shard = read_shard(corpus, name)
        ends = np.cumsum([entry.samples for entry in shard.entries])
        pieces = np.split(shard.audio, ends[:-1])
        for entry, agreed, audio in zip(shard.entries, shard.agreed, pieces, strict=True):
            voices[entry.voice] = None
            if agreed and _SHORTEST_S <= entry.samples / shard.rate_hz <= _LONGEST_S:
                clips.setdefault(entry.voice, (entry, audio, shard.rate_hz))
    if not clips:
        raise ValueError(f"{corpus} has no reference of 3 to 10 s for any voice; make that part of the corpus first")
    missing = [voice for voice in voices if voice not in clips]
    if missing:  # hours of training are not thrown away for want of a clip
        LOG.warning("no reference of 3 to 10 s voices=%s; make more of that part of the corpus", ",".join(missing))
    about = []
    for voice in (voice for voice in voices if voice in clips):  # in the turn in which they say the held-out texts
        entry, audio, rate_hz = clips[voice]
        soundfile.write(directory / f"{voice}.flac", audio, rate_hz)
        about.append({"voice": voice, "audio": f"{voice}.flac", "prompt_text": entry.text, "prompt_language": "en"})
    (directory / FILE).write_text(json.dumps(about, indent=2) + "\n")


def write_originals(corpus: Path, directory: Path) -> int:
    """Write the held-out texts as the teachers say them, and `manifest.json`, for `python -m gsv_judge judge`.

    Args:
        corpus: folder of the shards.
        directory: made if need be; references go to `references/` in it, the texts, one a line, to `texts.txt`.

    Returns:
        How many clips there are.

    Raises:
        ValueError: as `write_natural_references`.
    """
    write_natural_references(corpus, directory / "references")
    rows: list[dict[str, str]] = []
    for name in (name for name in names(corpus) if name.startswith("held-out-")):
        shard = read_shard(corpus, name)
        ends = np.cumsum([entry.samples for entry in shard.entries])
        for entry, audio in zip(shard.entries, np.split(shard.audio, ends[:-1]), strict=True):
            reference = f"references/{entry.voice}.flac"
            if not (directory / reference).exists():
                continue
            file = f"{len(rows):04d}-{entry.voice}.flac"
            soundfile.write(directory / file, audio, shard.rate_hz)
            row = {"audio": file, "text": entry.text, "language": entry.language, "speaker": entry.voice}
            rows.append({**row, "reference": reference})
    (directory / "manifest.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    (directory / "texts.txt").write_text("".join(f"{row['text']}\n" for row in rows), encoding="utf-8")
    return len(rows)


def write_references(directory: Path) -> None:
    """Write a FLAC file a voice and `references.json`, which says what each holds.

    Args:
        directory: made if need be.

    Raises:
        ValueError: a clip is not 3 to 10 s long.
    """
    directory.mkdir(parents=True, exist_ok=True)
    about = []
    for voice in VOICES:
        audio = original(_TEXTS[voice], voice)
        seconds = len(audio) / SAMPLE_RATE_HZ
        if not _SHORTEST_S <= seconds <= _LONGEST_S:
            raise ValueError(f"reference of {voice} is {seconds:.1f} s; need 3 to 10 s; change its text")
        soundfile.write(directory / f"{voice}.flac", audio, SAMPLE_RATE_HZ)
        about.append({"voice": voice, "audio": f"{voice}.flac", "prompt_text": _TEXTS[voice], "prompt_language": "en"})
    (directory / FILE).write_text(json.dumps(about, indent=2) + "\n")
