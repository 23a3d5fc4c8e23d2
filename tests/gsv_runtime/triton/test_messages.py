"""serving.py against a double of triton_python_backend_utils, for what a real server cannot be made to do on demand."""

import importlib
import os
import sys
import threading
import types

import numpy as np
import pytest

from gsv_runtime import contract
from gsv_runtime.errors import Cancelled, InvalidRequest, ServerBusy, VoiceNotFound
from gsv_runtime.jobs import AtMost, Reply
from gsv_runtime.metrics import COUNTER, GAUGE, MetricSpec
from gsv_runtime.stages import SequenceCall

FINAL = 1


class Tensor:
    def __init__(self, name, array):
        self._name, self.array = name, array

    def name(self):
        return self._name

    def as_numpy(self):
        return self.array


class TritonError:
    INTERNAL, INVALID_ARG, NOT_FOUND, UNAVAILABLE, CANCELLED = range(5)

    def __init__(self, message, code):
        self.text, self.code = message, code

    def message(self):
        return self.text


class Response:
    def __init__(self, output_tensors=(), error=None):
        self.tensors, self.failure = {tensor.name(): tensor for tensor in output_tensors}, error

    def has_error(self):
        return self.failure is not None

    def error(self):
        return self.failure


class Sender:
    def __init__(self):
        self.sent, self.ended, self.cancelled = [], threading.Event(), False

    def send(self, response=None, flags=0):
        assert not self.ended.is_set(), "sent after FINAL"
        self.sent.append((response, flags))
        if flags & FINAL:
            self.ended.set()

    def is_cancelled(self):
        return self.cancelled


class Request:
    def __init__(self, parameters="{}", **inputs):
        self.tensors = [Tensor(name, np.array([value], dtype=np.object_)) for name, value in inputs.items()]
        self.sender, self.text = Sender(), parameters

    def inputs(self):
        return self.tensors

    def parameters(self):
        return self.text

    def get_response_sender(self):
        return self.sender


@pytest.fixture
def serving(monkeypatch):
    """A fresh import of the module on top of the double; `serving.stage_replies` answers BLS calls."""
    replies = []
    answer = lambda reply: reply() if callable(reply) else reply  # noqa: E731
    double = types.ModuleType("triton_python_backend_utils")
    double.Tensor, double.TritonError, double.InferenceResponse = Tensor, TritonError, Response
    double.TRITONSERVER_RESPONSE_COMPLETE_FINAL = FINAL
    double.TRITONSERVER_MEMORY_CPU = 0
    double.TRITONSERVER_REQUEST_FLAG_SEQUENCE_START, double.TRITONSERVER_REQUEST_FLAG_SEQUENCE_END = 1, 2
    double.PreferredMemory = lambda *_: None
    double.get_output_tensor_by_name = lambda response, name: response.tensors.get(name)
    double.InferenceRequest = lambda **_: types.SimpleNamespace(exec=lambda: answer(replies.pop(0)))
    monkeypatch.setitem(sys.modules, double.__name__, double)
    monkeypatch.delitem(sys.modules, "gsv_runtime.triton.messages", raising=False)
    module = importlib.import_module("gsv_runtime.triton.messages")
    module.stage_replies = replies
    yield module
    sys.modules.pop("gsv_runtime.triton.messages", None)


def voices(*names, last=True):
    return Reply({"voices": np.array(names, dtype=np.object_)}, last)


@pytest.fixture
def run(serving):
    """Answers one request by a generator function and returns what was sent."""

    def run_one(answer, request=None, max_streams=1):
        request = request or Request(action=b"list")
        server = serving.StreamServer(contract.VOICES, AtMost(max_streams, answer), max_streams)
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
        for _ in range(replies_before):
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


def test_the_stream_beyond_the_limit_is_told_to_come_back_and_a_place_freed_is_usable(serving):
    release = threading.Event()

    def answer(*_):
        assert release.wait(10)
        yield voices("a")

    server = serving.StreamServer(contract.VOICES, AtMost(1, answer), max_streams=1)
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


def test_a_stages_error_keeps_its_leaf_and_other_text_stays_in_the_log(serving):
    stages = serving.BlsStages()
    for text, kind, told in [
        ("InvalidRequest: text is empty", InvalidRequest, "text is empty"),
        ("ServerBusy: later", ServerBusy, "later"),
        ("[/srv/x.py] ValueError: y", Exception, "stage text_frontend failed; the server's log has the cause"),
    ]:
        serving.stage_replies.append(Response(error=TritonError(text, 0)))
        with pytest.raises(kind, match=told):
            stages.call(contract.TEXT_FRONTEND, text="a", language="en", split_method="none")


