"""The first level: this process's memory, bounded in bytes; what was used least recently goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict

from gsv_runtime.cache.entry import Entry, Key
from gsv_runtime.cache.levels import MEMORY
from gsv_runtime.metrics import Metrics, NoMetrics


class MemoryLevel:
    """See `levels.Level`; never fails."""

    name = MEMORY

    def __init__(self, max_bytes: int, metrics: Metrics | None = None) -> None:
        """Keep at most `max_bytes`, what Python takes around the arrays included (`Entry.nbytes`)."""
        self._max_bytes = max_bytes
        self._metrics = metrics or NoMetrics()
        self._lock = threading.Lock()
        self._entries: OrderedDict[Key, tuple[Entry, int]] = OrderedDict()  # the last was used last
        self._bytes = 0

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._bytes

    def __len__(self) -> int:
        """Entries held."""
        return len(self._entries)

    def get(self, key: Key) -> Entry | None:
        """The entry, or None."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                return None
            self._entries.move_to_end(key)
            return found[0]

    def put(self, key: Key, entry: Entry) -> None:
        """Keeps the entry and lets others go for it; one bigger than the level is not kept."""
        nbytes, evicted = entry.nbytes, 0
        if nbytes > self._max_bytes:
            return
        with self._lock:
            if key in self._entries:
                self._bytes -= self._entries.pop(key)[1]
            while self._bytes + nbytes > self._max_bytes:
                _, (_, freed) = self._entries.popitem(last=False)
                self._bytes -= freed
                evicted += 1
            self._entries[key] = (entry, nbytes)
            self._bytes += nbytes
            held = self._bytes
        self._metrics.set("gsv_cache_bytes", held, level=self.name)
        if evicted:
            self._metrics.add("gsv_cache_evictions_total", evicted, level=self.name)

    def close(self) -> None:
        """Lets everything go."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0
