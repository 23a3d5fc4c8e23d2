"""What the model `models` answers, over stages that open weights when they are told to."""

import json
import queue
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from gsv_runtime import contract
from gsv_runtime.contract import DROP_INPUT, S1, S2, WEIGHTS_INPUT
from gsv_runtime.errors import InternalError, InvalidRequest, ServerBusy
from gsv_runtime.models.catalogue import Catalogue, Checkpoint, write_catalogue
from gsv_runtime.models.service import FineTuneService
from gsv_runtime.settings import FineTunesSettings
from gsv_runtime.tensors import check_inputs, to_wire

from ..conftest import FACTS, first_of

LIMIT_S = 20
AXES = {"latent_dim": 3, "global_dim": 4, "bert_dim": 2, "ssl_dim": 5}


def tune(name, number, **more):
    own = {S1: Checkpoint(100 + number, f"{name}.ckpt", 10), S2: Checkpoint(200 + number, f"{name}.pth", 10)}
    return replace(first_of(FACTS), name=name, first=False, pinned=False, checkpoints=own, axes=AXES, **more)


FIRST = replace(first_of(FACTS), axes=AXES, checkpoints={S1: Checkpoint(1, "", 10), S2: Checkpoint(2, "", 10)})


class Stages:
    """Note which weights each stage is to open and drop; `gate` holds them up, `failure` fails them."""

    def __init__(self):
        self.opened, self.dropped, self.failure = [], [], None
        self.failures = {}  # by stage, of any kind
        self.gate = threading.Event()
        self.gate.set()

    def call(self, model, *, sequence=None, **inputs):
        check_inputs(model, to_wire(model, model.call_inputs, inputs))
        assert self.gate.wait(LIMIT_S)
        if self.failure:
            raise InternalError(self.failure)
        if model.name in self.failures:
            raise self.failures[model.name]
        for name, noted in ((WEIGHTS_INPUT, self.opened), (DROP_INPUT, self.dropped)):
            if name in inputs:
                noted.append((model.name, int(np.ravel(inputs[name])[0])))
        return {}

    def new_sequence_id(self):
        return 5


@pytest.fixture
def stages():
    return Stages()


@pytest.fixture
def make(tmp_path, stages):
    running = []

    def service(*fine_tunes, loaded_bytes=20, is_orphan=lambda lease: False, clock=time.monotonic):
        write_catalogue(tmp_path, {each.name: each for each in fine_tunes})
        settings = FineTunesSettings(loaded_bytes=loaded_bytes, patience_s=0.0)
        made = FineTuneService(settings, Catalogue(tmp_path, FIRST), lambda: stages, is_orphan, clock=clock)
        running.append(made)
        return made

    yield service
    for each in running:
        each.close()


def ask(service, action, **inputs):
    """One call; its answer or its failure comes out of the queue."""
    values = {"action": action, **inputs}
    values = {name: [value] for name, value in values.items()}
    wire = to_wire(contract.FINE_TUNES, contract.FINE_TUNES.inputs, values)
    answers = queue.SimpleQueue()
    service.submit(check_inputs(contract.FINE_TUNES, wire), answers.put)
    return answers


def answered(answers):
    outcome = answers.get(timeout=LIMIT_S)
    if isinstance(outcome, Exception):
        raise outcome
    return [json.loads(text) for text in outcome["models"]]


def said(service, action, **inputs):
    return answered(ask(service, action, **inputs))


def leased(service, model, lease):
    """Ask for a lease until it is held, as a request does."""
    while said(service, "lease", name=model, lease=lease) == [{"state": "waiting"}]:
        pass


def unload_until_refused(service, model):
    while True:
        said(service, "unload", name=model)


def test_all_fine_tunes_are_listed_with_their_state(make):
    service = make(tune("ann", 1))
    first, ann = said(service, "list")
    assert (first["model"], first["first"], first["loaded"], first["pinned"]) == ("default", True, True, True)
    assert ann == {
        "model": "ann",
        "first": False,
        "version": "v2",
        "s1": "ann.ckpt",
        "s2": "ann.pth",
        "bytes": 20,
        "loaded": False,
        "pinned": False,
        "in_use": 0,
        "waiting": 0,
    }


