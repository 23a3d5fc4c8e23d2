"""When work that was let in begins: at once, or when a burst of arrivals is over.

The thread that takes requests is the one that refuses them. It shares Python's lock and the processor with all that
works, so work that has just come waits a moment while requests come thick and fast: who is refused hears it first.
A client that asks again as soon as it was answered, from memory say, is no burst: hardly anything else is open.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_ARRIVALS, _WITHIN_S = 6, 0.04  # so many in so short a time are a burst
_LONGEST_S = 0.5  # that a burst keeps anybody waiting
_LOOK_EVERY_S = 0.005


class Arrivals:
    """Whether requests come thick and fast. Pure: times, in seconds of one clock, are given to it."""

    def __init__(self) -> None:
        self._latest_s: deque[float] = deque(maxlen=_ARRIVALS)

    def add(self, now_s: float) -> None:
        """Take note of one."""
        self._latest_s.append(now_s)

    def are_a_burst(self, now_s: float) -> bool:
        """Whether the last few came within a moment that is not over."""
        return len(self._latest_s) == _ARRIVALS and now_s - self._latest_s[0] < _WITHIN_S


class BurstGate(Generic[T]):
    """Starts work in the order in which it came; after a burst, from a thread of its own."""

    def __init__(self, start: Callable[[T], None], name: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Hand work to `start`, which returns at once and does not raise."""
        self._start = start
        self._clock = clock
        self._arrivals = Arrivals()
        self._waiting: deque[T] = deque()
        self._num_open = 0  # started or waiting, and not ended
        self._held_since_s = 0.0
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"{name}-start", daemon=True)
        self._thread.start()

    def arrived(self) -> None:
        """Take note of a request, whether it will be let in or not."""
        self._arrivals.add(self._clock())

    def put(self, work: T) -> None:
        """Start `work` now or after the burst in which it came."""
        with self._changed:
            self._num_open += 1
            in_a_burst = self._num_open >= _ARRIVALS and self._arrivals.are_a_burst(self._clock())
            if self._waiting or in_a_burst:
                if not self._waiting:
                    self._held_since_s = self._clock()
                    self._changed.notify()
                self._waiting.append(work)
                return
        self._start(work)

    def ended(self) -> None:
        """Take note of the end of work that was started."""
        with self._changed:
            self._num_open -= 1

    def close(self) -> None:
        """Start what waits and take nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while not self._closed or self._waiting:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
            while not self._may_start():
                time.sleep(_LOOK_EVERY_S)
            self._start_all()

    def _may_start(self) -> bool:
        now_s = self._clock()
        held_long_enough = now_s - self._held_since_s >= _LONGEST_S
        return self._closed or held_long_enough or not self._arrivals.are_a_burst(now_s)

    def _start_all(self) -> None:
        with self._changed:
            waiting, self._waiting = self._waiting, deque()
        for work in waiting:
            self._start(work)
