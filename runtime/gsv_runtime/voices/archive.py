"""Voices as one file: a tar with a folder for each, which holds its recording, what was derived, and voice.json.

ann/clip-0              the recording, as it was sent
ann/<digest>.npz        what was derived from it, for a server with the same weights
ann/voice.json          its record; the last file of its folder
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from gsv_runtime.voices.store import VoiceStore
from gsv_runtime.voices.voice_files import DamagedVoice, VoiceFiles

_RECORD = "voice.json"
_MEMBER = re.compile(r"(?P<voice>[A-Za-z0-9_-]{1,64})/(?P<file>clip-\d{1,2}|[0-9a-f]{64}\.npz|voice\.json)")
_LARGEST_BYTES = 64 << 20  # of one file


class NoArchive(Exception):
    """A file is no archive of voices."""


@dataclass
class ImportedVoices:
    """What became of each voice of an archive, by name."""

    added: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)  # and left as they were
    refused: list[str] = field(default_factory=list)  # damaged


def export(store: VoiceStore, names: Iterable[str], destination: BinaryIO) -> None:
    """Write voices as a tar.

    Raises:
        VoiceNotFound: there is none of such a name.
    """
    with tarfile.open(fileobj=destination, mode="w|") as archive:
        for name in names:
            files = store.files(name)
            for number, clip in enumerate(files.clips):
                _add(archive, f"{name}/clip-{number}", clip)
            for digest, content in files.contents.items():
                _add(archive, f"{name}/{digest}.npz", content)
            _add(archive, f"{name}/{_RECORD}", files.record)


def import_archive(store: VoiceStore, source: BinaryIO, *, replace: bool = False) -> ImportedVoices:
    """Register the voices of a tar that `export` wrote.

    Args:
        store: where they go.
        source: the tar.
        replace: whether a voice that is registered already is replaced; else it is left as it is.

    Raises:
        NoArchive: it is no such tar.
    """
    done = ImportedVoices()
    try:
        with tarfile.open(fileobj=source, mode="r|*") as archive:
            for name, files in _voices(archive):
                try:
                    is_new = store.restore(name, files, replace=replace)
                except DamagedVoice:
                    done.refused.append(name)
                else:
                    (done.added if is_new else done.present).append(name)
    except tarfile.TarError as failure:
        raise NoArchive(f"no archive of voices: {failure}; need a file that `gsv voices export` wrote") from None
    if not (done.added or done.present or done.refused):
        raise NoArchive("no voice is in there; need a file that `gsv voices export` wrote")
    return done


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def _voices(archive: tarfile.TarFile) -> Iterator[tuple[str, VoiceFiles]]:
    """Each voice when its record comes; other files of the tar are passed over, and nothing is unpacked to a path."""
    clips: dict[str, dict[int, bytes]] = {}
    contents: dict[str, dict[str, bytes]] = {}
    for member in archive:
        found = _MEMBER.fullmatch(member.name)
        opened = archive.extractfile(member) if found and member.isreg() and member.size <= _LARGEST_BYTES else None
        if found is None or opened is None:
            continue
        name, file, data = found["voice"], found["file"], opened.read()
        if file == _RECORD:
            sent = clips.pop(name, {})
            yield name, VoiceFiles(data, [sent[number] for number in sorted(sent)], contents.pop(name, {}))
        elif file.endswith(".npz"):
            contents.setdefault(name, {})[file.removesuffix(".npz")] = data
        else:
            clips.setdefault(name, {})[int(file.removeprefix("clip-"))] = data
