"""Small files of records, one a name, kept in memory too: ten thousand are not read for every list."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

Record = TypeVar("Record")

_File = tuple[int, int, int]  # inode, time of the last change, size: another one after every replacement
_SUFFIX = ".json"
_TICK_NS = 50_000_000  # far above the grain of a file system's clock


class RecordFiles(Generic[Record]):
    """The files ``<name>.json`` of a directory, which others write, whole; safe to share between threads."""

    def __init__(self, directory: Path, parse: Callable[[bytes], Record]) -> None:
        """Read `directory`, which need not be there yet, by `parse`."""
        self._directory = directory
        self._parse = parse
        self._lock = threading.Lock()
        self._known: dict[str, tuple[_File, Record]] = {}
        self._all: dict[str, Record] = {}
        self._all_as_of_ns = -1  # last change of the directory that `_all` has for sure

    def get(self, name: str) -> Record | None:
        """The record of a name; None if there is none."""
        path = self._directory / f"{name}{_SUFFIX}"
        try:
            file = _file(path.stat())
            with self._lock:
                known = self._known.get(name)
            if known is not None and known[0] == file:
                return known[1]
            record = self._parse(path.read_bytes())
        except FileNotFoundError:
            return None
        with self._lock:
            self._known[name] = file, record
        return record

    def all(self) -> Mapping[str, Record]:
        """Every record by its name; what has not changed is not read again."""
        try:
            changed_ns = self._directory.stat().st_mtime_ns  # by every file that comes, goes or is replaced
        except FileNotFoundError:
            return {}
        if changed_ns == self._all_as_of_ns:
            return self._all
        files = self._files()
        with self._lock:
            known = {name: entry for name, entry in self._known.items() if files.get(name) == entry[0]}
        records = {name: known[name][1] if name in known else self.get(name) for name in files}
        found = {name: record for name, record in records.items() if record is not None}
        with self._lock:
            self._known = {name: entry for name, entry in self._known.items() if name in files}
            if time.time_ns() - changed_ns > _TICK_NS:  # a change right after this one would have the same time
                self._all, self._all_as_of_ns = found, changed_ns
        return found

    def count(self) -> int:
        """How many there are."""
        with suppress(FileNotFoundError):
            return sum(name.endswith(_SUFFIX) for name in os.listdir(self._directory))
        return 0

    def _files(self) -> dict[str, _File]:
        files: dict[str, _File] = {}
        with os.scandir(self._directory) as found:
            for entry in found:
                if entry.name.endswith(_SUFFIX):
                    with suppress(FileNotFoundError):
                        files[entry.name.removesuffix(_SUFFIX)] = _file(entry.stat())
        return files


def _file(found: os.stat_result) -> _File:
    return found.st_ino, found.st_mtime_ns, found.st_size
