import numpy as np
import pytest

from gsv_build.phone_durations import LONGEST, learned_durations

KINDS = np.array([0, 0, 1, 2])
LASTS = (4, 4, 4, 2)


@pytest.fixture
def shares():
    """Of phones 0, 2 and 3, each said sixty times with its length of `LASTS`; phone 1 is never said."""
    phones = np.array([0, 2, 3])
    path = np.repeat(np.arange(3), [LASTS[phone] for phone in phones])
    return np.exp(learned_durations([(phones, path)] * 60, KINDS))


def test_a_phone_lasts_as_it_was_heard(shares):
    assert shares.argmax(axis=1).tolist() == list(LASTS)


def test_every_length_is_possible_and_all_are_one(shares):
    assert shares.sum(axis=1) == pytest.approx(1.0)
    assert shares.min() > 0
    assert shares.shape == (4, LONGEST + 1)


def test_a_phone_that_is_passed_over_lasts_nothing():
    found = np.exp(learned_durations([(np.array([0, 1, 2]), np.array([0, 0, 2, 2]))] * 60, KINDS))
    assert found[1].argmax() == 0


def test_nothing_heard_makes_all_lengths_alike():
    found = learned_durations([], KINDS)
    assert np.ptp(found) == pytest.approx(0.0, abs=1e-6)
