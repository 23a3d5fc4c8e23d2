import itertools

import numpy as np
import pytest

from gsv_loadtest.shapes import SPIKE, poisson_arrivals, spike, steady


def test_arrivals_have_the_rate_and_the_spread_of_a_poisson_process():
    times = np.array(list(poisson_arrivals(50.0, 400.0, seed=3)))
    gaps = np.diff(times)
    assert len(times) / 400 == pytest.approx(50, rel=0.03)
    assert gaps.std() / gaps.mean() == pytest.approx(1, rel=0.05)
    assert (gaps > 0).all()
    assert times[-1] < 400


def test_arrivals_are_the_same_for_the_same_seed_only():
    first, same, other = (list(poisson_arrivals(5.0, 10.0, seed)) for seed in (1, 1, 2))
    assert first == same
    assert first != other


def test_a_spike_fills_the_middle_third():
    assert [spike(3, at_s, 30.0) for at_s in (0, 9.9, 10, 19.9, 20)] == [3, 3, 3 * SPIKE, 3 * SPIKE, 3]


def test_steady_users_stay():
    assert {steady(5, at_s, 30.0) for at_s in itertools.islice(itertools.count(), 30)} == {5}


def test_a_crowd_comes_first_and_changes_nobody_elses_time():
    alone = list(poisson_arrivals(5.0, 10.0, seed=1))
    assert list(poisson_arrivals(5.0, 10.0, seed=1, crowd=3)) == [0.0, 0.0, 0.0, *alone]
