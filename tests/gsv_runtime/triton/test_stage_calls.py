"""Stage calls by BLS."""

import os
import threading

import numpy as np
import pytest

from gsv_runtime import contract
from gsv_runtime.errors import Cancelled, InternalError, InvalidRequest, ServerBusy
from gsv_runtime.stages import SequenceCall

from .triton_double import Response, Tensor, TritonError


def test_a_stages_error_keeps_its_leaf_and_other_text_stays_in_the_log(door, monkeypatch):
    alive = dict.fromkeys(("t2s", "text_frontend"), frozenset({os.getpid()}))
    monkeypatch.setattr(door.stage_calls, "model_processes", lambda _: alive)
    stages = door.stage_calls.BlsStages()
    for text, kind, told in [
        ("InvalidRequest: text is empty", InvalidRequest, "text is empty"),
        ("ServerBusy: later", ServerBusy, "later"),
        ("[/srv/x.py] ValueError: y", Exception, "stage text_frontend failed; the server's log has the cause"),
    ]:
        door.stage_replies.append(Response(error=TritonError(text, 0)))
        with pytest.raises(kind, match=told):
            stages.call(contract.TEXT_FRONTEND, text="a", language="en", split_method="none")


def test_stage_times_add_up_until_they_are_taken(door):
    reply = [Tensor("waveform", np.zeros((1, 640), np.float32))]
    door.stage_replies.extend([Response(reply), Response(reply)])
    stages = door.stage_calls.BlsStages()
    inputs = {"latents": np.zeros((1, 2, 1)), "frame_lengths": [[1]], "global_condition": np.zeros((1, 2))}
    stages.call(contract.VOCODER, **inputs)
    stages.call(contract.VOCODER, **inputs)
    assert stages.take_times_ms().keys() == {"vocoder"}
    assert stages.take_times_ms() == {}


def test_a_call_to_a_sequence_model_is_left_when_the_client_has_but_its_last_call_is_made(door, monkeypatch):
    monkeypatch.setattr(door.stage_calls, "model_processes", lambda _: {"t2s": frozenset({os.getpid()})})
    outputs = {"semantic_tokens": np.ones((1, 5), np.int64), "finish_reason": np.array([[b"eos"]], dtype=np.object_)}
    tokens = Response([Tensor(name, array) for name, array in outputs.items()])
    has_left, over = threading.Event(), threading.Event()

    def decode():
        has_left.set()
        assert over.wait(10)
        return tokens

    ended_late = threading.Event()
    door.stage_replies.extend([decode, tokens, lambda: (ended_late.set(), tokens)[1]])
    stages = door.stage_calls.BlsStages(lambda: not has_left.is_set())
    call = {"model": contract.T2S, "max_new_tokens": [5]}
    with pytest.raises(Cancelled, match="the client has left"):
        stages.call(sequence=SequenceCall(7, start=True), **call)
    assert stages.call(sequence=SequenceCall(7, end=True), **call)["finish_reason"] == ["eos"]
    assert not ended_late.is_set()
    over.set()
    assert ended_late.wait(10), "the call was answered after all, as if it had come after the end"


LEASED = {"action": "lease", "name": "ann", "lease": [7]}
SPOKEN = {"latents": np.zeros((1, 2, 1)), "frame_lengths": [[1]], "global_condition": np.zeros((1, 2))}


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (contract.FINE_TUNES, LEASED),  # parked until the fine-tune is there
        (contract.VOCODER, {**SPOKEN, "weights": [[9]]}),  # answered when they are open
    ],
)
def test_a_call_that_is_answered_later_ends_when_the_stages_process_dies(door, monkeypatch, model, inputs):
    alive, over = {model.name: frozenset({os.getpid()})}, threading.Event()
    monkeypatch.setattr(door.stage_calls, "model_processes", lambda _: alive)
    is_alive = True
    monkeypatch.setattr("gsv_runtime.triton.watched_calls.is_running", lambda _: is_alive)

    def wait_for_ever():
        nonlocal is_alive
        is_alive = False
        assert over.wait(10)
        return Response()

    door.stage_replies.append(wait_for_ever)
    with pytest.raises(InternalError, match=f"the process of stage {model.name} has died"):
        door.stage_calls.BlsStages().call(model, **inputs)
    over.set()


def test_while_a_stage_has_no_process_the_server_is_busy(door, monkeypatch):
    monkeypatch.setattr(door.stage_calls, "model_processes", lambda _: {})
    with pytest.raises(ServerBusy, match="stage models is being started"):
        door.stage_calls.BlsStages().call(contract.FINE_TUNES, **LEASED)


def test_a_call_for_a_lease_is_not_left_when_the_client_has(door, monkeypatch):
    """It would be answered after the lease was given back, and nobody would give that back."""
    monkeypatch.setattr(door.stage_calls, "model_processes", lambda _: {"models": frozenset({os.getpid()})})
    state = Response([Tensor("models", np.array([b'{"state": "ready"}'], dtype=np.object_))])
    door.stage_replies.append(state)
    stages = door.stage_calls.BlsStages(is_wanted=lambda: pytest.fail("the client was asked for"))
    assert stages.call(contract.FINE_TUNES, **LEASED)["models"] == ['{"state": "ready"}']
