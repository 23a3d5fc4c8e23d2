"""Looking after a folder of entries, also while servers use it: count, verify, prune, and carry elsewhere as one file.

An exported library is a tar, uncompressed, for audio hardly compresses: the files as they lie in the folder, then
`end.json`, without which it was cut short. The same entries give the same bytes. Nothing is ever extracted by its name:
an entry is checked, and written where its key says.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from gsv_runtime.cache import disk_files
from gsv_runtime.cache.disk_files import StoredFile
from gsv_runtime.cache.entry import CorruptEntry, Key, parse
from gsv_runtime.contract import ENTRY_KINDS

_END = "end.json"
_FORMAT = "gsv-cache 1"
_MAX_ENTRY_BYTES = 256 << 20  # a hostile file shall not fill the memory

Progress = Callable[[Iterable[StoredFile]], Iterable[StoredFile]]  # hands on what it is given


class BadLibrary(ValueError):
    """A file is no exported library, or was cut short."""


@dataclass(frozen=True)
class Amount:
    """So many entries, and bytes of disk that they take."""

    entries: int = 0
    bytes: int = 0

    def plus(self, file: StoredFile) -> Amount:
        """With one file more."""
        return Amount(self.entries + 1, self.bytes + file.disk_bytes)


@dataclass(frozen=True)
class Stats:
    """What a folder holds; times are seconds since 1970, None where it is empty."""

    kinds: Mapping[str, Amount]
    oldest_use_s: float | None
    newest_use_s: float | None

    @property
    def total(self) -> Amount:
        """Of all kinds."""
        amounts = self.kinds.values()
        return Amount(sum(amount.entries for amount in amounts), sum(amount.bytes for amount in amounts))


@dataclass(frozen=True)
class Verified:
    """How many entries are as they were written, which are not, and how many of those were removed."""

    good: int
    damaged: tuple[Key, ...]
    removed: int


@dataclass
class Imported:
    """What became of the entries of an exported library."""

    added: int = 0
    present: int = 0
    refused: list[str] = field(default_factory=list)  # names of what was damaged, or no entry at all


def stats(folder: Path) -> Stats:
    """Count the entries."""
    kinds = dict.fromkeys(ENTRY_KINDS, Amount())
    used_s = []
    for file in disk_files.stored_files(folder):
        kinds[file.key.kind] = kinds[file.key.kind].plus(file)
        used_s.append(file.used_s)
    return Stats(kinds, min(used_s, default=None), max(used_s, default=None))


def verify(folder: Path, *, delete: bool = False, progress: Progress = iter) -> Verified:
    """Read every entry and compare its checksum; remove the damaged ones if asked to."""
    good, removed = 0, 0
    damaged = []
    for file in progress(list(disk_files.stored_files(folder))):
        try:
            if _checked(file) is not None:
                good += 1
        except CorruptEntry:
            damaged.append(file.key)
            removed += delete and disk_files.remove(file.path)
    return Verified(good, tuple(damaged), removed)


def prune(folder: Path, now_s: float, *, max_bytes: int | None = None, older_than_s: float | None = None) -> Amount:
    """Remove entries that nobody used for so long, then those used least recently until `max_bytes` hold the rest.

    Raises:
        OSError: the folder is read-only, such as.
    """
    gone = Amount()
    files = disk_files.least_recently_used(list(disk_files.stored_files(folder)), now_s)
    held = sum(file.disk_bytes for file in files)
    for file in files:
        unused = older_than_s is not None and now_s - file.used_s > older_than_s
        too_many = max_bytes is not None and held > max_bytes
        if unused or too_many:
            file.path.unlink(missing_ok=True)
            held -= file.disk_bytes
            gone = gone.plus(file)
    disk_files.remove_partial_files(folder)
    return gone


def export(folder: Path, destination: BinaryIO, *, progress: Progress = iter) -> tuple[Amount, tuple[Key, ...]]:
    """Write every good entry to one file.

    Args:
        folder: of the entries.
        destination: is written from front to end, so that it may be a pipe.
        progress: is handed the files.

    Returns:
        What was written, and the keys of damaged entries, which were not.
    """
    written, damaged = Amount(), []
    with tarfile.open(fileobj=destination, mode="w|", format=tarfile.USTAR_FORMAT) as tar:
        for file in progress(list(disk_files.stored_files(folder))):
            try:
                data = _checked(file)
            except CorruptEntry:
                damaged.append(file.key)
                continue
            if data is not None:
                _add(tar, disk_files.relative_path(file.key), data)
                written = written.plus(file)
        _add(tar, _END, json.dumps({"format": _FORMAT, "entries": written.entries}).encode())
    return written, tuple(damaged)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o644  # its other fields are zero, so that the file tells nothing else
    tar.addfile(member, io.BytesIO(data))


def _checked(file: StoredFile) -> bytes | None:
    """A file's bytes, checked; None where it has vanished. That is no use of the entry, so its time is left alone.

    Raises:
        CorruptEntry: they are not as they were written.
    """
    try:
        data = file.path.read_bytes()
    except FileNotFoundError:
        return None
    parse(file.key, data)
    return data


def import_library(folder: Path, source: BinaryIO, *, progress: Callable[[int], object] = int) -> Imported:
    """Add the entries of an exported library; those that the folder has already stay as they are, unless damaged.

    Args:
        folder: made if need be.
        source: is read from front to end, so that it may be a pipe.
        progress: is told the bytes of each entry.

    Raises:
        BadLibrary: it is no exported library, or ends too early; what came before is in the folder, and good.
        OSError: the disk is full, such as.
    """
    result, ended = Imported(), False
    try:
        with tarfile.open(fileobj=source, mode="r|") as tar:
            for member in tar:
                if member.name == _END:
                    _check_end(_content(tar, member), result)
                    ended = True
                else:
                    _import_one(folder, tar, member, result)
                progress(member.size)
    except BadLibrary:
        raise
    except (tarfile.TarError, EOFError, ArithmeticError, ValueError) as failure:
        raise BadLibrary(f"this is no exported library: {failure}") from None
    if not ended:
        raise BadLibrary(
            f"the library was cut short after {_num(result)} entries; import it again when you have it whole"
        )
    return result


def _num(result: Imported) -> int:
    return result.added + result.present + len(result.refused)


def _check_end(content: bytes | None, result: Imported) -> None:
    end = json.loads(content or b"{}")
    if not isinstance(end, dict) or end.get("format") != _FORMAT:
        raise BadLibrary(f"its end says {str(end)[:100]}; need format {_FORMAT!r}")
    if end.get("entries") != _num(result):
        raise BadLibrary(f"it has {_num(result)} entries where {end.get('entries')} were written")


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | None:
    """The bytes of a plain file of bearable size, or None: links, devices, sparse files and the like are not read."""
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse() or member.size > _MAX_ENTRY_BYTES:
        return None
    file = tar.extractfile(member)
    return file.read() if file is not None else None


def _import_one(folder: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, result: Imported) -> None:
    key = disk_files.key_of(member.name)
    data = _content(tar, member) if key is not None else None
    if key is None or data is None or not _is_good(key, data):
        result.refused.append(member.name)
        return
    path = folder / disk_files.relative_path(key)
    if path.exists() and not _is_good(key, path.read_bytes()):
        disk_files.remove(path)
    if disk_files.write(folder, key, data):
        result.added += 1
    else:
        result.present += 1


def _is_good(key: Key, data: bytes) -> bool:
    try:
        parse(key, data)
    except CorruptEntry:
        return False
    return True
