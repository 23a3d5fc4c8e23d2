"""Tells metrics, now and then, how much room the server has left."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from gsv_runtime.metrics import CACHE, SHARED_MEMORY, VOICES, Metrics
from gsv_runtime.settings import TtsSettings
from gsv_runtime.voices import storage

_EVERY_S = 10.0


class StorageWatch:
    """Looks at the places where a server keeps things, until it is closed."""

    def __init__(self, places: Mapping[str, Path], metrics: Metrics) -> None:
        """Tell of `places`, by their names in metrics.STORAGE_PLACES, every ten seconds."""
        self._places = places
        self._metrics = metrics
        self._closed = threading.Event()
        threading.Thread(target=self._run, name="storage", daemon=True).start()

    @classmethod
    def of(cls, settings: TtsSettings, state: Path, metrics: Metrics) -> StorageWatch:
        """Look at what `settings` name in `state`, the folder of the server's state; a cache need not be among it."""
        places = {VOICES: state, SHARED_MEMORY: storage.SHARED_MEMORY}
        if settings.cache_directory:
            places[CACHE] = state / settings.cache_directory
        return cls(places, metrics)

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(_EVERY_S):
            self._tell()

    def _tell(self) -> None:
        for name, value, place in storage.figures(self._places):
            self._metrics.set(name, value, place=place)
