"""When to ask a server that failed again: not at once, and only one caller at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Breaker:
    """A circuit breaker; safe to share between threads.

    Closed, every call may go. After one failure it is open: no call goes until the period is over; then one goes as a
    probe, and the others wait for how it ends. Each probe that fails doubles the period, one that succeeds closes.
    A probe of which nothing is heard counts for nothing: after the period the next may go.
    """

    def __init__(self, clock: Callable[[], float], first_s: float = 1.0, longest_s: float = 10.0) -> None:
        """Stay open `first_s` after a first failure, `longest_s` at most.

        Args:
            clock: seconds, such as `time.monotonic`; one that jumps back delays a probe by a period at most.
            first_s: first period.
            longest_s: bound of the doubled ones.
        """
        self._clock = clock
        self._first_s, self._longest_s = first_s, longest_s
        self._lock = threading.Lock()
        self._period_s = first_s
        self._next_s: float | None = None  # when a probe may go; None while closed
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether calls are held back."""
        return self._next_s is not None

    def allows(self) -> bool:
        """Whether this call may go; one that went says how it ended by `succeeded` or `failed`."""
        with self._lock:
            if self._next_s is None:
                return True
            now = self._clock()
            if 0 < self._next_s - now <= self._period_s:
                return False
            self._next_s, self._probing = now + self._period_s, True
            return True

    def failed(self) -> None:
        """A call failed. Those under way when it opened count for nothing."""
        with self._lock:
            if self._next_s is not None and not self._probing:
                return
            self._period_s = min(2 * self._period_s, self._longest_s) if self._probing else self._first_s
            self._next_s, self._probing = self._clock() + self._period_s, False

    def succeeded(self) -> None:
        """A call was answered."""
        with self._lock:
            if self._next_s is None or self._probing:
                self._next_s, self._probing = None, False
