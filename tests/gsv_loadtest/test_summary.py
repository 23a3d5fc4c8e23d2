import pytest

from gsv_loadtest.outcome import Outcome
from gsv_loadtest.summary import percentiles, started_within, summarise


def heard(ttfa_s, **more):
    return Outcome("ok", "short", "grpc", 0.0, ttfa_s=ttfa_s, elapsed_s=1.0, audio_s=2.0, **more)


def refused(after_s=0.01):
    return Outcome("busy", "short", "grpc", 0.0, elapsed_s=after_s)


def test_refusals_count_apart_from_failures():
    died = Outcome("InternalError", "short", "grpc", 0.0, message="t2s has died")
    figures = summarise([heard(0.1), refused(), refused(), died, heard(0.2, problems=("silent",))], counted_s=10)
    assert (figures["ok"], figures["busy"], figures["failed"]) == (2, 2, 2)
    assert figures["errors"] == {"InternalError": 1}
    assert figures["problems"] == {"silent": 1}


def test_throughput_is_speech_received_over_the_time_that_counts():
    assert summarise([heard(0.1)] * 20, counted_s=10)["audio_s_per_s"] == 4.0


def test_underruns_are_told_by_longest_total_and_streams():
    figures = summarise([heard(0.1, underruns_s=(0.2, 0.5)), heard(0.1)], counted_s=1)
    assert figures["longest_underrun_s"]["max"] == 0.5
    assert (figures["total_underrun_s"], figures["streams_with_underrun"]) == (0.7, 1)


def test_nothing_heard_gives_no_percentiles_instead_of_zeros():
    figures = summarise([refused(0.15)], counted_s=10)
    assert figures["ttfa_s"] is None
    assert figures["refused_after_s"]["max"] == 0.15


def test_percentiles_leave_out_what_is_no_number():
    assert percentiles([float("nan"), 1.0, 3.0]) == {"p50": 2.0, "p95": 2.9, "p99": 2.98, "max": 3.0}


def test_a_refused_request_did_not_start_in_time_and_one_who_left_is_not_asked():
    left = Outcome("cancelled", "short", "grpc", 0.0)
    assert started_within([heard(0.1), heard(2.0), refused(), heard(0.9), left], 1.0) == pytest.approx(0.5)
    assert started_within([left], 1.0) == 0.0