def test_a_load_opens_the_weights_in_every_stage_of_speech(make, stages):
    (ann,) = said(make(tune("ann", 1)), "load", name="ann")
    assert ann["loaded"]
    assert ann["in_use"] == 0
    assert stages.opened == [("t2s", 101), ("acoustic", 201), ("vocoder", 201)]


@pytest.mark.slow
def test_a_lease_is_answered_when_the_weights_are_there_and_keeps_them(make, stages):
    service = make(tune("ann", 1), tune("bob", 2))
    leased(service, "ann", 7)
    bob = said(service, "lease", name="bob", lease=8)
    assert bob == [{"state": "waiting"}], "room for one, which is in use"
    assert not stages.dropped
    said(service, "release", name="ann", lease=7)
    leased(service, "bob", 8)
    dropped = {
        ("t2s", 101),
        *((name, 201) for name in ("acoustic", "vocoder", "speech_tokenizer", "reference_encoder")),
    }
    assert set(stages.dropped) == dropped


def test_the_first_needs_no_lease(make, stages):
    assert said(make(), "lease", name="default", lease=7) == [{"state": "ready"}]
    assert not stages.opened


def test_calls_for_other_fine_tunes_are_answered_while_one_is_loaded(make, stages):
    service = make(tune("ann", 1))
    stages.gate.clear()
    loading = ask(service, "load", name="ann")
    assert not said(service, "list")[1]["loaded"]
    stages.gate.set()
    assert answered(loading)[0]["loaded"]


def test_a_load_that_fails_is_told_and_tried_again_for_the_next(make, stages):
    service = make(tune("ann", 1))
    stages.failure = "no memory"
    with pytest.raises(InternalError, match="model ann cannot be loaded: no memory"):
        said(service, "load", name="ann")
    stages.failure = None
    assert said(service, "load", name="ann")[0]["loaded"]


def test_while_a_stage_is_being_started_who_wants_a_load_is_told_to_come_back(make, stages):
    service = make(tune("ann", 1))
    stages.failures = {"vocoder": ServerBusy("stage vocoder is being started")}
    with pytest.raises(ServerBusy, match="model ann cannot be loaded: stage vocoder is being started"):
        said(service, "load", name="ann")
    stages.failures = {}
    assert said(service, "load", name="ann")[0]["loaded"]


@pytest.mark.parametrize(
    ("failure", "told"),
    [(InternalError("damaged"), "damaged"), (KeyError("x"), "the server's log has the cause")],
)
def test_of_a_load_that_fails_half_way_nothing_stays_open(make, stages, failure, told):
    service = make(tune("ann", 1), tune("bob", 2))
    stages.failures = {"acoustic": failure}
    with pytest.raises(InternalError, match=f"model ann cannot be loaded: {told}"):
        said(service, "load", name="ann")
    assert stages.opened == [("t2s", 101)]
    assert {("t2s", 101), ("vocoder", 201)} <= set(stages.dropped)
    stages.failures = {}
    assert said(service, "load", name="bob")[0]["loaded"], "there is room for one"


def test_what_a_half_loaded_one_shares_with_one_that_is_loaded_stays(make, stages):
    ann, bob = tune("ann", 1), tune("bob", 2)
    bob = replace(bob, checkpoints={**bob.checkpoints, S1: ann.checkpoints[S1]})
    service = make(ann, bob, loaded_bytes=40)
    said(service, "load", name="ann")
    stages.failures = {"vocoder": InternalError("damaged")}
    with pytest.raises(InternalError):
        said(service, "load", name="bob")
    assert ("acoustic", 202) in stages.dropped
    assert ("t2s", 101) not in stages.dropped


def test_a_stage_that_cannot_drop_weights_keeps_no_other_from_it(make, stages):
    service = make(tune("ann", 1), tune("bob", 2))
    said(service, "load", name="ann")
    stages.failures = {"speech_tokenizer": ServerBusy("stage speech_tokenizer is being started")}
    assert said(service, "load", name="bob")[0]["loaded"]
    assert {("t2s", 101), ("vocoder", 201), ("acoustic", 201)} <= set(stages.dropped)


