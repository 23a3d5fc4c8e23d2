"""Entries as files `<kind>/<2 hex>/<digest>` of a folder that several processes share; no state, no bound.

A file is written beside the others and renamed, so that nobody sees half of it, and two who write the same key leave
one of two good files. It is not synced: what a power cut leaves half written fails its checksum, and is computed again.
Files of other names are left alone.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gsv_runtime.cache.entry import Key
from gsv_runtime.contract import ENTRY_KINDS

BLOCK_BYTES = 4096  # a file takes whole blocks
_INCOMING = "incoming"
_STALE_S = 3600.0  # nobody writes one entry for so long
_TOUCH_EVERY_S = 60.0
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class StoredFile:
    """One entry's file."""

    key: Key
    path: Path
    size_bytes: int
    used_s: float  # when it was written or last read, to a minute; seconds since 1970

    @property
    def disk_bytes(self) -> int:
        """What it takes of the disk."""
        return disk_bytes(self.size_bytes)


def disk_bytes(size_bytes: int) -> int:
    """What a file of so many bytes takes of the disk."""
    return -(-size_bytes // BLOCK_BYTES) * BLOCK_BYTES


def relative_path(key: Key) -> str:
    """Where an entry's file lies in the folder."""
    return f"{key.kind}/{key.digest[:2]}/{key.digest}"


def key_of(relative: str) -> Key | None:
    """The key whose file lies there, or None for any other path."""
    kind, _, rest = relative.partition("/")
    digest = rest[3:]
    if kind not in ENTRY_KINDS or not _DIGEST.fullmatch(digest) or rest[:3] != digest[:2] + "/":
        return None
    return Key(kind, digest)


def read(folder: Path, key: Key) -> bytes | None:
    """An entry's bytes, unchecked, or None where it has no file.

    Raises:
        OSError: there is one that cannot be read.
    """
    try:
        with open(folder / relative_path(key), "rb", buffering=0) as file:
            data = file.readall()
            _touch(file.fileno())
            return data
    except (FileNotFoundError, NotADirectoryError):
        return None


def _touch(descriptor: int) -> None:
    """Notes that a file is in use, once a minute at most; a time in the future is put right."""
    now = time.time()
    if abs(now - os.fstat(descriptor).st_mtime) >= _TOUCH_EVERY_S:
        with suppress(OSError):  # read-only, or another's
            os.utime(descriptor, (now, now))


def write(folder: Path, key: Key, data: bytes) -> bool:
    """Write an entry's file, unless there is one; return whether it did.

    Raises:
        OSError: it could not; nothing is left of the attempt.
    """
    path = folder / relative_path(key)
    if path.exists():
        return False
    incoming = folder / _INCOMING
    incoming.mkdir(parents=True, exist_ok=True)
    partial = incoming / f"{key.digest}.{secrets.token_hex(8)}"
    try:
        with open(partial, "xb", buffering=0) as file:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
    return True


def remove(path: Path) -> bool:
    """Remove a file; whether it was there and could be removed."""
    try:
        path.unlink()
    except OSError:
        return False
    return True


def stored_files(folder: Path) -> Iterator[StoredFile]:
    """Every entry's file, by kind and digest; those that vanish meanwhile are left out."""
    for kind in ENTRY_KINDS:
        for prefix in _names(folder / kind):
            for name in _names(folder / kind / prefix):
                key = key_of(f"{kind}/{prefix}/{name}")
                with suppress(FileNotFoundError):
                    if key is not None:
                        path = folder / kind / prefix / name
                        status = path.stat()
                        if stat.S_ISREG(status.st_mode):
                            yield StoredFile(key, path, status.st_size, status.st_mtime)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def remove_partial_files(folder: Path) -> int:
    """Remove what processes that died left half written; how many.

    A file of which the time is far in the future, after a jump of the clock, goes too: should somebody be writing it,
    that write fails as on a full disk.
    """
    removed, now = 0, time.time()
    for name in _names(folder / _INCOMING):
        path = folder / _INCOMING / name
        with suppress(FileNotFoundError):
            if abs(now - path.stat().st_mtime) > _STALE_S:
                removed += remove(path)
    return removed


def least_recently_used(files: list[StoredFile], now_s: float) -> list[StoredFile]:
    """Files in the order in which they may go; a time over an hour in the future counts as long ago."""
    return sorted(files, key=lambda file: file.used_s if file.used_s <= now_s + _STALE_S else 0.0)
