"""Metrics on their way to the one thread that tells them."""

import threading

import pytest

from gsv_runtime.told_later import ToldLater

PATIENCE_S = 10.0


class Keeper:
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
def keeper():
    return Keeper()


def test_figures_of_many_threads_are_told_by_one_and_none_is_lost(keeper):
    metrics = ToldLater(keeper)
    counting = [threading.Thread(target=lambda: [metrics.add("some") for _ in range(50)]) for _ in range(8)]
    for thread in counting:
        thread.start()
    for thread in counting:
        thread.join()
    metrics.add("last")
    assert keeper.enough.wait(PATIENCE_S)
    assert len(keeper.threads) == 1
    assert len(keeper.told) == 8 * 50 + 1


def test_figures_are_told_in_order_with_their_labels(keeper):
    metrics = ToldLater(keeper)
    metrics.add("streams", -1.0)
    metrics.set("bytes", 7.0, level="disk")
    metrics.observe("last", 0.5, stage="t2s")
    assert keeper.enough.wait(PATIENCE_S)
    assert keeper.told == [
        ("streams", "increment", -1.0, {}),
        ("bytes", "set", 7.0, {"level": "disk"}),
        ("last", "observe", 0.5, {"stage": "t2s"}),
    ]


def test_a_figure_that_cannot_be_told_does_not_end_the_telling(keeper):
    metrics = ToldLater(keeper)
    metrics.add("bad")
    metrics.add("last")
    assert keeper.enough.wait(PATIENCE_S)
