from __future__ import annotations

import pytest

from gsv_client import errors
from gsv_client.errors import error_from_wire
from gsv_client.retries import is_safe_to_repeat


@pytest.mark.parametrize("leaf", ["InvalidRequest", "VoiceNotFound", "ServerBusy", "Cancelled", "InternalError"])
def test_a_leaf_name_before_the_message_decides_whatever_the_status(leaf: str) -> None:
    error = error_from_wire(f"{leaf}: it is; do that", "StatusCode.INTERNAL")
    assert type(error) is getattr(errors, leaf)
    assert str(error) == "it is; do that"


def test_a_leaf_name_inside_tritons_own_wording_is_found() -> None:
    error = error_from_wire("in ensemble 'tts', VoiceNotFound: voice 'ann' is not registered")
    assert type(error) is errors.VoiceNotFound


@pytest.mark.parametrize(
    ("text", "status", "leaf"),
    [
        ("Exceeds maximum queue size", None, errors.ServerBusy),
        ("Request for unknown model: 'tts' has no available versions", None, errors.ServerStopping),
        ("Request for unknown model: 'tts' is not found", 404, errors.InternalError),
        ("failed to connect to all addresses; last error: ...", "StatusCode.UNAVAILABLE", errors.ConnectionFailed),
        ("Socket closed", "StatusCode.UNAVAILABLE", errors.ConnectionLost),
        ("Stream removed (sendmsg: Broken pipe (32))", "UNAVAILABLE", errors.ConnectionLost),
        ("Stream removed", "UNKNOWN", errors.ConnectionLost),
        ("sendmsg: Broken pipe (32)", "UNAVAILABLE", errors.ConnectionLost),
        ("Received RST_STREAM with error code 2", "INTERNAL", errors.ConnectionLost),
        ("GOAWAY received; Error code: 0", "UNAVAILABLE", errors.ConnectionLost),
        ("Deadline Exceeded", "StatusCode.DEADLINE_EXCEEDED", errors.DeadlineExceeded),
        ("Locally cancelled by application!", "StatusCode.CANCELLED", errors.Cancelled),
        ("bad shape", 400, errors.InvalidRequest),
        ("busy", 503, errors.ServerBusy),
        ("boom", 500, errors.InternalError),
        ("Stub process 'tts_0_0' is not healthy.", "StatusCode.INTERNAL", errors.InternalError),
    ],
)
def test_tritons_own_errors_are_sorted_by_wording_then_status(
    text: str, status: str | int | None, leaf: type[errors.SynthesisError]
) -> None:
    error = error_from_wire(text, status)
    assert type(error) is leaf
    assert text in str(error)


def test_an_error_without_text_still_says_something() -> None:
    assert "502" in str(error_from_wire("", 502))


def test_only_requests_that_cannot_have_run_are_repeated() -> None:
    repeated = {leaf for leaf in vars(errors).values() if isinstance(leaf, type) and is_safe_to_repeat(leaf())}
    assert repeated == {errors.ServerStopping, errors.ConnectionFailed}


def test_a_busy_server_says_when_to_come_back() -> None:
    error = error_from_wire("ServerBusy: speech would start in about 12.0 s; retry after 2.5 s", None)
    assert isinstance(error, errors.ServerBusy)
    assert error.retry_after_s == 2.5
    assert errors.ServerBusy("full").retry_after_s is None


def test_a_server_that_is_full_says_how_many_it_answers_at_once() -> None:
    error = error_from_wire("ServerBusy: 64 streams are running, the most allowed; retry after 1.0 s", None)
    assert isinstance(error, errors.ServerBusy)
    assert error.streams == 64
    assert errors.ServerBusy("speech would start in about 12.0 s; retry after 2.5 s").streams is None
