"""Requests in, responses out."""

import threading

import numpy as np
import pytest

from gsv_runtime import contract
from gsv_runtime.errors import InvalidRequest

from .triton_double import Request, Tensor


def test_one_request_at_fault_does_not_fail_the_rest_of_its_batch(door):
    def answer(batch):
        if any(inputs["action"][0] == "bad" for inputs in batch):
            raise InvalidRequest("action is bad")
        nothing = {"voices_json": "[]", "warnings": []}
        return [{"voices": inputs["action"], **nothing} for inputs in batch]

    requests = [Request(action=action) for action in (b"a", b"bad", b"\xff", b"c")]
    responses = door.messages.answer_batch(requests, contract.VOICES, answer)
    assert [response.has_error() for response in responses] == [False, True, True, False]
    assert responses[3].tensors["voices"].as_numpy().tolist() == [b"c"]


def test_a_thread_makes_short_tensors_once_and_shares_them_with_no_other(door):
    local = door.messages.ResponseTensors()
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


def vocoder(parameters="{}"):
    tensors = {
        "latents": np.zeros((1, 2, 1), np.float32),
        "frame_lengths": np.array([[1]]),
        "global_condition": np.zeros((1, 2), np.float32),
    }
    request = Request(parameters)
    request.tensors = [Tensor(name, array) for name, array in tensors.items()]
    return request


@pytest.mark.parametrize(
    ("key", "parameters", "is_let_in"),
    [
        ("k", '{"gsv_key": "k"}', True),
        ("k", '{"gsv_key": "other"}', False),
        ("k", "{}", False),
        ("", "{}", True),
    ],
)
def test_an_internal_model_answers_who_knows_the_servers_key_alone(door, monkeypatch, key, parameters, is_let_in):
    monkeypatch.setenv("GSV_ADMIN_KEY", key)
    answer = lambda batch: [{"waveform": np.zeros((1, 640), np.float32)} for _ in batch]  # noqa: E731
    (response,) = door.messages.answer_batch([vocoder(parameters)], contract.VOCODER, answer)
    assert response.has_error() != is_let_in
    if not is_let_in:
        assert "vocoder answers the server's own models only" in response.error().message()
    assert door.messages.key_parameters(contract.VOCODER) == ({"gsv_key": key} if key else {})
    assert door.messages.key_parameters(contract.TEXT_FRONTEND) == {}


def test_a_pulse_is_answered_at_once_and_with_nothing(door):
    request = Request('{"gsv_pulse": true}')
    (response,) = door.messages.answer_batch([request], contract.VOCODER, lambda batch: pytest.fail("must not run"))
    assert not response.has_error()
