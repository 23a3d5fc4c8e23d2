"""Calls of one fine-tune: which weights they name, and when its lease is taken and given back."""

import json
from dataclasses import replace

import pytest

from gsv_runtime import contract
from gsv_runtime.contract import S1, S2
from gsv_runtime.errors import Cancelled
from gsv_runtime.models.catalogue import Checkpoint
from gsv_runtime.models.leased_stages import ModelLease, ModelStages
from gsv_runtime.stages import SequenceCall

from ..conftest import FACTS, first_of

FIRST = replace(first_of(FACTS), checkpoints={S1: Checkpoint(1, "", 0), S2: Checkpoint(2, "", 0)})
ANN = replace(FIRST, name="ann", first=False, checkpoints={S1: Checkpoint(1, "", 0), S2: Checkpoint(9, "", 0)})


class Stages:
    """Answer leases by a list of states, and note every call."""

    def __init__(self, *states):
        self.states, self.calls = list(states), []

    def call(self, model, *, sequence=None, **inputs):
        self.calls.append((model.name, inputs))
        if model is contract.FINE_TUNES and inputs["action"] == "lease":
            return {"models": [json.dumps({"state": self.states.pop(0)})]}
        return {"models": [json.dumps({"state": "released"})]}

    def new_sequence_id(self):
        return 77

    def actions(self):
        return [inputs["action"] for name, inputs in self.calls if name == "models"]


def test_the_first_names_no_weights_and_takes_no_lease():
    stages = Stages()
    lease = ModelLease(FIRST, FIRST, lambda: None)
    ModelStages(stages, lease).call(contract.VOCODER, latents=1)
    lease.release(stages)
    assert stages.calls == [("vocoder", {"latents": 1})]
    assert not lease.is_taken


def test_a_call_names_the_weights_that_are_its_own_and_not_those_shared_with_the_first():
    stages = Stages("ready")
    own = ModelStages(stages, ModelLease(ANN, FIRST, lambda: None))
    own.call(contract.VOCODER)
    own.call(contract.REFERENCE_ENCODER)
    own.call(contract.T2S, sequence=SequenceCall(4, start=True))
    own.call(contract.HUBERT)
    named = [inputs.get("weights") for name, inputs in stages.calls if name != "models"]
    assert named == [[[9]], [9], None, None]


def test_only_the_first_call_of_a_sequence_names_weights():
    stages = Stages("ready")
    tune = replace(ANN, checkpoints={S1: Checkpoint(8, "", 0), S2: Checkpoint(9, "", 0)})
    own = ModelStages(stages, ModelLease(tune, FIRST, lambda: None))
    own.call(contract.T2S, sequence=SequenceCall(4, start=True))
    own.call(contract.T2S, sequence=SequenceCall(4))
    assert [inputs.get("weights") for name, inputs in stages.calls if name == "t2s"] == [[8], None]


def test_the_lease_is_taken_once_by_the_first_call_that_needs_weights_and_given_back_once():
    stages = Stages("waiting", "waiting", "ready")
    lease = ModelLease(ANN, FIRST, lambda: None)
    own = ModelStages(stages, lease)
    own.call(contract.TEXT_FRONTEND)
    assert stages.actions() == []
    own.call(contract.VOCODER)
    own.call(contract.ACOUSTIC)
    assert stages.actions() == ["lease", "lease", "lease"]
    lease.release(stages)
    lease.release(stages)
    assert stages.actions() == ["lease", "lease", "lease", "release"]


def test_who_gives_up_waiting_says_so():
    def check():
        raise Cancelled

    stages = Stages("waiting")
    lease = ModelLease(ANN, FIRST, check)
    with pytest.raises(Cancelled):
        ModelStages(stages, lease).call(contract.VOCODER)
    assert lease.is_taken
    lease.release(stages)
    assert stages.actions() == ["lease", "release"]
