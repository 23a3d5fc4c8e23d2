"""When work that was let in begins."""

import threading
import time

import pytest

from gsv_runtime.triton.bursts import Arrivals, BurstGate

PATIENCE_S = 10.0


def arrivals(*times_s):
    seen = Arrivals()
    for each_s in times_s:
        seen.add(each_s)
    return seen


@pytest.mark.parametrize(
    ("times_s", "now_s", "burst"),
    [
        ([], 0.0, False),
        ([0.0], 0.0, False),
        ([0.0, 0.001, 0.002, 0.003, 0.004], 0.005, False),  # five are few
        ([0.0, 0.001, 0.002, 0.003, 0.004, 0.005], 0.006, True),
        ([0.0, 0.001, 0.002, 0.003, 0.004, 0.005], 0.039, True),
        ([0.0, 0.001, 0.002, 0.003, 0.004, 0.005], 0.041, False),  # it is over
        ([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 0.6, False),  # many, but not fast
        ([-9.0, 0.0, 0.001, 0.002, 0.003, 0.004, 0.005], 0.006, True),  # what came long before does not matter
    ],
)
def test_requests_that_come_thick_and_fast_are_a_burst(times_s, now_s, burst):
    assert arrivals(*times_s).are_a_burst(now_s) is burst


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def started():
    return []


@pytest.fixture
def starter(started, clock):
    starter = BurstGate(started.append, "test", clock)
    yield starter
    starter.close()


def until(is_true):
    deadline = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.002)


def come(starter, *work):
    for each in work:
        starter.arrived()
        starter.put(each)


def test_a_request_that_comes_alone_starts_in_the_thread_that_took_it(starter, started):
    come(starter, "a")
    assert started == ["a"]


def test_a_burst_starts_in_order_when_it_is_over(starter, started, clock):
    come(starter, *"abcdefgh")
    assert started == list("abcde")
    clock.now_s = 0.1
    until(lambda: len(started) == 8)
    assert started == list("abcdefgh")


def test_requests_that_are_refused_keep_a_burst_going(starter, started, clock):
    come(starter, *"abcde")
    clock.now_s = 0.1
    for _ in range(6):
        starter.arrived()
    come(starter, "f")
    assert started == list("abcde")
    clock.now_s = 0.2
    until(lambda: started == list("abcdef"))


def test_one_who_asks_again_as_soon_as_the_last_answer_is_there_is_no_burst(starter, started):
    for each in "abcdefghij":
        come(starter, each)
        starter.ended()
    assert started == list("abcdefghij")


def test_a_burst_that_does_not_end_holds_nobody_for_longer_than_half_a_second(starter, started, clock):
    come(starter, *"abcdefgh")
    clock.now_s = 0.6
    for _ in range(6):
        starter.arrived()
    until(lambda: len(started) == 8)


def test_what_waits_is_started_before_the_end(started, clock):
    starter = BurstGate(started.append, "test", clock)
    come(starter, *"abcdefgh")
    starter.close()
    assert started == list("abcdefgh")
