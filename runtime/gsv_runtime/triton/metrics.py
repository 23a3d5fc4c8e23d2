"""Metrics on Triton's own Prometheus endpoint."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable
from typing import Any, ClassVar

import triton_python_backend_utils as pb_utils

from gsv_runtime.metrics import COUNTER, GAUGE, HISTOGRAM, MetricSpec
from gsv_runtime.server.workarounds import METRICS_THREAD
from gsv_runtime.triton.metrics_queue import MetricsQueue


class TritonMetrics(MetricsQueue):
    """`metrics.Metrics` on Triton's own Prometheus endpoint; make it in `initialize`, and keep it.

    Only one thread of the process speaks with Triton about metrics, unless that workaround is off: two at once crash
    tritonserver within a second (docs/triton-findings.md, 12).
    """

    _KINDS: ClassVar = {COUNTER: "COUNTER", GAUGE: "GAUGE", HISTOGRAM: "HISTOGRAM"}

    def __init__(self, specs: Iterable[MetricSpec]) -> None:
        """Declare families; series whose labels are known are shown from the start, at zero."""
        self._specs = {spec.name: spec for spec in specs}
        self._families = {
            name: pb_utils.MetricFamily(
                name=name, description=spec.doc, kind=getattr(pb_utils.MetricFamily, self._KINDS[spec.kind])
            )
            for name, spec in self._specs.items()
        }
        self._series: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()  # of _series
        for spec in self._specs.values():
            labels = spec.labels or {}
            for values in itertools.product(*labels.values()):
                self._metric(spec.name, dict(zip(labels, values, strict=True)))
        super().__init__(self._tell_triton, METRICS_THREAD.is_on())

    def _tell_triton(self, name: str, verb: str, value: float, labels: dict[str, str]) -> None:
        getattr(self._metric(name, labels), verb)(value)

    def _metric(self, name: str, labels: dict[str, str]) -> Any:
        key = (name, str(sorted(labels.items())))
        with self._lock:
            if key not in self._series:
                buckets = self._specs[name].buckets
                extra = {"buckets": list(buckets)} if buckets else {}
                self._series[key] = self._families[name].Metric(labels=labels, **extra)
            return self._series[key]
