import numpy as np
import pytest

from gsv_bench.word_limits import chosen
from gsv_runtime.contract import REPEATED, SWALLOWED


def test_limits_leave_few_false_alarms_and_find_what_stands_out():
    draw = np.random.default_rng(1)
    good = draw.normal([0.0, 3.0], 1.0, (500, 2))  # what speaks for a repeated word is always more by 3
    found = {"": good, SWALLOWED: good + np.array([5.0, 0.0]), REPEATED: good + np.array([0.0, 5.0])}
    limits = chosen(found)
    false_alarms = (good > [limits.swallowed, limits.repeated]).any(axis=1).mean()
    assert false_alarms <= 0.01
    assert limits.repeated - limits.swallowed == pytest.approx(3.0, abs=1.0)
    assert min(limits.found_swallowed, limits.found_repeated) > 0.9
