"""Turns, cancels and deadlines between a request and its stages; threads here wait for events, not for time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gsv_build.deployment import PRESETS
from gsv_runtime import contract
from gsv_runtime.errors import Cancelled, DeadlineExceeded, InternalError, ServerBusy
from gsv_runtime.metrics import NoMetrics
from gsv_runtime.stages import SequenceCall
from gsv_runtime.tts.scheduling.paced_stages import PacedStages, PrioritySemaphore, RequestGuard, stage_semaphores
from gsv_runtime.tts.scheduling.playback import Playback

LIMIT_S = 20
START, GO_ON, END = (
    SequenceCall(1, start=True),
    SequenceCall(1),
    SequenceCall(1, end=True),
)


class Client:
    def __init__(self):
        self.left, self.now_s = False, 0.0

    def guard(self, deadline_s=100.0):
        return RequestGuard(lambda: self.left, deadline_s, lambda: self.now_s)


@pytest.fixture
def client():
    return Client()


@pytest.fixture
def semaphores():
    return {"t2s": PrioritySemaphore(1), "vocoder": PrioritySemaphore(1)}


@pytest.fixture
def pace(make_stages, client, semaphores):
    def make(**answers):
        stages = make_stages(**answers)
        playback = Playback(0.0, "interactive")
        return PacedStages(stages, semaphores, client.guard(), playback, NoMetrics()), stages, playback

    return make


def ask(stages, call):
    opening = {"phones": np.array([1]), "bert_features": np.zeros((2, 1)), "prompt_tokens": []} if call.start else {}
    return stages.call(contract.T2S, sequence=call, max_new_tokens=[5], **opening)


def vocode(stages):
    return stages.call(
        contract.VOCODER, latents=np.zeros((1, 3, 2)), frame_lengths=[[2]], global_condition=np.zeros((1, 4))
    )


def is_free(semaphore):
    """Whether somebody who comes now gets a place without waiting."""

    def give_up():
        raise TimeoutError

    try:
        semaphore.leave(semaphore.enter(0.0, give_up))
    except TimeoutError:
        return False
    return True


def test_of_twelve_slots_of_t2s_streams_take_ten_and_who_has_heard_nothing_gets_in_beside_them():
    def give_up():
        raise TimeoutError

    slots = stage_semaphores(PRESETS["cpu"].models["tts"].settings)["t2s"]
    for number in range(10):
        slots.enter(float(number), give_up)
    with pytest.raises(TimeoutError):
        slots.enter(0.0, give_up)
    for _ in range(2):
        slots.enter(99.0, give_up, is_unheard=True)


def test_a_stream_asks_as_one_who_has_heard_nothing_until_its_first_chunk(pace, semaphores):
    class Noted(PrioritySemaphore):
        def enter(self, due_s, check, is_unheard=False):
            noted.append(is_unheard)
            return super().enter(due_s, check, is_unheard)

    noted = []
    semaphores["vocoder"] = Noted(1)
    stages, _, playback = pace()
    vocode(stages)
    playback.sent(1.0, now_s=0.0)
    vocode(stages)
    assert noted == [True, False]


def test_t2s_is_told_who_has_heard_nothing(pace):
    stages, inner, playback = pace()
    ask(stages, START)
    playback.sent(1.0, now_s=0.0)
    ask(stages, GO_ON)
    told = [inputs.get("unheard") for *_, inputs in inner.calls]
    assert told == [[True], None]


def test_who_is_heard_late_goes_before_others_in_t2s_for_the_first_tokens_alone(pace):
    stages, inner, _ = pace(t2s=lambda *_: {"semantic_tokens": np.zeros(32, dtype=np.int64), "finish_reason": [""]})
    for call in (START, GO_ON, GO_ON, GO_ON):
        ask(stages, call)
    told = [inputs.get("unheard") for *_, inputs in inner.calls]
    assert told == [[True], [True], None, None], "64 tokens, though nothing was sent"


@pytest.mark.slow
def test_a_sequence_keeps_its_place_until_it_is_ended(pace, semaphores):
    stages, _, _ = pace()
    ask(stages, START)
    ask(stages, GO_ON)
    assert not is_free(semaphores["t2s"])
    ask(stages, END)
    assert is_free(semaphores["t2s"])


def test_tokens_are_counted_as_speech(pace):
    stages, _, playback = pace()
    ask(stages, START)
    assert playback.tokens_audio_s == 5 / 25


def test_a_client_that_has_left_gets_no_more_work_but_its_slot_is_given_back(pace, client, semaphores):
    stages, inner, _ = pace()
    ask(stages, START)
    client.left = True
    for call in (lambda: ask(stages, GO_ON), lambda: vocode(stages)):
        with pytest.raises(Cancelled):
            call()
    ask(stages, END)
    assert [name for name, *_ in inner.calls] == ["t2s", "t2s"]
    assert is_free(semaphores["t2s"])


def test_a_deadline_that_has_passed_stops_the_work(pace, client):
    stages, inner, _ = pace()
    vocode(stages)
    client.now_s = 101.0
    with pytest.raises(DeadlineExceeded, match="deadline_s has passed"):
        vocode(stages)
    assert len(inner.calls) == 1


@pytest.mark.slow
def test_a_client_that_leaves_while_it_waits_for_its_turn_waits_no_longer(pace, client, semaphores):
    stages, inner, _ = pace()
    held = semaphores["vocoder"].enter(0.0, lambda: None)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(vocode, stages)
        client.left = True
        with pytest.raises(Cancelled):
            waiting.result(LIMIT_S)
    semaphores["vocoder"].leave(held)
    assert not inner.calls
    assert is_free(semaphores["vocoder"])


def test_a_stage_that_fails_gives_its_place_back(pace, semaphores):
    def broken(_inputs, _sequence):
        raise InternalError("stage failed")

    stages, _, _ = pace(vocoder=broken, t2s=broken)
    with pytest.raises(InternalError, match="stage failed"):
        vocode(stages)
    with pytest.raises(InternalError, match="stage failed"):
        ask(stages, START)
    with pytest.raises(InternalError, match="stage failed"):
        ask(stages, END)
    assert is_free(semaphores["vocoder"])
    assert is_free(semaphores["t2s"])


def test_a_sequence_that_never_began_is_not_ended(pace, client):
    stages, inner, _ = pace()
    client.left = True
    with pytest.raises(Cancelled):
        ask(stages, START)
    with pytest.raises(InternalError, match="not started"):
        ask(stages, END)
    assert not inner.calls


@pytest.mark.slow
def test_who_has_least_to_listen_to_goes_first(semaphores):
    semaphore, order = semaphores["vocoder"], []
    held, waits = semaphore.enter(0.0, lambda: None), {due_s: threading.Event() for due_s in (30.0, 10.0, 20.0)}

    def pass_through(due_s):
        turn = semaphore.enter(due_s, waits[due_s].set)  # asked now and then while it waits
        order.append(due_s)
        semaphore.leave(turn)

    with ThreadPoolExecutor(3) as pool:
        passed = [pool.submit(pass_through, due_s) for due_s in waits]
        assert all(wait.wait(LIMIT_S) for wait in waits.values())
        semaphore.leave(held)
        for each in passed:
            each.result(LIMIT_S)
    assert order == [10.0, 20.0, 30.0]


def test_a_refusal_of_a_stage_keeps_its_kind(pace):
    def busy(_inputs, _sequence):
        raise ServerBusy("t2s is down")

    stages, _, _ = pace(t2s=busy)
    with pytest.raises(ServerBusy):
        ask(stages, START)
