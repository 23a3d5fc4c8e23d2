"""Figures of a load, from what its listeners noticed. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gsv_loadtest.outcome import BUSY, CANCELLED, OK, Outcome


def summarise(outcomes: Sequence[Outcome], counted_s: float) -> dict[str, Any]:
    """The figures that a JSON line holds.

    Args:
        outcomes: Those that count.
        counted_s: Seconds in which they were due.

    Returns:
        Counts, percentiles over speech heard to its end, and errors by kind; None where nothing was heard.
    """
    heard = [outcome for outcome in outcomes if outcome.kind == OK]
    return {
        "requests": len(outcomes),
        **{kind: sum(outcome.kind == kind for outcome in outcomes) for kind in (OK, BUSY, CANCELLED)},
        "failed": sum(outcome.failed for outcome in outcomes),
        "errors": dict(Counter(o.kind for o in outcomes if o.kind not in (OK, BUSY, CANCELLED))),
        "problems": dict(Counter(problem for outcome in outcomes for problem in outcome.problems)),
        "ttfa_s": percentiles(outcome.ttfa_s for outcome in heard),
        **{
            f"ttfa_{kind}_s": percentiles(outcome.ttfa_s for outcome in heard if outcome.text_kind == kind)
            for kind in ("short", "medium", "long")
        },
        "rtf": percentiles(outcome.rtf for outcome in heard),
        "longest_underrun_s": percentiles(max(outcome.underruns_s, default=0.0) for outcome in heard),
        "total_underrun_s": round(sum(sum(outcome.underruns_s) for outcome in heard), 3),
        "streams_with_underrun": sum(bool(outcome.underruns_s) for outcome in heard),
        "refused_after_s": percentiles(outcome.elapsed_s for outcome in outcomes if outcome.kind == BUSY),
        "audio_s_per_s": round(sum(outcome.audio_s for outcome in outcomes) / counted_s, 3) if counted_s else None,
        "requests_per_s": round(len(heard) / counted_s, 3) if counted_s else None,
        "latest_send_s": max((round(outcome.late_s, 3) for outcome in outcomes), default=None),
    }


def percentiles(values: Iterable[float]) -> dict[str, float] | None:
    """Median, 95th and 99th percentile and largest; None where there are no values."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return None
    p50, p95, p99, largest = np.percentile(finite, [50, 95, 99, 100])
    return {
        "p50": round(float(p50), 4),
        "p95": round(float(p95), 4),
        "p99": round(float(p99), 4),
        "max": round(float(largest), 4),
    }


def started_within(outcomes: Sequence[Outcome], target_s: float) -> float:
    """Share of the requests that started in time; one refused or failed did not. Those who left are not asked."""
    asked = [outcome for outcome in outcomes if outcome.kind != CANCELLED]
    in_time = sum(outcome.kind == OK and outcome.ttfa_s <= target_s for outcome in asked)
    return in_time / len(asked) if asked else 0.0
