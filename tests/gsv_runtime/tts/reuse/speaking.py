"""A server that speaks with a cache, without Triton, and what it said."""

import threading
from collections import Counter
from dataclasses import replace

import numpy as np

from ...conftest import SETTINGS as BASE

LIMIT_S = 20
SETTINGS = replace(BASE, max_streams=120, t2s_slots=4, stage_slots=4, cache_memory_bytes=64 << 20)


class Counts:
    """Metrics, by name and labels."""

    def __init__(self):
        self.sums, self.lock = Counter(), threading.Lock()

    def add(self, name, value=1.0, **labels):
        with self.lock:
            self.sums[(name, *labels.values())] += value

    def set(self, name, value, **labels):
        """Not looked at here."""

    def observe(self, name, value, **labels):
        self.add(name, **labels)

    @property
    def sequences(self):
        """Sentences that t2s was asked for."""
        return self.sums[("gsv_queue_wait_seconds", "t2s")]

    def calls(self, stage):
        return self.sums[("gsv_stage_seconds", stage)]


def audio(replies):
    return np.concatenate([reply["waveform"] for reply in replies])


def sources(replies):
    return [text(reply["source"][0]) for reply in replies]


def text(value):
    """Of an output, which is UTF-8 already in an answer that was kept."""
    return value.decode() if isinstance(value, bytes) else value


def same(replies, others):
    """Bit by bit, piece by piece."""
    return [reply["waveform"].tobytes() for reply in replies] == [reply["waveform"].tobytes() for reply in others]
