"""Files of voices: written whole, and looked at before they are taken from elsewhere."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from gsv_runtime.voices.records import VoiceRecord


class DamagedVoice(Exception):
    """Files of a voice that are not what its record says."""


@dataclass(frozen=True)
class VoiceFiles:
    """All that is written of a voice.

    Attributes:
        record: `records.VoiceRecord` as JSON.
        clips: its recordings, in the record's order.
        contents: .npz files by digest; those that are missing are derived anew.
    """

    record: bytes
    clips: Sequence[bytes]
    contents: Mapping[str, bytes]


def checked_record(name: str, files: VoiceFiles, arrays: Iterable[str]) -> VoiceRecord:
    """Read the record of a voice's files, if all that it needs is there and whole.

    Args:
        name: of the voice.
        files: from anywhere.
        arrays: names of those that features consist of.

    Raises:
        DamagedVoice: the files are not whole, or do not belong together.
    """
    try:
        record = VoiceRecord.parse(files.record)
        for content in files.contents.values():
            with np.load(io.BytesIO(content), allow_pickle=False) as found:
                if missing := set(arrays) - set(found):
                    raise ValueError(f"{', '.join(sorted(missing))} is missing")
    except (ValueError, OSError, zipfile.BadZipFile) as failure:
        raise DamagedVoice(f"voice {name!r} is damaged: {failure}") from None
    if record.clips != tuple(hashlib.sha256(clip).hexdigest() for clip in files.clips):
        raise DamagedVoice(f"voice {name!r} is damaged: its recording is not the one that was registered")
    if record.entry.voice != name or not set(files.contents) <= set(record.derived.values()):
        raise DamagedVoice(f"voice {name!r} is damaged: its files belong to another voice")
    if not (files.clips or files.contents):
        raise DamagedVoice(f"voice {name!r} has neither a recording nor features")
    return record


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file that appears whole or not at all."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        try:
            write(file)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
