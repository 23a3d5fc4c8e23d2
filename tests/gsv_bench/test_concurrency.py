"""What is left behind by clients that die: the least that a server holds, as the load test's watch sees it."""

import os

import pytest

from gsv_bench import concurrency
from gsv_loadtest.server_watch import ServerWatch


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(concurrency.time, "sleep", lambda _: None)


def test_a_server_at_rest_is_told_by_the_least_of_each_figure():
    watch = ServerWatch(os.getpid(), "none-such-")
    found = concurrency._at_rest(watch)
    assert found["processes"] == min(len(sample.processes) for sample in watch.samples)
    assert found["resident_mb"] == min(sample.resident_mb for sample in watch.samples) > 10
    assert found["shared_mb"] == 0
    assert len(watch.samples) == 5


def test_a_server_that_is_gone_is_told_and_not_counted_as_nothing():
    with pytest.raises(RuntimeError, match="no tritonserver"):
        concurrency._at_rest(ServerWatch(2**22 + 1, "none-such-"))
