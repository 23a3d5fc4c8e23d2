"""Metrics on Triton's endpoint."""

from types import SimpleNamespace

import pytest

from gsv_runtime.metrics import COUNTER, GAUGE, MetricSpec
from gsv_runtime.triton import metrics_queue


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
    told, started = [], []

    class MetricFamily:
        COUNTER, GAUGE, HISTOGRAM = range(3)

        def __init__(self, name, description, kind):
            pass

        def Metric(self, labels, buckets=()):  # noqa: N802
            return SimpleNamespace(increment=told.append)

    def thread(target, name, daemon):
        return SimpleNamespace(start=lambda: started.append(name))

    monkeypatch.setenv("GSV_METRICS_THREAD", position)
    monkeypatch.setattr(door.metrics.pb_utils, "MetricFamily", MetricFamily, raising=False)
    monkeypatch.setattr(metrics_queue, "threading", SimpleNamespace(Thread=thread))
    door.metrics.TritonMetrics([MetricSpec("one", COUNTER, "")]).add("one", 2.0)
    assert (started, told) == ((["metrics"], []) if own_thread else ([], [2.0]))
