"""How fast speech is made of late, by all streams together. Pure: times are given to it."""

from __future__ import annotations

import math

_MEMORY_S = 5.0  # what is so long ago counts for e^-1
_LEAST_BUSY_S = 2.0  # less, and nothing is known


class Throughput:
    """Seconds of audio per second, and how many streams got it: both means over time in which there were any.

    What was is forgotten with time, with work or without, so that a server that was slow is tried again.
    """

    def __init__(self) -> None:
        self._audio_s = 0.0
        self._busy_s = 0.0
        self._stream_s = 0.0  # of each stream, added up
        self._seen_s = 0.0

    @property
    def is_known(self) -> bool:
        """Whether there was enough work of late to say anything."""
        return self._busy_s >= _LEAST_BUSY_S

    @property
    def audio_s_per_s(self) -> float:
        """Audio that all streams together got per second."""
        return self._audio_s / self._busy_s if self._busy_s else 0.0

    @property
    def num_streams(self) -> float:
        """Streams that got it."""
        return self._stream_s / self._busy_s if self._busy_s else 0.0

    def until(self, now_s: float, num_streams: int) -> None:
        """Take note that there were so many streams until now, since this was last said."""
        elapsed_s, self._seen_s = max(now_s - self._seen_s, 0.0), now_s
        kept = math.exp(-elapsed_s / _MEMORY_S)
        new_s = _MEMORY_S * (1.0 - kept) if num_streams else 0.0
        self._audio_s *= kept
        self._busy_s = self._busy_s * kept + new_s
        self._stream_s = self._stream_s * kept + new_s * num_streams

    def add(self, audio_s: float) -> None:
        """Take note of audio that was made; `until` has been told the time."""
        self._audio_s += audio_s
