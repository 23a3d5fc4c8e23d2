"""Notices a sequence that has stopped speaking and only repeats itself. Pure."""

from __future__ import annotations

from collections import Counter, deque


class RepetitionWatchdog:
    """Counts the different tokens among the last `window`; speech has tens of them, silence or a loop a few.

    Silence of less than the whole window never triggers it: one spoken second before or after brings enough
    different tokens.
    """

    def __init__(self, window: int, least_distinct: int) -> None:
        """Watch `window` tokens (0: never trigger); fewer than `least_distinct` different ones are a loop."""
        self._window = window
        self._least_distinct = least_distinct
        self._recent: deque[int] = deque()
        self._counts: Counter[int] = Counter()

    def repeats(self, token: int) -> bool:
        """Take the next token; whether the sequence now repeats itself."""
        if self._window == 0:
            return False
        self._recent.append(token)
        self._counts[token] += 1
        if len(self._recent) > self._window:
            oldest = self._recent.popleft()
            self._counts[oldest] -= 1
            if self._counts[oldest] == 0:
                del self._counts[oldest]
        return len(self._recent) == self._window and len(self._counts) < self._least_distinct
