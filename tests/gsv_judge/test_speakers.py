import math

import numpy as np
import pytest

from gsv_judge.speakers import pairs, to_references

ANN, BOB = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)
BETWEEN = np.array([0.8, 0.6], np.float32)


def test_pairs_of_one_speaker_and_of_two_are_kept_apart():
    found = pairs([("ann", ANN), ("ann", BETWEEN), ("bob", BOB)])
    assert found.same == pytest.approx(0.8)
    assert found.other == pytest.approx((0.0 + 0.6) / 2)


def test_one_speaker_has_no_other():
    assert math.isnan(pairs([("ann", ANN), ("ann", ANN)]).other)


def test_each_speaker_is_compared_with_every_reference():
    found = to_references([("ann", BETWEEN), ("ann", ANN), ("bob", BOB)], {"ann": ANN, "bob": BOB})
    assert found["ann"] == pytest.approx({"ann": 0.9, "bob": 0.3})
    assert found["bob"] == pytest.approx({"ann": 0.0, "bob": 1.0})