def test_stage_times_add_up_until_they_are_taken(serving):
    reply = [Tensor("waveform", np.zeros((1, 640), np.float32))]
    serving.stage_replies.extend([Response(reply), Response(reply)])
    stages = serving.BlsStages()
    inputs = {"latents": np.zeros((1, 2, 1)), "frame_lengths": [[1]], "global_condition": np.zeros((1, 2))}
    stages.call(contract.VOCODER, **inputs)
    stages.call(contract.VOCODER, **inputs)
    assert stages.take_times_ms().keys() == {"vocoder"}
    assert stages.take_times_ms() == {}


def test_a_call_to_a_sequence_model_is_left_when_the_client_has_but_its_last_call_is_made(serving, monkeypatch):
    monkeypatch.setattr(serving, "model_processes", lambda _: {"t2s": frozenset({os.getpid()})})
    outputs = {"semantic_tokens": np.ones((1, 5), np.int64), "finish_reason": np.array([[b"eos"]], dtype=np.object_)}
    tokens = Response([Tensor(name, array) for name, array in outputs.items()])
    has_left, over = threading.Event(), threading.Event()

    def decode():
        has_left.set()
        assert over.wait(10)
        return tokens

    ended_late = threading.Event()
    serving.stage_replies.extend([decode, tokens, lambda: (ended_late.set(), tokens)[1]])
    stages = serving.BlsStages(lambda: not has_left.is_set())
    call = {"model": contract.T2S, "max_new_tokens": [5]}
    with pytest.raises(Cancelled, match="the client has left"):
        stages.call(sequence=SequenceCall(7, start=True), **call)
    assert stages.call(sequence=SequenceCall(7, end=True), **call)["finish_reason"] == ["eos"]
    assert not ended_late.is_set()
    over.set()
    assert ended_late.wait(10), "the call was answered after all, as if it had come after the end"


def test_one_request_at_fault_does_not_fail_the_rest_of_its_batch(serving):
    def answer(batch):
        if any(inputs["action"][0] == "bad" for inputs in batch):
            raise InvalidRequest("action is bad")
        return [{"voices": inputs["action"]} for inputs in batch]

    requests = [Request(action=action) for action in (b"a", b"bad", b"\xff", b"c")]
    responses = serving.answer_batch(requests, contract.VOICES, answer)
    assert [response.has_error() for response in responses] == [False, True, True, False]
    assert responses[3].tensors["voices"].as_numpy().tolist() == [b"c"]


def test_every_series_of_a_metric_is_shown_from_the_start_one_for_each_combination_of_labels(serving, monkeypatch):
    shown = []

    class MetricFamily:
        COUNTER, GAUGE, HISTOGRAM = range(3)

        def __init__(self, name, description, kind):
            self.name = name

        def Metric(self, labels, buckets=()):  # noqa: N802
            shown.append((self.name, labels))

    monkeypatch.setattr(serving.pb_utils, "MetricFamily", MetricFamily, raising=False)
    specs = [MetricSpec("one", GAUGE, ""), MetricSpec("four", COUNTER, "", {"a": ("x", "y"), "b": ("1", "2")})]
    serving.TritonMetrics(specs)
    assert shown == [("one", {})] + [("four", {"a": a, "b": b}) for a in "xy" for b in "12"]


def test_a_thread_makes_short_tensors_once_and_shares_them_with_no_other(serving):
    local = serving._Tensors()
    reason, rate, long = np.array([b"eos"], object), np.array([32_000], np.int32), np.array([b"x" * 17], object)
    first = local.make("finish_reason", reason)
    assert local.make("finish_reason", reason.copy()) is first
    assert local.make("source", reason) is not first
    assert local.make("finish_reason", np.array([b"limit"], object)).as_numpy().tolist() == [b"limit"]
    assert local.make("sample_rate_hz", rate) is local.make("sample_rate_hz", rate)
    assert local.make("sample_rate_hz", rate).as_numpy().dtype == np.int32
    assert local.make("sentence", long) is not local.make("sentence", long)
    waveform = np.zeros(1, np.float32)
    assert local.make("waveform", np.zeros(2, np.float32)) is not local.make("waveform", np.zeros(2, np.float32))
    assert local.make("waveform", waveform).as_numpy().dtype == np.float32
    elsewhere = []
    thread = threading.Thread(target=lambda: elsewhere.append(local.make("finish_reason", reason)))
    thread.start()
    thread.join()
    assert elsewhere[0] is not first
    assert elsewhere[0].as_numpy().tolist() == [b"eos"]
