"""What the model `voices` answers: voices are registered, listed and deleted, and stay."""

import json

import numpy as np
import pytest

from gsv_runtime import contract
from gsv_runtime.contract import S1, S2
from gsv_runtime.errors import Cancelled, InvalidRequest, VoiceNotFound
from gsv_runtime.models.catalogue import FIRST_NAME, Catalogue, Checkpoint, FineTune, write_catalogue
from gsv_runtime.models.leased_stages import WAITING
from gsv_runtime.settings import VoicesSettings
from gsv_runtime.tensors import check_inputs, to_wire
from gsv_runtime.voices.service import VoiceService

SETTINGS = VoicesSettings(max_streams=2, max_voices=1, voices_directory="voices")


@pytest.fixture
def ask(facts, make_stages, tmp_path):
    """Ask a service of its own, as after a restart; returns the voices of its only reply."""

    def make(**inputs):
        service = VoiceService(SETTINGS, Catalogue(tmp_path, FineTune(FIRST_NAME, facts, first=True)), tmp_path)
        wire = to_wire(contract.VOICES, contract.VOICES.inputs, {name: [value] for name, value in inputs.items()})
        replies = list(service.answer(check_inputs(contract.VOICES, wire), make_stages(), lambda: False))
        (reply,) = replies
        assert reply.last
        return [json.loads(text) for text in reply.outputs["voices"]]

    return make


@pytest.fixture
def register(ask, make_recording):
    def make(voice, **more):
        return ask(action="register", voice=voice, reference_audio=make_recording(), prompt_text="hi", **more)

    return make


def test_a_registered_voice_is_told_and_listed_after_a_restart_and_gone_when_it_is_deleted(ask, register):
    (entry,) = register("ann")
    assert (entry["voice"], entry["prompt_text"], entry["seconds"]) == ("ann", "hi", 4.0)
    assert ask(action="list") == [entry]
    assert ask(action="delete", voice="ann") == []
    assert ask(action="list") == []


def test_a_voice_that_is_not_there_cannot_be_deleted(ask):
    with pytest.raises(VoiceNotFound, match="ann"):
        ask(action="delete", voice="ann")


def test_a_voice_beyond_the_limit_is_refused_and_the_others_stay(ask, register):
    register("ann")
    with pytest.raises(InvalidRequest):
        register("bob")
    assert [entry["voice"] for entry in ask(action="list")] == ["ann"]


def test_a_recording_that_cannot_be_read_registers_nothing(ask):
    with pytest.raises(InvalidRequest):
        ask(action="register", voice="ann", reference_audio=np.zeros(9, np.uint8).tobytes())
    assert ask(action="list") == []


def test_a_client_that_has_left_waits_no_longer_for_its_model(facts, make_recording, tmp_path):
    ann = Checkpoint(7, "", 0)
    tune = FineTune("ann", facts, {S1: ann, S2: ann})
    write_catalogue(tmp_path, {"ann": tune})

    class Waiting:
        def call(self, model, **inputs):
            if model is contract.FINE_TUNES:
                return {"models": [json.dumps({"state": WAITING})]}
            return {"phones": np.zeros(1, np.int64), "language": ["en"]}

        def new_sequence_id(self):
            return 5

    service = VoiceService(SETTINGS, Catalogue(tmp_path, FineTune(FIRST_NAME, facts, first=True)), tmp_path)
    values = {"action": "register", "voice": "ann", "model": "ann", "reference_audio": make_recording()}
    wire = to_wire(contract.VOICES, contract.VOICES.inputs, {name: [value] for name, value in values.items()})
    with pytest.raises(Cancelled):
        list(service.answer(check_inputs(contract.VOICES, wire), Waiting(), lambda: True))
