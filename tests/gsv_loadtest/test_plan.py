import dataclasses

import pytest

from gsv_loadtest.fleet import Happened, MachineCurve
from gsv_loadtest.plan import Needs, is_kept, plan

CURVE = MachineCurve((1, 10, 64), (10.0, 50.0, 50.0), (0.1, 0.2, 1.0), (0.1, 0.2, 1.0), (0.0, 0.0, 1.0))
NEEDS = Needs(listeners=10_000, audio_s=(2.0, 4.0), machines_per_loss=4)


@pytest.fixture(scope="module")
def alone():
    return plan(CURVE, NEEDS)


@pytest.mark.slow
def test_a_machine_is_given_less_than_it_makes_alone_because_another_may_be_lost(alone):
    assert alone.requests_per_s == pytest.approx(10_000 / 3, abs=0.1)
    makes_per_s = 50.0 / 3.0
    assert 0.4 * makes_per_s < alone.requests_per_machine_s < 0.75 * makes_per_s


def test_machines_are_listeners_divided_by_what_one_bears(alone):
    assert alone.machines == pytest.approx(alone.requests_per_s / alone.requests_per_machine_s, rel=0.01)
    assert alone.machines * alone.listeners_per_machine >= 10_000 * 0.99


@pytest.mark.slow
def test_half_of_the_requests_answered_by_the_cache_halve_the_machines(alone):
    cached = plan(CURVE, dataclasses.replace(NEEDS, hit_rate=0.5))
    assert cached.machines == pytest.approx(alone.machines / 2, rel=0.12)


@pytest.mark.slow
def test_larger_groups_in_which_one_may_be_lost_need_fewer_machines(alone):
    assert plan(CURVE, dataclasses.replace(NEEDS, machines_per_loss=12)).machines < alone.machines


def test_a_machine_that_begins_too_late_even_alone_cannot_be_planned_with():
    with pytest.raises(ValueError, match="bears nothing"):
        plan(CURVE, dataclasses.replace(NEEDS, first_audio_s=0.05))


@pytest.mark.parametrize(
    ("happened", "kept"),
    [
        (Happened(first_audio_s=[0.4] * 100), True),
        (Happened(first_audio_s=[0.4] * 94 + [0.6] * 6), False),
        (Happened(first_audio_s=[0.4] * 100, gaps=2), False),
        (Happened(first_audio_s=[0.4] * 100, refused=1), False),
        (Happened(hits=50), True),
    ],
)
def test_promises_are_of_first_sound_gaps_and_refusals(happened, kept):
    assert is_kept(happened, NEEDS) is kept
