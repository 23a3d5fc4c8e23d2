"""Calls of one fine-tune: which weights they name, and when its lease is taken and given back."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from gsv_runtime import contract
from gsv_runtime.contract import S1, S2
from gsv_runtime.errors import Cancelled, InternalError
from gsv_runtime.models.catalogue import Checkpoint
from gsv_runtime.models.leased_stages import ModelLease, ModelStages
from gsv_runtime.stages import SequenceCall

from ..conftest import FACTS, first_of

FIRST = replace(first_of(FACTS), checkpoints={S1: Checkpoint(1, "", 0), S2: Checkpoint(2, "", 0)})
LIMIT_S = 20
ANN = replace(FIRST, name="ann", first=False, checkpoints={S1: Checkpoint(1, "", 0), S2: Checkpoint(9, "", 0)})


class Stages:
    """Answer leases by a list of states, and note every call."""

    def __init__(self, *states):
        self.states, self.calls = list(states), []

    def call(self, model, *, sequence=None, **inputs):
        self.calls.append((model.name, inputs))
        if model is contract.FINE_TUNES and inputs["action"] == "lease":
            state = self.states.pop(0)
            if isinstance(state, Exception):
                raise state
            return {"models": [json.dumps({"state": state})]}
        return {"models": [json.dumps({"state": "released"})]}

    def new_sequence_id(self):
        return 77

    def take_times_ms(self):
        return {}

    def actions(self):
        return [inputs["action"] for name, inputs in self.calls if name == "models"]


class Errands:
    """An executor whose work is done when a test says so, in the test's own thread."""

    def __init__(self):
        self.waiting = []

    def submit(self, work):
        self.waiting.append(work)

    def run(self):
        waiting, self.waiting = self.waiting, []
        for work in waiting:
            work()


def make_lease(stages, fine_tune=ANN, check=lambda: None, errands=None):
    return ModelLease(fine_tune, FIRST, lambda: stages, check, errands)


def test_the_first_names_no_weights_and_takes_no_lease():
    stages = Stages()
    lease = make_lease(stages, FIRST)
    ModelStages(stages, lease).call(contract.VOCODER, latents=1)
    lease.release()
    assert stages.calls == [("vocoder", {"latents": 1})]


def test_a_call_names_the_weights_that_are_its_own_and_not_those_shared_with_the_first():
    stages = Stages("ready")
    own = ModelStages(stages, make_lease(stages))
    own.call(contract.VOCODER)
    own.call(contract.REFERENCE_ENCODER)
    own.call(contract.T2S, sequence=SequenceCall(4, start=True))
    own.call(contract.HUBERT)
    named = [inputs.get("weights") for name, inputs in stages.calls if name != "models"]
    assert named == [[[9]], [9], None, None]


def test_only_the_first_call_of_a_sequence_names_weights():
    stages = Stages("ready")
    tune = replace(ANN, checkpoints={S1: Checkpoint(8, "", 0), S2: Checkpoint(9, "", 0)})
    own = ModelStages(stages, make_lease(stages, tune))
    own.call(contract.T2S, sequence=SequenceCall(4, start=True))
    own.call(contract.T2S, sequence=SequenceCall(4))
    assert [inputs.get("weights") for name, inputs in stages.calls if name == "t2s"] == [[8], None]


def test_the_lease_is_taken_once_by_the_first_call_that_needs_weights_and_given_back_once():
    stages = Stages("waiting", "waiting", "ready")
    lease = make_lease(stages)
    own = ModelStages(stages, lease)
    own.call(contract.TEXT_FRONTEND)
    assert stages.actions() == []
    own.call(contract.VOCODER)
    own.call(contract.ACOUSTIC)
    assert stages.actions() == ["lease", "lease", "lease"]
    lease.release()
    lease.release()
    assert stages.actions() == ["lease", "lease", "lease", "release"]


def test_who_gives_up_waiting_says_so():
    def check():
        raise Cancelled

    stages = Stages("waiting")
    lease = make_lease(stages, check=check)
    with pytest.raises(Cancelled):
        ModelStages(stages, lease).call(contract.VOCODER)
    lease.release()
    assert stages.actions() == ["lease", "release"]


def test_why_a_fine_tune_cannot_be_had_is_told_to_every_thread_of_a_request_and_asked_once():
    stages = Stages(InternalError("damaged"))
    lease = make_lease(stages)
    for own in (ModelStages(stages, lease), ModelStages(stages, lease)):
        with pytest.raises(InternalError, match="damaged"):
            own.call(contract.VOCODER)
    lease.release()
    assert stages.actions() == ["lease", "release"]


def test_with_threads_for_it_the_lease_is_begun_by_a_stage_that_needs_no_weights_and_asked_for_once():
    stages, errands = Stages("ready"), Errands()
    own = ModelStages(stages, make_lease(stages, errands=errands))
    own.call(contract.TEXT_FRONTEND)
    own.call(contract.BERT)
    assert [name for name, _ in stages.calls] == ["text_frontend", "bert"]
    errands.run()
    own.call(contract.VOCODER)
    assert [name for name, _ in stages.calls] == ["text_frontend", "bert", "models", "vocoder"]


def test_a_stage_that_needs_weights_waits_for_the_lease_that_another_thread_takes():
    class Asked(Stages):
        def call(self, model, **more):
            if model is contract.FINE_TUNES and not self.calls[1:]:
                asked.set()
                assert go_on.wait(LIMIT_S)
            return super().call(model, **more)

    asked, go_on = threading.Event(), threading.Event()
    stages = Asked("ready")
    with ThreadPoolExecutor(2) as pool:
        own = ModelStages(stages, make_lease(stages, errands=pool))
        own.call(contract.TEXT_FRONTEND)
        assert asked.wait(LIMIT_S)
        spoken = pool.submit(own.call, contract.VOCODER)
        assert not spoken.done()
        go_on.set()
        spoken.result(LIMIT_S)
    assert [name for name, _ in stages.calls] == ["text_frontend", "models", "vocoder"]


def test_with_threads_for_it_a_request_does_not_wait_until_its_lease_is_given_back():
    stages, errands = Stages("ready"), Errands()
    lease = make_lease(stages, errands=errands)
    ModelStages(stages, lease).call(contract.VOCODER)
    lease.release()
    assert stages.actions() == ["lease"]
    errands.run()
    assert stages.actions() == ["lease", "release"]


def test_a_lease_that_is_let_go_while_another_thread_takes_it_is_given_back_by_that_one():
    stages, errands = Stages("ready"), Errands()
    lease = make_lease(stages, errands=errands)
    ModelStages(stages, lease).call(contract.TEXT_FRONTEND)
    lease.release()
    assert stages.actions() == []
    errands.run()
    assert stages.actions() == ["lease", "release"]
    assert not errands.waiting


def test_who_has_let_go_is_asked_nothing_more_and_waits_for_no_weights():
    asked = []
    stages, errands = Stages("waiting"), Errands()
    lease = make_lease(stages, check=lambda: asked.append("wanted?"), errands=errands)
    ModelStages(stages, lease).call(contract.TEXT_FRONTEND)
    lease.release()
    errands.run()
    assert stages.actions() == ["lease", "release"]
    assert asked == []


def test_what_the_lease_held_a_request_up_is_told_as_time_of_models_once():
    stages = Stages("ready")
    own = ModelStages(stages, make_lease(stages))
    own.call(contract.VOCODER)
    assert own.take_times_ms()["models"] > 0
    assert own.take_times_ms() == {}
