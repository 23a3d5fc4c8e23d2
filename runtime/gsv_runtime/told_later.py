"""Metrics that one thread tells to whoever keeps them, a moment later; who counts is not kept waiting."""

from __future__ import annotations

import logging
import queue
import threading
import time
from contextlib import suppress
from typing import Protocol

logger = logging.getLogger("gsv.metrics")

_MAX_UNTOLD = 10_000  # figures; more than that are dropped
_MOMENT_S = 0.1  # telling takes Python's lock, which a burst of requests needs


class Keeper(Protocol):
    """Keeps metrics."""

    def __call__(self, name: str, verb: str, value: float, labels: dict[str, str]) -> None:
        """Does ``increment``, ``set`` or ``observe`` to a series."""
        ...


class ToldLater:
    """`metrics.Metrics` for many threads, whose figures reach their keeper from one, in order."""

    def __init__(self, keeper: Keeper) -> None:
        """Tell `keeper`; a figure that it raises at is lost."""
        self._keeper = keeper
        self._untold: queue.Queue[tuple[str, str, float, dict[str, str]]] = queue.Queue(_MAX_UNTOLD)
        threading.Thread(target=self._run, name="metrics", daemon=True).start()

    def add(self, name: str, value: float = 1.0, **labels: str) -> None:
        """Raises a counter, or moves a gauge."""
        self._put(name, "increment", value, labels)

    def set(self, name: str, value: float, **labels: str) -> None:
        """Sets a gauge."""
        self._put(name, "set", value, labels)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Puts a value into a histogram."""
        self._put(name, "observe", value, labels)

    def _put(self, name: str, verb: str, value: float, labels: dict[str, str]) -> None:
        with suppress(queue.Full):
            self._untold.put_nowait((name, verb, value, labels))

    def _run(self) -> None:
        while True:
            self._tell(*self._untold.get())
            with suppress(queue.Empty):
                while True:
                    self._tell(*self._untold.get_nowait())
            time.sleep(_MOMENT_S)

    def _tell(self, name: str, verb: str, value: float, labels: dict[str, str]) -> None:
        try:
            self._keeper(name, verb, value, labels)
        except Exception:
            logger.exception("metric lost name=%s labels=%s", name, labels)
