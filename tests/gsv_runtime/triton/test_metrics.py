"""Metrics on Triton's endpoint."""

import threading
from types import SimpleNamespace

import pytest

from gsv_runtime.metrics import COUNTER, GAUGE, MetricSpec


def test_every_series_of_a_metric_is_shown_from_the_start_one_for_each_combination_of_labels(door, monkeypatch):
    shown = []

    class MetricFamily:
        COUNTER, GAUGE, HISTOGRAM = range(3)

        def __init__(self, name, description, kind):
            self.name = name

        def Metric(self, labels, buckets=()):  # noqa: N802
            shown.append((self.name, labels))

    monkeypatch.setattr(door.metrics.pb_utils, "MetricFamily", MetricFamily, raising=False)
    specs = [MetricSpec("one", GAUGE, ""), MetricSpec("four", COUNTER, "", {"a": ("x", "y"), "b": ("1", "2")})]
    door.metrics.TritonMetrics(specs)
    assert shown == [("one", {})] + [("four", {"a": a, "b": b}) for a in "xy" for b in "12"]


@pytest.mark.parametrize(("position", "own_thread"), [("on", True), ("off", False), ("auto", True)])
def test_who_counts_tells_triton_itself_where_the_switch_is_off(door, monkeypatch, position, own_thread):
    told = []

    class MetricFamily:
        COUNTER, GAUGE, HISTOGRAM = range(3)

        def __init__(self, name, description, kind):
            pass

        def Metric(self, labels, buckets=()):  # noqa: N802
            return SimpleNamespace(increment=lambda value: told.append((value, threading.current_thread().name)))

    monkeypatch.setenv("GSV_METRICS_THREAD", position)
    monkeypatch.setattr(door.metrics.pb_utils, "MetricFamily", MetricFamily, raising=False)
    door.metrics.TritonMetrics([MetricSpec("one", COUNTER, "")]).add("one", 2.0)
    while own_thread and not told:
        threading.Event().wait(0.01)
    assert told == [(2.0, "metrics" if own_thread else threading.current_thread().name)]
