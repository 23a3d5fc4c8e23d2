import dataclasses

import pytest

from gsv_loadtest.fleet import Fleet, MachineCurve, simulate

STEADY = MachineCurve((1, 4, 64), (4.0, 8.0, 8.0), (0.1, 0.2, 1.0), (0.1, 0.2, 1.0), (0.0, 0.0, 1.0))
QUIET = Fleet(STEADY, machines=2, rate_per_s=0.02, audio_s=(6.0,), duration_s=2000.0)


def test_a_stream_that_has_a_machine_alone_is_made_at_the_speed_that_was_measured():
    happened = simulate(QUIET, seed=1)
    assert happened.asked == len(happened.whole_s) > 20
    assert all(whole_s == pytest.approx(1.5) for whole_s in happened.whole_s[:3])
    assert min(happened.first_audio_s) == pytest.approx(0.1)
    assert (happened.gaps, happened.cut, happened.refused) == (0, 0, 0)


def test_streams_that_share_a_machine_share_its_speed():
    together = Fleet(STEADY, machines=1, rate_per_s=10_000.0, audio_s=(6.0,), duration_s=0.002)
    happened = simulate(together, seed=2)
    count = happened.asked
    assert count >= 8
    assert happened.whole_s == pytest.approx([6.0 * count / 8.0] * count, rel=0.01)


def test_a_machine_makes_no_more_speech_than_was_measured_and_refuses_what_has_no_slot():
    busy = Fleet(STEADY, machines=3, rate_per_s=40.0, audio_s=(2.0, 4.0), duration_s=60.0, max_streams=8)
    happened = simulate(busy, seed=3)
    assert 0.95 * 3 * 8.0 * 60 < happened.audio_s < 3 * 8.0 * 61 + 3 * 8 * 4
    assert happened.refused + len(happened.whole_s) == happened.asked
    assert happened.refused > happened.asked / 2


def test_of_a_lost_server_only_its_streams_are_cut_and_the_others_take_those_that_come():
    fleet = Fleet(STEADY, machines=4, rate_per_s=4.0, audio_s=(4.0,), duration_s=60.0, loss_at_s=30.0)
    happened = simulate(fleet, seed=4)
    assert 0 < happened.cut < 16
    assert len(happened.whole_s) + happened.cut + happened.refused == happened.asked
    assert not simulate(dataclasses.replace(fleet, loss_at_s=None), seed=4).cut


def test_what_the_cache_answers_costs_no_machine_anything():
    fleet = Fleet(STEADY, machines=1, rate_per_s=6.0, audio_s=(4.0,), duration_s=100.0)
    cached = simulate(dataclasses.replace(fleet, hit_rate=0.75), seed=5)
    assert cached.hits / cached.asked == pytest.approx(0.75, abs=0.05)
    assert cached.audio_s == 4.0 * (cached.asked - cached.hits)
    assert max(cached.whole_s) < max(simulate(fleet, seed=5).whole_s) / 2


def test_two_servers_of_one_machine_share_its_speed():
    apart = Fleet(STEADY, machines=2, rate_per_s=3.0, audio_s=(4.0,), duration_s=200.0)
    shared = dataclasses.replace(apart, machines=1, servers_per_machine=2)
    assert simulate(shared, seed=6).gaps > 5 * simulate(apart, seed=6).gaps


def test_the_same_seed_gives_the_same_figures():
    busy = dataclasses.replace(QUIET, rate_per_s=2.0, duration_s=50.0)
    assert simulate(busy, seed=7).figures() == simulate(busy, seed=7).figures()
