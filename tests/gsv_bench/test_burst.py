"""What a burst of requests is told to have done."""

from dataclasses import replace

from gsv_bench.burst import summary
from gsv_loadtest.crowd import StreamHeard

WHOLE = StreamHeard(0.0, late_s=0.1, first_s=1.6, whole_s=3.0, audio_s=2.0, underruns_s=(), sent_at_s=10.0)
REFUSED = replace(WHOLE, first_s=0.0, whole_s=0.15, sent_at_s=10.05, refused=True, error="ServerBusy('')")
FAILED = replace(WHOLE, first_s=0.3, error="InternalError('')")


def test_every_request_is_counted_once_as_whole_refused_or_failed():
    found = summary([WHOLE, WHOLE, REFUSED, FAILED], processes=2, server_refusal_mean_ms=1.0)
    assert (found.requests, found.whole, found.refused, found.failed) == (4, 2, 1, 1)


def test_times_run_from_each_clients_own_sending():
    found = summary([WHOLE, REFUSED], processes=1, server_refusal_mean_ms=1.0)
    assert (found.slowest_refusal_ms, found.ttfa_p50_s, found.sent_within_ms) == (50.0, 1.5, 50.0)


def test_a_burst_that_nobody_was_refused_in_has_no_slow_refusal():
    assert summary([WHOLE], processes=1, server_refusal_mean_ms=0.0).slowest_refusal_ms == 0.0
