import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsv_loadtest.capacity import Bar, Probe, bracket, highest_rate, judge
from gsv_loadtest.outcome import Outcome


def server_that_bears(limit_per_s):
    return lambda rate_per_s: Probe(rate_per_s, rate_per_s <= limit_per_s, "")


@given(limit_per_s=st.floats(0.1, 50), first_per_s=st.floats(0.1, 50))
def test_the_limit_is_found_to_a_tenth_from_wherever_one_begins(limit_per_s, first_per_s):
    borne, not_borne = bracket(highest_rate(server_that_bears(limit_per_s), first_per_s))
    assert borne <= limit_per_s < not_borne
    assert not_borne <= borne * 1.1 + 1e-9


def test_a_server_that_bears_nothing_ends_the_search_without_a_rate():
    probes = highest_rate(server_that_bears(0.0), 8.0, lowest_per_s=0.5)
    assert [probe.rate_per_s for probe in probes] == [8, 4, 2, 1, 0.5]
    assert bracket(probes) == (None, 0.5)


def test_a_rate_borne_above_one_that_was_not_is_not_believed():
    assert bracket([Probe(4.0, True, ""), Probe(3.0, False, ""), Probe(2.0, True, "")]) == (2.0, 3.0)


def heard(ttfa_s=0.2, **more):
    return Outcome("ok", "short", "grpc", 0.0, ttfa_s=ttfa_s, elapsed_s=1.0, audio_s=2.0, **more)


@pytest.mark.parametrize(
    ("outcomes", "borne"),
    [
        ([heard()] * 20, True),
        ([heard()] * 19 + [heard(ttfa_s=2.0)], True),
        ([heard()] * 18 + [heard(ttfa_s=2.0)] * 2, False),
        ([heard()] * 18 + [Outcome("busy", "short", "grpc", 0.0)] * 2, False),
        ([heard()] * 19 + [heard(underruns_s=(0.3,))], False),
        ([heard()] * 19 + [heard(underruns_s=(0.01,))], True),
        ([heard()] * 19 + [Outcome("InternalError", "short", "grpc", 0.0)], False),
        ([Outcome("cancelled", "short", "grpc", 0.0)] * 20, False),
        ([heard()] * 9, False),
        ([], False),
    ],
)
def test_a_rate_is_borne_when_enough_start_in_time_and_no_stream_stops(outcomes, borne):
    assert judge(1.0, outcomes, Bar(ttfa_s=1.0)).borne is borne


def test_a_slow_rate_is_probed_for_long_enough_to_show_something():
    assert Bar(ttfa_s=1.0, least=10).duration_s(rate_per_s=0.5, warm_up_s=5.0) == 65.0
