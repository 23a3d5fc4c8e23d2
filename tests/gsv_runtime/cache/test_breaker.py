"""A server that failed is left alone for a while, and asked again by one caller."""

import pytest

from gsv_runtime.cache.breaker import Breaker


@pytest.fixture
def breaker(clock):
    return Breaker(clock, first_s=1.0, longest_s=8.0)


def test_closed_it_lets_everything_through(breaker):
    assert breaker.allows()
    breaker.succeeded()
    assert breaker.allows()
    assert not breaker.is_open


def test_one_failure_holds_every_call_back_for_the_first_period(breaker, clock):
    assert breaker.allows()
    breaker.failed()
    assert breaker.is_open
    clock.now_s += 0.99
    assert not any(breaker.allows() for _ in range(100))


def test_after_the_period_one_probe_goes_and_the_others_wait(breaker, clock):
    breaker.failed()
    clock.now_s += 1.0
    assert [breaker.allows() for _ in range(5)] == [True, False, False, False, False]
    breaker.succeeded()
    assert all(breaker.allows() for _ in range(5))


def test_each_failed_probe_doubles_the_period_up_to_the_longest(breaker, clock):
    breaker.failed()
    for period_s in (1.0, 2.0, 4.0, 8.0, 8.0):
        clock.now_s += period_s - 0.01
        assert not breaker.allows()
        clock.now_s += 0.01
        assert breaker.allows()
        breaker.failed()


def test_after_a_success_the_period_is_the_first_again(breaker, clock):
    breaker.failed()
    clock.now_s += 1.0
    assert breaker.allows()
    breaker.failed()
    clock.now_s += 2.0
    assert breaker.allows()
    breaker.succeeded()
    breaker.failed()
    clock.now_s += 1.0
    assert breaker.allows()


def test_calls_under_way_when_it_opened_change_nothing(breaker, clock):
    breaker.failed()
    breaker.failed()
    breaker.succeeded()
    assert breaker.is_open
    clock.now_s += 1.0
    assert breaker.allows()


def test_a_probe_of_which_nothing_is_heard_holds_the_next_back_for_a_period_only(breaker, clock):
    breaker.failed()
    clock.now_s += 1.0
    assert breaker.allows()
    clock.now_s += 1.0
    assert breaker.allows()


@pytest.mark.parametrize("jump_s", [-1e9, -3600.0, 1e9])
def test_a_jump_of_the_clock_keeps_nobody_waiting(breaker, clock, jump_s):
    breaker.failed()
    clock.now_s += jump_s
    assert breaker.allows()
