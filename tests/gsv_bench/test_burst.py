"""What a burst of requests is told to have done."""

from gsv_bench.burst import summary
from gsv_bench.burst_clients import Heard

WHOLE = Heard(sent_s=10.0, first_s=11.5, whole=True, refused=False)
REFUSED = Heard(sent_s=10.05, first_s=10.1, whole=False, refused=True)
FAILED = Heard(sent_s=10.0, first_s=10.2, whole=False, refused=False, error="InternalError('')")


def test_every_request_is_counted_once_as_whole_refused_or_failed():
    found = summary([WHOLE, WHOLE, REFUSED, FAILED], processes=2, server_refusal_mean_ms=1.0)
    assert (found.requests, found.whole, found.refused, found.failed) == (4, 2, 1, 1)


def test_times_run_from_each_clients_own_sending():
    found = summary([WHOLE, REFUSED], processes=1, server_refusal_mean_ms=1.0)
    assert (found.slowest_refusal_ms, found.ttfa_p50_s, found.sent_within_ms) == (50.0, 1.5, 50.0)


def test_a_burst_that_nobody_was_refused_in_has_no_slow_refusal():
    assert summary([WHOLE], processes=1, server_refusal_mean_ms=0.0).slowest_refusal_ms == 0.0
