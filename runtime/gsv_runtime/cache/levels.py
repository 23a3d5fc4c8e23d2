"""What a level of the cache is: memory, Redis or disk behind one interface. Only tiers.py speaks with levels."""

from __future__ import annotations

from typing import Protocol

from gsv_runtime.cache.entry import Entry, Key


class LevelFailed(Exception):
    """A level cannot answer now; whoever asked goes on without it."""


class Level(Protocol):
    """A place that keeps entries; safe to share between threads.

    `CorruptEntry` from `get` says that what was found was damaged, and was removed as far as the level can.
    """

    @property
    def name(self) -> str:
        """Which it is, one of CACHE_LEVELS."""
        ...

    def get(self, key: Key) -> Entry | None:
        """The entry, or None where there is none.

        Raises:
            LevelFailed: the level cannot be asked.
            CorruptEntry: it was damaged.
        """
        ...

    def put(self, key: Key, entry: Entry) -> None:
        """Keep the entry, unless it is too big for this level.

        Raises:
            LevelFailed: it cannot.
        """
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...