def test_one_that_is_given_back_a_moment_later_is_unloaded_then(make, stages):
    service = make(tune("ann", 1), clock=lambda: 0.0)
    leased(service, "ann", 7)
    unloading = ask(service, "unload", name="ann")
    assert not stages.dropped
    said(service, "release", lease=7)
    assert answered(unloading)
    while len(stages.dropped) < 5:
        pass


def test_one_in_use_and_the_first_are_not_unloaded(make):
    service = make(tune("ann", 1))
    leased(service, "ann", 7)
    with pytest.raises(ServerBusy, match="1 requests use ann; retry after"):
        said(service, "unload", name="ann")
    with pytest.raises(InvalidRequest, match="default is the first"):
        said(service, "unload", name="default")


def test_none_is_unloaded_while_another_is_loaded(make, stages):
    service = make(tune("ann", 1), tune("bob", 2), loaded_bytes=40)
    said(service, "load", name="ann")
    stages.gate.clear()
    loading = ask(service, "load", name="bob")
    while not said(service, "list")[2]["waiting"]:
        pass
    with pytest.raises(ServerBusy, match="another load or unload is under way; retry after"):
        unload_until_refused(service, "bob")  # from when its load has begun
    stages.gate.set()
    answered(loading)


@pytest.mark.slow
def test_one_that_is_removed_from_the_repository_leaves_the_memory_too(make, stages, tmp_path):
    service = make(tune("ann", 1), tune("bob", 2), loaded_bytes=40)
    for name in ("ann", "bob"):
        said(service, "load", name=name)
    write_catalogue(tmp_path, {"bob": tune("bob", 2)})
    while len(stages.dropped) < 5:
        assert said(service, "list")[1]["loaded"], "bob stays"
    assert {weights for _, weights in stages.dropped} == {101, 201}


@pytest.mark.slow
def test_leases_of_a_process_that_died_end(make, stages):
    dead = set()
    service = make(tune("ann", 1), tune("bob", 2), is_orphan=dead.__contains__)
    leased(service, "ann", 7)
    dead.add(7)
    leased(service, "bob", 8)
    assert ("t2s", 101) in stages.dropped


def test_what_is_pinned_in_the_catalogue_is_loaded_at_the_start(make, stages):
    service = make(replace(tune("ann", 1), pinned=True))
    while not said(service, "list")[1]["loaded"]:
        pass
    assert said(service, "list")[1]["pinned"]


def test_one_that_was_pinned_goes_again_after_unpin(make):
    service = make(tune("ann", 1), tune("bob", 2))
    assert said(service, "pin", name="ann")[0]["pinned"]
    with pytest.raises(InternalError, match="beside the pinned ones"):
        said(service, "load", name="bob")
    assert not said(service, "unpin", name="ann")[0]["pinned"]
    assert said(service, "load", name="bob")[0]["loaded"]


def test_one_that_there_is_no_room_for_is_not_pinned(make):
    service = make(tune("ann", 1), tune("bob", 2))
    said(service, "pin", name="ann")
    with pytest.raises(InternalError, match="beside the pinned ones"):
        said(service, "pin", name="bob")
    assert [each["pinned"] for each in said(service, "list")] == [True, True, False]
    with pytest.raises(InvalidRequest, match="default is the first"):
        said(service, "unpin", name="default")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"action": "burn"}, "action is 'burn'; need one of list, load"),
        ({"action": "load"}, "action load needs name"),
        ({"action": "load", "name": "eve"}, "model 'eve' is not served; need one of default, ann"),
        ({"action": "lease", "name": "ann"}, "action lease needs lease"),
    ],
)
def test_calls_at_fault_are_refused_with_what_is_needed(make, inputs, message):
    with pytest.raises(InvalidRequest, match=message):
        said(make(tune("ann", 1)), **inputs)


def test_calls_that_wait_when_the_server_stops_are_told(make, stages):
    service = make(tune("ann", 1), tune("bob", 2))
    leased(service, "ann", 7)
    waiting = ask(service, "load", name="bob")
    service.close()
    with pytest.raises(ServerBusy):
        answered(waiting)
