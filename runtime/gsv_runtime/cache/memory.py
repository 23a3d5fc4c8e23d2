"""The first level: this process's memory, bounded in bytes; what was used least recently goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, cast

from gsv_runtime.cache.entry import Entry, Key
from gsv_runtime.contract import MEMORY
from gsv_runtime.metrics import Metrics, NoMetrics


class Memory:
    """Values by key within one bound; safe to share between threads. Keys of different types never meet."""

    def __init__(self, max_bytes: int, metrics: Metrics | None = None) -> None:
        """Hold at most `max_bytes`, as those who put values say."""
        self._max_bytes = max_bytes
        self._metrics = metrics or NoMetrics()
        self._lock = threading.Lock()
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()  # the last was used last
        self._bytes = 0

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._bytes

    def __len__(self) -> int:
        """Values held."""
        return len(self._held)

    def get(self, key: Hashable) -> Any | None:
        """The value, or None."""
        with self._lock:
            found = self._held.get(key)
            if found is None:
                return None
            self._held.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: Any, nbytes: int) -> bool:
        """Store the value and evict others for it; False for one bigger than the bound, which is not kept."""
        evicted = 0
        if nbytes > self._max_bytes:
            return False
        with self._lock:
            if key in self._held:
                self._bytes -= self._held.pop(key)[1]
            while self._bytes + nbytes > self._max_bytes:
                _, (_, freed) = self._held.popitem(last=False)
                self._bytes -= freed
                evicted += 1
            self._held[key] = (value, nbytes)
            self._bytes += nbytes
            held = self._bytes
        self._metrics.set("gsv_cache_bytes", held, level=MEMORY)
        if evicted:
            self._metrics.add("gsv_cache_evictions_total", evicted, level=MEMORY)
        return True

    def clear(self) -> None:
        """Let everything go."""
        with self._lock:
            self._held.clear()
            self._bytes = 0


class MemoryLevel:
    """See `levels.Level`; never fails."""

    name = MEMORY

    def __init__(self, memory: Memory) -> None:
        """Keep entries in `memory`, what Python takes around their arrays included (`Entry.nbytes`)."""
        self.memory = memory

    def get(self, key: Key) -> Entry | None:
        """The entry, or None."""
        return cast("Entry | None", self.memory.get(key))

    def put(self, key: Key, entry: Entry) -> None:
        """Store the entry and evict others for it; one bigger than the memory is not kept."""
        self.memory.put(key, entry, entry.nbytes)

    def close(self) -> None:
        """Let everything go."""
        self.memory.clear()
