"""Keeps a log readable, and a disk from filling, while one thing goes wrong again and again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

_AT_MOST, _WITHIN_S = 5, 10.0  # of a kind, in so long
_KINDS = 1_000  # that are known at once
_LONGEST_TRACE = 4_000  # characters


@dataclass
class _Kind:
    """Records of one kind since a moment."""

    since_s: float
    told: int = 0
    suppressed: int = 0


class LogLimit(logging.Filter):
    """Lets five warnings or errors of a kind through in ten seconds; the next that is let through counts the rest.

    A kind is a logger and a message before its values are put in. What is told once a request at most is no warning.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Measure time by `clock`, in seconds."""
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to let a record through; it may get a count of those that were not."""
        if record.levelno < logging.WARNING:
            return True
        with self._lock:
            suppressed = self._admit((record.name, str(record.msg)))
        if suppressed is None:
            return False
        if suppressed:
            record.msg, record.args = f"{record.getMessage()} suppressed={suppressed}", ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)[-_LONGEST_TRACE:]
        return True

    def _admit(self, key: tuple[str, str]) -> int | None:
        """How many of the kind were suppressed before this one; None if this one is."""
        now_s = self._clock()
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= _KINDS:
                self._kinds.clear()
            kind = self._kinds[key] = _Kind(now_s)
        suppressed = 0
        if now_s - kind.since_s >= _WITHIN_S:
            suppressed = kind.suppressed
            kind.since_s, kind.told, kind.suppressed = now_s, 0, 0
        if kind.told >= _AT_MOST:
            kind.suppressed += 1
            return None
        kind.told += 1
        return suppressed
