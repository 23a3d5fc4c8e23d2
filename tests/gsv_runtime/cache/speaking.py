"""A server that speaks with a cache, without Triton, and what it said."""

import threading
from collections import Counter

import numpy as np

from gsv_runtime.settings import TtsSettings

LIMIT_S = 20
SETTINGS = TtsSettings(
    max_streams=120,
    max_start_s=10.0,
    max_batch_start_s=60.0,
    min_stream_speed=0.0,
    t2s_places=4,
    stage_places=4,
    tokens_per_call=5,
    tokens_ahead=10,
    first_chunk_tokens=4,
    max_chunk_tokens=8,
    lookahead_tokens=2,
    encoder_tokens=50,
    window_bucket=1,
    voices_directory="voices",
    cache_memory_bytes=64 << 20,
    cache_redis_url="",
    cache_ttl_s=60.0,
    cache_directory="",
    cache_disk_bytes=0,
)


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
    return [reply["source"][0] for reply in replies]


def same(replies, others):
    """Bit by bit, piece by piece."""
    return [reply["waveform"].tobytes() for reply in replies] == [reply["waveform"].tobytes() for reply in others]
