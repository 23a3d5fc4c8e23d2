import numpy as np
import pytest

from gsv_bench.t2s_precision import difference


def logits(seed=0):
    return np.random.default_rng(seed).standard_normal((50, 33)).astype(np.float32)


def test_equal_logits_differ_in_nothing():
    found = difference("n", logits(), logits(), [75, 75])
    assert (found.rms_logit_error, found.likeliest_changed, found.greedy_same_tokens) == (0, 0, 75)
    assert found.divergence_nats == pytest.approx(0, abs=1e-6)


def test_a_changed_winner_is_counted_once_for_its_step():
    changed = logits()
    changed[7, (changed[7].argmax() + 1) % 33] = 10
    found = difference("n", logits(), changed, [75, 5])
    assert found.likeliest_changed == pytest.approx(1 / 50)
    assert found.largest_logit_error > 5
    assert found.divergence_nats > 0
    assert found.greedy_same_tokens == 40
