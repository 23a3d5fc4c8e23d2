"""Metrics on Triton's endpoint."""

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
