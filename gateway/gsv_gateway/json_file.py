"""A JSON file that several processes read and change; what one writes the others see within a second."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

from filelock import FileLock

T = TypeVar("T")

LOOK_EVERY_S = 1.0  # at the file, for what others have written


class JsonFile(Generic[T]):
    """One file and what it was last read as.

    Args:
        path: The file; where it is missing the value is what `parse` makes of None.
        parse: Makes the value of what the file holds; what it raises is the caller's.
        clock: Seconds that only grow.
        look_every_s: How old what is known may be; 0: the file is looked at every time.
    """

    def __init__(
        self,
        path: Path,
        parse: Callable[[Any], T],
        clock: Callable[[], float] = time.monotonic,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._path, self._parse, self._clock, self._look_every_s = path, parse, clock, look_every_s
        self._value = parse(None)
        self._looked_at_s = float("-inf")
        self._seen: tuple[int, int, int] | None = None

    def read(self) -> T:
        """The value as of a moment ago."""
        now_s = self._clock()
        if now_s - self._looked_at_s >= self._look_every_s:
            self._read_if_changed()
            self._looked_at_s = now_s
        return self._value

    @contextmanager
    def locked(self) -> Iterator[T]:
        """Enter alone, with the value as of now; `write` what it is to be."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = self._path.with_name(self._path.name + ".lock")
        with FileLock(lock):
            self._seen = None
            self._read_if_changed()
            yield self._value

    def write(self, values: Any) -> None:
        """Write plain values, whole or not at all, and for the owner's eyes only."""
        handle, new = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(values, file, indent=1)
        os.replace(new, self._path)
        self._seen, self._looked_at_s = None, float("-inf")

    def _read_if_changed(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._value, self._seen = self._parse(None), None
            return
        seen = (status.st_mtime_ns, status.st_size, status.st_ino)
        if seen != self._seen:
            self._value, self._seen = self._parse(json.loads(self._path.read_text(encoding="utf-8"))), seen
