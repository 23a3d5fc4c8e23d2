"""Requests at the same moment, more than there is room for: each served whole or refused, and how soon it is refused.

The clients are several processes, each with many connections that are open before, so that they are not what is
measured; the server's own account, from a request's arrival in `tts` to its refusal, stands beside what they saw.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gsv_bench.server_metrics import ServerMetrics
from gsv_loadtest.crowd import CrowdPlan, StreamHeard, hear_all

TEXTS = (
    "The old man put the book on the table. Then he left.",
    "Good morning.",
    "Where did you leave the children? They are hungry, and so am I!",
    "It is a fine day, and the water is warm.",
    "One. Two. Three.",
)
_PATIENCE_S = 600.0


@dataclass(frozen=True)
class Burst:
    """What became of them."""

    requests: int
    processes: int
    sent_within_ms: float
    whole: int
    refused: int
    failed: int  # neither
    refusal_p50_ms: float
    refusal_p95_ms: float
    slowest_refusal_ms: float
    server_refusal_mean_ms: float  # from its arrival in `tts`, where one is taken after the other
    ttfa_p50_s: float
    ttfa_p95_s: float


def burst(url: str, voices: Sequence[str], requests: int, processes: int, metrics: ServerMetrics) -> Burst:
    """Send `requests` at the same moment from `processes` processes, which share them evenly.

    Raises:
        ValueError: they cannot be shared evenly.
        RuntimeError: a process of clients did not come up.
    """
    each, rest = divmod(requests, processes)
    if rest:
        raise ValueError(f"{requests} requests cannot be shared evenly by {processes} processes")
    before = metrics.refusals()
    at_once = (0.0,) * each
    heard = hear_all(
        [
            CrowdPlan(
                url,
                TEXTS,
                tuple(voices),
                at_once,
                first_seed=number * each,
                connections=each,
                patience_s=_PATIENCE_S,
            )
            for number in range(processes)
        ]
    )
    count, seconds = (after - was for after, was in zip(metrics.refusals(), before, strict=True))
    return summary(heard, processes, 1e3 * seconds / max(count, 1))


def summary(heard: Sequence[StreamHeard], processes: int, server_refusal_mean_ms: float) -> Burst:
    """Figures of what the clients heard."""
    refusals_ms = [1e3 * (one.whole_s - one.late_s) for one in heard if one.refused] or [0.0]
    starts_s = [one.first_s - one.late_s for one in heard if not one.error] or [0.0]
    sent_s = [one.sent_at_s for one in heard]
    whole, refused = sum(not one.error for one in heard), sum(one.refused for one in heard)
    return Burst(
        requests=len(heard),
        processes=processes,
        sent_within_ms=round(1e3 * (max(sent_s) - min(sent_s)), 1),
        whole=whole,
        refused=refused,
        failed=len(heard) - whole - refused,
        refusal_p50_ms=round(statistics.median(refusals_ms), 1),
        refusal_p95_ms=round(float(np.quantile(refusals_ms, 0.95)), 1),
        slowest_refusal_ms=round(max(refusals_ms), 1),
        server_refusal_mean_ms=round(server_refusal_mean_ms, 2),
        ttfa_p50_s=round(statistics.median(starts_s), 2),
        ttfa_p95_s=round(float(np.quantile(starts_s, 0.95)), 2),
    )
