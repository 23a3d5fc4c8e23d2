"""What the server counts, by name; `triton.metrics.TritonMetrics` puts it on Triton's own Prometheus endpoint.

Names follow Prometheus: base units, `_total` for counters. Operations.md says how to read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from gsv_runtime.contract import (
    CACHE_LEVELS,
    DISK,
    ENTRY_KINDS,
    FINISH_REASONS,
    MEMORY,
    PRIORITIES,
    REDIS,
    REFUSAL_REASONS,
    WHOLE_ANSWER,
    WORD_FAULTS,
)

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_REFUSALS = (0.0005, 0.001, 0.0025, *_SECONDS[:7])
_RATIOS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class MetricSpec:
    """One family of metrics."""

    name: str
    kind: str
    doc: str
    labels: Mapping[str, tuple[str, ...]] | None = None  # name to the values that are always shown
    buckets: tuple[float, ...] = ()


_STAGES = ("text_frontend", "bert", "t2s", "acoustic", "vocoder")

SPEECH_METRICS = (
    MetricSpec("gsv_ttfa_seconds", HISTOGRAM, "From a request's arrival to its first audio.", buckets=_SECONDS),
    MetricSpec(
        "gsv_refusal_seconds", HISTOGRAM, "From a request's arrival in `tts` to its refusal.", buckets=_REFUSALS
    ),
    MetricSpec("gsv_rtf", HISTOGRAM, "Seconds of work per second of audio, of whole requests.", buckets=_RATIOS),
    MetricSpec(
        "gsv_queue_wait_seconds", HISTOGRAM, "Wait for a turn at a stage.", {"stage": _STAGES}, buckets=_SECONDS
    ),
    MetricSpec("gsv_stage_seconds", HISTOGRAM, "One call of a stage.", {"stage": _STAGES}, buckets=_SECONDS),
    MetricSpec("gsv_streams", GAUGE, "Requests that were let in and have not ended."),
    MetricSpec("gsv_chunks_total", COUNTER, "Chunks of audio sent."),
    MetricSpec("gsv_audio_seconds_total", COUNTER, "Seconds of audio sent."),
    MetricSpec("gsv_underruns_total", COUNTER, "Chunks that came after their listener had heard all before them."),
    MetricSpec("gsv_underrun_seconds_total", COUNTER, "Seconds that those listeners heard nothing."),
    MetricSpec("gsv_cancels_total", COUNTER, "Requests whose client left before the end."),
    MetricSpec("gsv_requests_total", COUNTER, "Requests that came and could be read.", {"priority": PRIORITIES}),
    MetricSpec(
        "gsv_refusals_total",
        COUNTER,
        "Requests refused for want of room.",
        {"reason": REFUSAL_REASONS},
    ),
    MetricSpec(
        "gsv_failures_total",
        COUNTER,
        "Requests that failed.",
        {"error": ("InvalidRequest", "VoiceNotFound", "DeadlineExceeded", "InternalError")},
    ),
    MetricSpec(
        "gsv_sentences_total",
        COUNTER,
        "Sentences spoken, by why they ended.",
        {"finish_reason": FINISH_REASONS},
    ),
    MetricSpec(
        "gsv_swallowed_words_total",
        COUNTER,
        "Words sent that their take swallowed or says twice, of requests with timestamps.",
        {"fault": WORD_FAULTS},
    ),
)

STORAGE_PLACES = VOICES, CACHE, SHARED_MEMORY = ("voices", "cache", "shared_memory")
STORAGE_METRICS = (
    MetricSpec("gsv_storage_free_bytes", GAUGE, "Room where the server keeps things.", {"place": STORAGE_PLACES}),
    MetricSpec("gsv_storage_writable", GAUGE, "1 where the server may write there.", {"place": STORAGE_PLACES}),
)

T2S_METRICS = (
    MetricSpec("gsv_t2s_slots", GAUGE, "Slots of the cache."),
    MetricSpec("gsv_t2s_slots_in_use", GAUGE, "Slots held by sequences."),
    MetricSpec("gsv_t2s_tokens_total", COUNTER, "Semantic tokens made; 25 are a second of speech."),
    MetricSpec("gsv_t2s_rounds_total", COUNTER, "Steps of decoding; tokens over steps is how full they were."),
    MetricSpec("gsv_t2s_reaped_total", COUNTER, "Sequences forgotten because nobody asked for more."),
)

FINE_TUNE_METRICS = (
    MetricSpec("gsv_models_loaded", GAUGE, "Fine-tunes that are loaded, the first included."),
    MetricSpec("gsv_model_bytes", GAUGE, "Bytes of checkpoints that are loaded beside the first's."),
    MetricSpec("gsv_model_loads_total", COUNTER, "Fine-tunes loaded."),
    MetricSpec("gsv_model_unloads_total", COUNTER, "Fine-tunes unloaded, for room or on request."),
    MetricSpec("gsv_model_load_seconds", HISTOGRAM, "Loading a fine-tune.", buckets=_SECONDS),
)

_CACHE = {"level": CACHE_LEVELS, "kind": (*ENTRY_KINDS, WHOLE_ANSWER)}
_CACHE_KIND = {"kind": _CACHE["kind"]}
_CACHE_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 1.0)

CACHE_METRICS = (
    MetricSpec("gsv_cache_hits_total", COUNTER, "Entries found, by the level that had them.", _CACHE),
    MetricSpec("gsv_cache_misses_total", COUNTER, "Entries that a level did not have, or could not give.", _CACHE),
    MetricSpec("gsv_cache_errors_total", COUNTER, "Reads and writes that a level failed.", _CACHE),
    MetricSpec("gsv_cache_corrupt_total", COUNTER, "Entries found damaged, and not used.", _CACHE),
    MetricSpec("gsv_cache_get_seconds", HISTOGRAM, "Asking a level for an entry.", _CACHE, buckets=_CACHE_SECONDS),
    MetricSpec("gsv_cache_hit_bytes_total", COUNTER, "Bytes of the entries found.", _CACHE),
    MetricSpec("gsv_cache_written_bytes_total", COUNTER, "Bytes of the entries that a level took.", _CACHE),
    MetricSpec("gsv_cache_bytes", GAUGE, "Bytes held, of memory and disk.", {"level": (MEMORY, DISK)}),
    MetricSpec("gsv_cache_evictions_total", COUNTER, "Entries let go for want of room.", {"level": (MEMORY, DISK)}),
    MetricSpec(
        "gsv_cache_dropped_writes_total", COUNTER, "Entries that the slower levels were not given.", _CACHE_KIND
    ),
    MetricSpec("gsv_cache_breaker_open", GAUGE, "1 while a level is not asked because it failed.", {"level": (REDIS,)}),
    MetricSpec("gsv_cache_saved_seconds_total", COUNTER, "Seconds of compute that hits made needless.", _CACHE_KIND),
)


class Metrics(Protocol):
    """Where figures go; a name is one of the tables above, labels are those of its row."""

    def add(self, name: str, value: float = 1.0, **labels: str) -> None:
        """Raise a counter, or move a gauge."""
        ...

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        ...

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Put a value into a histogram."""
        ...


class NoMetrics:
    """Metrics that nobody reads."""

    def add(self, name: str, value: float = 1.0, **labels: str) -> None:
        """Forget it."""

    def set(self, name: str, value: float, **labels: str) -> None:
        """Forget it."""

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Forget it."""
