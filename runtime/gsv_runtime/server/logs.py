"""Logs of processes that write to a file themselves: one for each run, several kept, none without bound.

The writers hold the file open, so it is copied and emptied in place; they append, so what comes next stands at its
beginning. Between the last look and the emptying a line can be lost.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_FILE, _SIZE, _FILES = "GSV_LOG_FILE", "GSV_LOG_SIZE", "GSV_LOG_FILES"
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Log:
    """One log: `server.log`, and before it `server.log.1` (the latest) to `server.log.<files>`.

    Attributes:
        path: of the one that is written.
        size_bytes: at which a new one is begun; 0: never.
        files: older ones that are kept.
    """

    path: Path
    size_bytes: int = 0
    files: int = 5

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Log | None:
        """The log that a process and its children write, as `variables` says it."""
        path = environment.get(_FILE)
        return cls(Path(path), int(environment[_SIZE]), int(environment[_FILES])) if path else None

    def variables(self) -> dict[str, str]:
        """Environment variables that tell a process of it."""
        return {_FILE: str(self.path), _SIZE: str(self.size_bytes), _FILES: str(self.files)}

    def older(self, number: int) -> Path:
        """The one that was written before, 1 being the latest."""
        return self.path.with_name(f"{self.path.name}.{number}")

    def begin(self) -> None:
        """Put the log of the last run aside, for a run whose processes are not started yet."""
        with contextlib.suppress(FileNotFoundError):
            if self.path.stat().st_size:
                self._make_room()
                self.path.replace(self.older(1)) if self.files else self.path.unlink()

    def look(self) -> None:
        """Begin a new one if this has grown too large; its writers go on.

        Raises:
            OSError: the disk refuses it; nothing is lost.
        """
        if self.size_bytes and self.path.stat().st_size > self.size_bytes:
            self._copy_and_empty()

    def _copy_and_empty(self) -> None:
        self._make_room()
        partial = self.older(1) if self.files else Path(os.devnull)
        with self.path.open("rb") as grown, partial.open("wb") as kept:
            shutil.copyfileobj(grown, kept, _BLOCK_BYTES)  # until there is no more, however much came meanwhile
        os.truncate(self.path, 0)

    def _make_room(self) -> None:
        for number in range(self.files - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                self.older(number).replace(self.older(number + 1))
