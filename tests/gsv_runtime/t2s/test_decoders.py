"""Sequences of several fine-tunes in one service: each is decoded by its own engine, and batches never mix."""

import queue

import numpy as np
import pytest

from gsv_runtime.errors import InternalError
from gsv_runtime.graphs.resident import ResidentWeights
from gsv_runtime.model_files import weights_folder
from gsv_runtime.stages import SequenceCall
from gsv_runtime.t2s.decoder import Decoder
from gsv_runtime.t2s.decoders import Decoders
from gsv_runtime.t2s.service import T2SService

from .test_service import ANSWER_WITHIN_S, CountingEngine


class OtherEngine(CountingEngine):
    """As the first, but its tokens begin 7 later; counts how often it gave its memory back."""

    rests = 0

    def rest(self):
        self.rests += 1

    def prefill(self, slot, prompt):
        return self._logits(100 * prompt.phones[0] + 7)


@pytest.fixture
def engines():
    return [CountingEngine(), OtherEngine()]


@pytest.fixture
def decoders(engines, tmp_path):
    folder = tmp_path / "t2s" / "1"
    (folder / weights_folder(5)).mkdir(parents=True)

    def opened(_folder):
        return Decoder(engines[1], 0, 0)

    return Decoders(ResidentWeights(Decoder(engines[0], 0, 0), folder, opened))


@pytest.fixture
def service(decoders):
    service = T2SService(decoders, idle_s=100.0)
    yield service
    service.close()


def submit(service, sequence_id, num_tokens, weights=None, phone=1, **more):
    inputs = {"max_new_tokens": np.array([num_tokens], np.int32), **more}
    if phone:
        inputs |= {
            "phones": np.full(5, phone, np.int64),
            "bert_features": np.zeros((1, 5), np.float32),
            "prompt_tokens": np.zeros(0, np.int64),
            "top_k": np.array([1], np.int32),
        }
    if weights is not None:
        inputs["weights"] = np.array([weights], np.int64)
    answers = queue.SimpleQueue()
    service.submit(SequenceCall(sequence_id, start=bool(phone), end=num_tokens == 0), inputs, answers.put)
    return answers


def tokens(answers):
    outcome = answers.get(timeout=ANSWER_WITHIN_S)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome["semantic_tokens"].tolist()


def test_a_sequence_is_decoded_by_the_weights_that_its_first_call_names(service):
    mine, other = submit(service, 1, 3), submit(service, 2, 3, weights=5)
    assert tokens(mine) == [100, 101, 102]
    assert tokens(other) == [107, 108, 109]
    assert tokens(submit(service, 2, 2, phone=0)) == [110, 111]


def test_sequences_of_different_weights_share_no_batch_and_those_of_one_do(service, engines):
    first = [submit(service, number, 40, weights=5 if number > 2 else 0) for number in (1, 2, 3, 4)]
    assert [tokens(each)[0] for each in first] == [100, 100, 107, 107]
    again = [submit(service, number, 40, phone=0) for number in (1, 2, 3, 4)]
    for each in again:
        tokens(each)
    assert {max(engine.spans) for engine in engines} == {2}


def test_sequences_of_open_weights_go_on_while_others_are_opened(engines, tmp_path):
    import threading

    gate = threading.Event()
    folder = tmp_path / "t2s" / "1"
    (folder / weights_folder(5)).mkdir(parents=True)

    def opened(_folder):
        assert gate.wait(ANSWER_WITHIN_S)
        return Decoder(engines[1], 0, 0)

    service = T2SService(Decoders(ResidentWeights(Decoder(engines[0], 0, 0), folder, opened)), idle_s=100.0)
    try:
        waiting = submit(service, 2, 3, weights=5)
        assert tokens(submit(service, 1, 3)) == [100, 101, 102]
        gate.set()
        assert tokens(waiting) == [107, 108, 109]
    finally:
        service.close()


def test_weights_that_are_not_there_fail_the_call_and_no_other(service):
    with pytest.raises(InternalError, match="are not in the repository"):
        tokens(submit(service, 2, 3, weights=6))
    assert tokens(submit(service, 1, 3)) == [100, 101, 102]


def test_dropped_weights_end_what_they_began_and_are_opened_again(service, decoders):
    assert tokens(submit(service, 2, 2, weights=5)) == [107, 108]
    assert tokens(submit(service, 1, 1, drop_weights=np.array([5], np.int64))) == [100]
    assert decoders._resident.find(5) is None
    assert tokens(submit(service, 2, 2, phone=0)) == [109, 110]
    assert tokens(submit(service, 3, 1, weights=5)) == [107]


def test_what_is_counted_is_the_sum_of_all(service, decoders):
    tokens(submit(service, 1, 2))
    tokens(submit(service, 2, 2, weights=5))
    assert decoders.num_tokens >= 4
    assert set(decoders.sequence_ids) == {1, 2}
    assert decoders.slots_in_use == 2
    tokens(submit(service, 1, 0, phone=0))
    tokens(submit(service, 2, 0, phone=0))
    assert decoders.sequence_ids == ()
    assert decoders.slots_in_use == 0


def call(decoders, sequence_id, now_s, start=False, end=False):
    """One call of a sequence with the other weights, by hand."""
    inputs = {"max_new_tokens": np.array([0 if end else 1], np.int32), "weights": np.array([5], np.int64)}
    inputs |= {
        "phones": np.ones(5, np.int64),
        "bert_features": np.zeros((1, 5), np.float32),
        "prompt_tokens": np.zeros(0, np.int64),
        "top_k": np.array([1], np.int32),
    }
    if end:
        decoders.close(sequence_id)
    else:
        decoders.take_call(SequenceCall(sequence_id, start=start, end=False), inputs, now_s)


def test_who_has_no_sequence_for_a_while_gives_its_memory_back_once(decoders, engines):
    opened = queue.SimpleQueue()
    decoders.when_open(5, opened.put)
    opened.get(timeout=ANSWER_WITHIN_S)
    call(decoders, 1, 0.0, start=True)
    rests = []
    for now_s in (0.0, 20.0):
        decoders.reap(now_s, 100.0)
        rests.append(engines[1].rests)
    call(decoders, 1, 20.0, end=True)
    for now_s in (21.0, 23.0, 26.5, 60.0):
        decoders.reap(now_s, 100.0)
        rests.append(engines[1].rests)
    call(decoders, 2, 60.0, start=True)
    call(decoders, 2, 61.0, end=True)
    for now_s in (61.0, 70.0):
        decoders.reap(now_s, 100.0)
        rests.append(engines[1].rests)
    assert rests == [0, 0, 0, 0, 1, 1, 1, 2]
