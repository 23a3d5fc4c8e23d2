"""Streams: their threads, and the one FINAL that ends each."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from gsv_runtime import contract
from gsv_runtime.errors import Cancelled, VoiceNotFound
from gsv_runtime.jobs import Reply, StreamLimit

from .triton_double import FINAL, Request, TritonError


def voices(*names, last=True):
    return Reply({"voices": np.array(names, dtype=np.object_), "voices_json": "[]", "warnings": []}, last)


@pytest.fixture
def run(door):
    """Answers one request by a generator function and returns what was sent."""

    def run_one(answer, request=None, max_streams=1):
        request = request or Request(action=b"list")
        server = door.streams.StreamServer(contract.VOICES, StreamLimit(max_streams, answer), max_streams)
        server.submit(request)
        server.close()
        return request.sender.sent

    return run_one


def finals(sent):
    return [bool(flags & FINAL) for _, flags in sent]


def test_the_last_reply_carries_the_only_final(run):
    sent = run(lambda *_: (each for each in [voices("a", last=False), voices("b")]))
    assert finals(sent) == [False, True]
    assert sent[1][0].tensors["voices"].as_numpy().tolist() == [b"b"]


def test_a_stream_that_stops_without_a_last_reply_is_still_ended_once(run):
    sent = run(lambda *_: (each for each in [voices("a", last=False)]))
    assert finals(sent) == [False, True]
    assert sent[1][0] is None


@pytest.mark.parametrize("replies_before", [0, 2])
@pytest.mark.parametrize(
    ("failure", "message", "code"),
    [
        (VoiceNotFound("no such voice"), "VoiceNotFound: no such voice", TritonError.NOT_FOUND),
        (Cancelled("the client has left"), "Cancelled: the client has left", TritonError.CANCELLED),
        (OSError("/srv/secret/x.npz"), "InternalError: stage voices failed; the server's log has the cause", 0),
    ],
)
def test_a_failure_is_the_last_thing_sent_and_names_no_path(run, replies_before, failure, message, code):
    def answer(*_):
        for _number in range(replies_before):
            yield voices("a", last=False)
        raise failure

    sent = run(answer)
    assert finals(sent) == [False] * replies_before + [True]
    assert (sent[-1][0].error().message(), sent[-1][0].error().code) == (message, code)


def test_a_request_that_cannot_be_decoded_is_answered_without_a_thread(run):
    sent = run(lambda *_: pytest.fail("must not run"), Request(action=b"\xff"))
    assert finals(sent) == [True]
    assert sent[0][0].error().message().startswith("InvalidRequest: action is not valid UTF-8")


def test_an_unknown_request_parameter_is_refused_by_name(run):
    sent = run(lambda *_: (each for each in [voices()]), Request('{"temprature": 1}', action=b"list"))
    assert "unknown parameter 'temprature'; voices takes action, voice" in sent[0][0].error().message()
    assert (
        run(
            lambda *_: (each for each in [voices()]),
            Request('{"triton_enable_empty_final_response": true}', action=b"list"),
        )[0][0].failure
        is None
    )


def test_the_stream_beyond_the_limit_is_told_to_come_back_and_a_place_freed_is_usable(door):
    release = threading.Event()

    def answer(*_):
        assert release.wait(10)
        yield voices("a")

    server = door.streams.StreamServer(contract.VOICES, StreamLimit(1, answer), max_streams=1)
    first, second, third = (Request(action=b"list") for _ in range(3))
    server.submit(first)
    server.submit(second)
    assert second.sender.sent[0][0].error().code == TritonError.UNAVAILABLE
    assert (
        "ServerBusy: 1 streams are running, the most allowed; retry after 1.0 s"
        in second.sender.sent[0][0].error().message()
    )
    release.set()
    assert first.sender.ended.wait(10)
    server.submit(third)
    server.close()
    assert third.sender.sent[0][0].failure is None


@pytest.mark.parametrize(("position", "pauses"), [("on", [0.25]), ("off", [])])
def test_a_stream_whose_client_has_left_is_ended_late_only_where_that_workaround_is_on(
    run, door, monkeypatch, position, pauses
):
    slept, request = [], Request(action=b"list")
    request.sender.cancelled = True
    monkeypatch.setenv("GSV_CANCEL_PAUSE", position)
    monkeypatch.setattr(door.streams, "time", SimpleNamespace(**{**vars(time), "sleep": slept.append}))
    sent = run(lambda *_: (each for each in [voices("a")]), request)
    assert finals(sent) == [True]
    assert slept == pauses


@pytest.mark.parametrize(
    ("request_id", "told"),
    [("a-1.b:2", "request=a-1.b:2 "), ("", "request=- "), ("a\nmodel=x", r"request='a\nmodel=x' ")],
)
def test_the_log_says_at_the_end_whose_request_it_was_and_nothing_that_a_client_made_up(run, caplog, request_id, told):
    caplog.set_level("INFO")
    run(lambda *_: (each for each in [voices("a")]), Request(action=b"list", request_id=request_id))
    (line,) = [record.getMessage() for record in caplog.records if "stream ended" in record.getMessage()]
    assert line.startswith(f"stream ended model=voices {told}outcome=done responses=1 elapsed_ms=")
    assert line.endswith(" action=list")


def test_a_request_that_is_not_let_in_is_in_the_log(run, caplog):
    caplog.set_level("INFO")
    run(lambda *_: pytest.fail("must not run"), Request(action=b"\xff", request_id="r1"))
    assert "request refused model=voices request=r1 error=InvalidRequest" in caplog.text
