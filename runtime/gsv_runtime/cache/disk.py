"""The third level: a bounded folder that servers of a machine may share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gsv_runtime.cache import disk_files
from gsv_runtime.cache.entry import CorruptEntry, Entry, Key, parse, serialise
from gsv_runtime.cache.levels import LevelFailed
from gsv_runtime.contract import DISK
from gsv_runtime.metrics import Metrics, NoMetrics

_COUNT_EVERY_S = 600.0
_UNCOUNTED = 1 / 20  # of the bound: so much may be written before the folder is looked at again
_KEPT = 9 / 10  # of the bound: down to so much is evicted, so that it is done now and then


class DiskLevel:
    """See `levels.Level`.

    The bound holds at every moment for one process. Processes that share the folder learn of each other's files when
    they look at it: each time they have written a twentieth of the bound, and every ten minutes while they write. The
    folder may so outgrow the bound by a twentieth for each process more.
    """

    name = DISK

    def __init__(
        self,
        folder: str | Path,
        max_bytes: int,
        metrics: Metrics | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use `folder`, made when something is put there, for `max_bytes` of files, each counted in whole blocks.

        Args:
            folder: see `disk_files`.
            max_bytes: what was used least recently goes before the files take more.
            metrics: where bytes and evictions go.
            clock: seconds; says when to look at the folder again.
        """
        self._folder = Path(folder)
        self._max_bytes = max_bytes
        self._metrics = metrics or NoMetrics()
        self._clock = clock
        self._lock = threading.Lock()  # of puts; reading needs none
        self._bytes = 0  # counted, and written since
        self._uncounted = 0
        self._counted_s = float("-inf")

    @property
    def nbytes(self) -> int:
        """Bytes of the folder's files, as far as this process knows."""
        return self._bytes

    def get(self, key: Key) -> Entry | None:
        """The entry, or None; a damaged file is removed.

        Raises:
            LevelFailed: there is a file that cannot be read.
            CorruptEntry: it was damaged.
        """
        try:
            data = disk_files.read(self._folder, key)
        except OSError as failure:
            raise _failed(failure) from failure
        if data is None:
            return None
        try:
            return parse(key, data)
        except CorruptEntry:
            disk_files.remove(self._folder / disk_files.relative_path(key))
            raise

    def put(self, key: Key, entry: Entry) -> None:
        """Store the entry and evict others for it; one bigger than the level is not kept.

        Raises:
            LevelFailed: the disk is full, read-only or broken; nothing is left of the attempt.
        """
        data = serialise(key, entry)
        needed = disk_files.disk_bytes(len(data))
        if needed > self._max_bytes:
            return
        try:
            with self._lock:
                self._make_room(needed)
                if disk_files.write(self._folder, key, data):
                    self._bytes += needed
                    self._uncounted += needed
                    self._metrics.set("gsv_cache_bytes", self._bytes, level=self.name)
        except OSError as failure:
            raise _failed(failure) from failure

    def close(self) -> None:
        """Nothing is held."""

    def _make_room(self, needed: int) -> None:
        now = self._clock()
        due = now - self._counted_s >= _COUNT_EVERY_S or self._uncounted >= _UNCOUNTED * self._max_bytes
        if not due and self._bytes + needed <= self._max_bytes:
            return
        disk_files.remove_partial_files(self._folder)
        files = list(disk_files.stored_files(self._folder))
        held = sum(file.disk_bytes for file in files)
        if held + needed > self._max_bytes:
            held -= self._evict(files, held + needed - int(_KEPT * self._max_bytes))
        self._bytes, self._uncounted, self._counted_s = held, 0, now

    def _evict(self, files: list[disk_files.StoredFile], too_many: int) -> int:
        """Remove files until `too_many` bytes are gone, or none is left; how many went."""
        gone, num_gone = 0, 0
        for file in disk_files.least_recently_used(files, time.time()):
            if gone >= too_many:
                break
            with suppress(FileNotFoundError):  # another process evicted it
                file.path.unlink()
                num_gone += 1
            gone += file.disk_bytes
        self._metrics.add("gsv_cache_evictions_total", num_gone, level=self.name)
        return gone


def _failed(failure: OSError) -> LevelFailed:
    return LevelFailed(f"{type(failure).__name__}: {failure.strerror or failure}")
