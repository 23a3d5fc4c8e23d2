"""Work is ended from outside when it has had its share, and only then."""

import queue
import re
import threading

import pytest

from gsv_runtime.text.time_limit import LimitedThreads

PATIENCE_S = 60


class TooLong(Exception):
    pass


@pytest.fixture
def run():
    """Runs work and returns what became of each, in any order."""
    made = []

    def run_all(*works, limit_s=0.2, num_threads=2):
        threads = LimitedThreads(num_threads, limit_s, TooLong)
        made.append(threads)
        done = queue.Queue()
        for work in works:
            threads.submit(work, done.put)
        return [done.get(timeout=PATIENCE_S) for _ in works]

    yield run_all
    for threads in made:
        threads.close()


def for_ever():
    while True:
        pass


def swallowing():
    while True:
        try:
            for_ever()
        except Exception:
            continue


@pytest.mark.slow
@pytest.mark.parametrize("work", [for_ever, swallowing])
def test_work_without_end_is_ended_whatever_it_catches(run, work):
    (outcome,) = run(work)
    assert isinstance(outcome, TooLong)


@pytest.mark.slow
def test_work_beside_it_goes_on_and_the_thread_is_good_for_more(run):
    outcomes = run(for_ever, for_ever, *[lambda: "read"] * 5)
    assert [type(outcome) for outcome in outcomes].count(TooLong) == 2
    assert outcomes.count("read") == 5


@pytest.mark.slow
def test_waiting_is_no_work(run):
    wait = threading.Event()
    threading.Timer(0.5, wait.set).start()
    assert run(lambda: wait.wait(PATIENCE_S), limit_s=0.05) == [True]


def test_what_work_raises_is_its_outcome(run):
    (outcome,) = run(lambda: re.compile("("))
    assert isinstance(outcome, re.error)
