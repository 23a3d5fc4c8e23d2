"""The cache that requests use: levels from fast to slow, none of which can fail a request.

A hit is copied to the faster levels. Memory is written at once; the slower levels by one thread behind a queue that
is bounded in bytes, so that a request never waits for Redis or the disk to write. What a level raises is counted,
logged and taken for a miss.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gsv_runtime.cache.entry import CorruptEntry, Entry, Key
from gsv_runtime.cache.levels import Level
from gsv_runtime.cache.memory import Memory, MemoryLevel
from gsv_runtime.contract import MEMORY
from gsv_runtime.metrics import Metrics, NoMetrics

logger = logging.getLogger("gsv.cache")

_MAX_QUEUED_BYTES = 64 << 20
_LOG_EVERY_S = 10.0
_CLOSE_WITHIN_S = 5.0


@dataclass(frozen=True)
class Found:
    """An entry, and the name of the level that had it."""

    entry: Entry
    level: str


@dataclass(frozen=True)
class _Write:
    key: Key
    entry: Entry
    levels: Sequence[Level]
    nbytes: int


class Cache:
    """Levels from fast to slow; safe to share between threads, and none of its methods raises.

    Whoever gets an entry may keep its arrays, which are read-only.
    """

    def __init__(
        self,
        levels: Sequence[Level],
        metrics: Metrics | None = None,
        *,
        max_queued_bytes: int = _MAX_QUEUED_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use these levels, the fastest first; without any, nothing is kept and nothing found.

        Args:
            levels: closed with the cache.
            metrics: where `metrics.CACHE_METRICS` go.
            max_queued_bytes: what may wait to be written to the slower levels; more is dropped, and counted.
            clock: seconds, for the rate of the log.
        """
        self._levels = tuple(levels)
        self._metrics = metrics or NoMetrics()
        self._log = _Log(clock)
        self._writer = _Writer(self._write, max_queued_bytes) if any(map(_is_slow, levels)) else None

    @classmethod
    def disabled(cls) -> Cache:
        """A cache that keeps nothing."""
        return cls(())

    @property
    def memory(self) -> Memory | None:
        """Where the first level keeps what it has, for other things that are quick to find there."""
        return next((level.memory for level in self._levels if isinstance(level, MemoryLevel)), None)

    def get(self, key: Key) -> Entry | None:
        """The entry from the fastest level that has it, or None."""
        found = self.find(key)
        return None if found is None else found.entry

    def find(self, key: Key) -> Found | None:
        """As `get`, with the level that had it."""
        for index, level in enumerate(self._levels):
            entry = self._get(level, key)
            if entry is not None:
                self._put(key, entry, self._levels[:index])
                return Found(entry, level.name)
        return None

    def put(self, key: Key, entry: Entry) -> None:
        """Keep the entry: in memory when this returns, in the slower levels soon after."""
        self._put(key, entry, self._levels)

    def flush(self, timeout_s: float) -> bool:
        """Wait until the slower levels were given all that was put so far; False where `timeout_s` was too short."""
        return self._writer is None or self._writer.flush(timeout_s)

    def close(self) -> None:
        """Write what waits, for a few seconds at most, and close the levels."""
        if self._writer is not None:
            self._writer.close(_CLOSE_WITHIN_S)
        for level in self._levels:
            try:
                level.close()
            except Exception as failure:
                self._log.failed(level.name, "close", "", failure)

    def _get(self, level: Level, key: Key) -> Entry | None:
        started = time.perf_counter()
        entry = None
        try:
            entry = level.get(key)
        except CorruptEntry as failure:
            self._count("gsv_cache_corrupt_total", level, key)
            self._log.failed(level.name, "get", key.kind, failure)
        except Exception as failure:
            self._count("gsv_cache_errors_total", level, key)
            self._log.failed(level.name, "get", key.kind, failure)
        took_s = time.perf_counter() - started
        self._metrics.observe("gsv_cache_get_seconds", took_s, level=level.name, kind=key.kind)
        if entry is None:
            self._count("gsv_cache_misses_total", level, key)
        else:
            self._count("gsv_cache_hits_total", level, key)
            self._count("gsv_cache_hit_bytes_total", level, key, entry.nbytes)
        return entry

    def _count(self, name: str, level: Level, key: Key, value: float = 1.0) -> None:
        self._metrics.add(name, value, level=level.name, kind=key.kind)

    def _put(self, key: Key, entry: Entry, levels: Sequence[Level]) -> None:
        slow = tuple(level for level in levels if _is_slow(level))
        for level in levels:
            if not _is_slow(level):
                self._write(_Write(key, entry, (level,), entry.nbytes))
        if slow and self._writer and not self._writer.offer(_Write(key, entry, slow, entry.nbytes)):
            self._metrics.add("gsv_cache_dropped_writes_total", kind=key.kind)
            self._log.event("write dropped", "the queue is full", kind=key.kind)

    def _write(self, write: _Write) -> None:
        for level in write.levels:
            try:
                level.put(write.key, write.entry)
            except Exception as failure:
                self._count("gsv_cache_errors_total", level, write.key)
                self._log.failed(level.name, "put", write.key.kind, failure)
            else:
                self._count("gsv_cache_written_bytes_total", level, write.key, write.nbytes)


def _is_slow(level: Level) -> bool:
    return level.name != MEMORY


class _Writer:
    """Hands writes to one thread, in order; at most so many bytes wait."""

    def __init__(self, write: Callable[[_Write], None], max_bytes: int) -> None:
        self._write = write
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self._waiting: deque[_Write] = deque()
        self._bytes = 0  # waiting, and in the thread's hands
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="cache-writer", daemon=True)
        self._thread.start()

    def offer(self, write: _Write) -> bool:
        """Take the write; False where there is no room."""
        with self._changed:
            if self._closed or self._bytes + write.nbytes > self._max_bytes:
                return False
            self._waiting.append(write)
            self._bytes += write.nbytes
            self._changed.notify_all()
            return True

    def flush(self, timeout_s: float) -> bool:
        """Wait until nothing waits."""
        with self._changed:
            return self._changed.wait_for(lambda: self._bytes == 0, timeout_s)

    def close(self, timeout_s: float) -> None:
        """Take no more, and wait for what was taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                write = self._waiting.popleft()
            self._write(write)
            with self._changed:
                self._bytes -= write.nbytes
                self._changed.notify_all()


class _Log:
    """Says what went wrong, the same thing once in ten seconds at most."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._said_s: dict[str, float] = {}
        self._suppressed: dict[str, int] = {}

    def failed(self, level: str, action: str, kind: str, failure: Exception) -> None:
        """A level failed."""
        event = "entry corrupt" if isinstance(failure, CorruptEntry) else "level failed"
        self.event(event, f"{type(failure).__name__}: {failure}", level=level, action=action, kind=kind)

    def event(self, event: str, cause: str, **labels: str) -> None:
        """Something happened."""
        told = " ".join(f"{name}={value}" for name, value in labels.items())
        what = f"{event} {labels.get('level', '')}"
        with self._lock:
            now = self._clock()
            if now - self._said_s.get(what, float("-inf")) < _LOG_EVERY_S:
                self._suppressed[what] = self._suppressed.get(what, 0) + 1
                return
            self._said_s[what] = now
            suppressed = self._suppressed.pop(what, 0)
        logger.warning("cache %s %s cause=%r suppressed=%d", event, told, cause, suppressed)
