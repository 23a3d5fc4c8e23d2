"""Metrics that one thread tells to whoever keeps them, a moment later; who counts is not kept waiting.

Without that thread, which Triton may not need (workarounds.METRICS_THREAD), who counts tells them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Protocol

logger = logging.getLogger("gsv.metrics")

_MAX_UNTOLD = 10_000  # figures; more than that are dropped
_MOMENT_S = 0.1  # telling takes Python's lock, which a burst of requests needs


class MetricSink(Protocol):
    """Keeps metrics."""

    def __call__(self, name: str, verb: str, value: float, labels: dict[str, str]) -> None:
        """Do ``increment``, ``set`` or ``observe`` to a series."""
        ...


Figure = tuple[str, str, float, dict[str, str]]  # name, verb, value, labels


def summed(figures: Iterable[Figure]) -> list[Figure]:
    """The same with one increment for each series that was incremented, where the last of them stood."""
    found: dict[object, Figure] = {}
    for number, (name, verb, value, labels) in enumerate(figures):
        series: object = (name, *sorted(labels.items())) if verb == "increment" else number
        earlier = found.pop(series, None)
        found[series] = (name, verb, value + (earlier[2] if earlier else 0.0), labels)
    return list(found.values())


class MetricsQueue:
    """`metrics.Metrics` for many threads, whose figures reach their sink from one, in order."""

    def __init__(self, sink: MetricSink, own_thread: bool = True) -> None:
        """Tell `sink`, at once if not in a thread of its own; a figure that it raises at is lost."""
        self._sink = sink
        self._own_thread = own_thread
        self._untold: deque[Figure] = deque()
        if own_thread:
            threading.Thread(target=self._run, name="metrics", daemon=True).start()

    def add(self, name: str, value: float = 1.0, **labels: str) -> None:
        """Raise a counter, or move a gauge."""
        self._put(name, "increment", value, labels)

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        self._put(name, "set", value, labels)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Put a value into a histogram."""
        self._put(name, "observe", value, labels)

    def _put(self, name: str, verb: str, value: float, labels: dict[str, str]) -> None:
        if not self._own_thread:
            self._tell(name, verb, value, labels)
        elif len(self._untold) < _MAX_UNTOLD:
            self._untold.append((name, verb, value, labels))  # wakes nobody: that takes longer than all the rest

    def _run(self) -> None:
        while True:
            for figure in summed(self._waiting()):  # telling takes a trip to another process
                self._tell(*figure)

    def _waiting(self) -> list[Figure]:
        """Wait a moment, and take all that there are: what belongs together is told together."""
        time.sleep(_MOMENT_S)
        return [self._untold.popleft() for _ in range(len(self._untold))]

    def _tell(self, name: str, verb: str, value: float, labels: dict[str, str]) -> None:
        try:
            self._sink(name, verb, value, labels)
        except Exception:
            logger.exception("metric lost name=%s labels=%s", name, labels)
