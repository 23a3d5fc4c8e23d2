"""Metrics on their way to the one thread that tells them."""

import threading

import pytest

from gsv_runtime.triton.metrics_queue import MetricsQueue, summed

PATIENCE_S = 10.0


class MetricSink:
    """Remembers what it is told, and by which threads; fails at figures named `bad`."""

    def __init__(self):
        self.told, self.threads, self.enough = [], set(), threading.Event()

    def __call__(self, name, verb, value, labels):
        if name == "bad":
            raise OSError("not to be had")
        self.threads.add(threading.current_thread().name)
        self.told.append((name, verb, value, labels))
        if name == "last":
            self.enough.set()


@pytest.fixture
def sink():
    return MetricSink()


def test_figures_of_many_threads_are_told_by_one_and_none_is_lost(sink):
    metrics = MetricsQueue(sink)
    counting = [threading.Thread(target=lambda: [metrics.add("some") for _ in range(50)]) for _ in range(8)]
    for thread in counting:
        thread.start()
    for thread in counting:
        thread.join()
    metrics.add("last")
    assert sink.enough.wait(PATIENCE_S)
    assert len(sink.threads) == 1
    assert sum(value for _, _, value, _ in sink.told) == 8 * 50 + 1


def test_figures_are_told_in_order_with_their_labels(sink):
    metrics = MetricsQueue(sink)
    metrics.add("streams", -1.0)
    metrics.set("bytes", 7.0, level="disk")
    metrics.observe("last", 0.5, stage="t2s")
    assert sink.enough.wait(PATIENCE_S)
    assert sink.told == [
        ("streams", "increment", -1.0, {}),
        ("bytes", "set", 7.0, {"level": "disk"}),
        ("last", "observe", 0.5, {"stage": "t2s"}),
    ]


def test_a_figure_that_cannot_be_told_does_not_end_the_telling(sink):
    metrics = MetricsQueue(sink)
    metrics.add("bad")
    metrics.add("last")
    assert sink.enough.wait(PATIENCE_S)


def test_increments_of_a_series_are_told_as_one_where_the_last_stood():
    figures = [
        ("streams", "increment", 1.0, {}),
        ("chunks", "increment", 1.0, {}),
        ("hits", "increment", 1.0, {"level": "memory", "kind": "audio"}),
        ("hits", "increment", 1.0, {"level": "disk", "kind": "audio"}),
        ("chunks", "increment", 2.0, {}),
        ("hits", "increment", 1.0, {"kind": "audio", "level": "memory"}),
        ("streams", "increment", -1.0, {}),
    ]
    assert summed(figures) == [
        ("hits", "increment", 1.0, {"level": "disk", "kind": "audio"}),
        ("chunks", "increment", 3.0, {}),
        ("hits", "increment", 2.0, {"kind": "audio", "level": "memory"}),
        ("streams", "increment", 0.0, {}),
    ]


def test_what_is_observed_or_set_is_told_each_and_in_order():
    figures = [("ttfa", "observe", 1.0, {}), ("slots", "set", 3.0, {}), ("ttfa", "observe", 1.0, {})]
    assert summed(figures) == figures


def test_without_a_thread_of_its_own_a_figure_is_told_by_who_counts_and_at_once(sink):
    metrics = MetricsQueue(sink, own_thread=False)
    metrics.add("bad")
    metrics.set("bytes", 7.0, level="disk")
    assert sink.told == [("bytes", "set", 7.0, {"level": "disk"})]
    assert sink.threads == {threading.current_thread().name}
