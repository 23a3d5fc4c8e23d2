"""The service over an engine of plain arithmetic: calls of many sequences, failures, ends."""

import queue
import threading
from collections import Counter

import numpy as np
import pytest

from gsv_runtime.errors import InternalError, InvalidRequest
from gsv_runtime.stages import SequenceCall
from gsv_runtime.t2s.decoder import Decoder
from gsv_runtime.t2s.engine import LogitsEngine
from gsv_runtime.t2s.request import Capacity
from gsv_runtime.t2s.service import T2SService

VOCABULARY = 2000
ANSWER_WITHIN_S = 20


class CountingEngine(LogitsEngine):
    """Every token is the one before plus one; the first is 100 times the first phone. 1234 makes logits NaN."""

    def __init__(self, slots=2):
        self.capacity = Capacity(slots, 400, 20, VOCABULARY, 1, 400)
        self.widths = []
        self.fails = False

    def prefill(self, slot, prompt):
        return self._logits(100 * prompt.phones[0])

    def decode_step(self, rows):
        if self.fails:
            raise RuntimeError("no memory at /secret/path")
        self.widths.append(len(rows))
        return np.stack([self._logits(row.token + 1) for row in rows])

    def move(self, source, target, num_rows):
        pass

    def _logits(self, token):
        logits = np.zeros(VOCABULARY, np.float32)
        logits[token] = np.nan if token == 1234 else 9
        return logits


@pytest.fixture
def engine():
    return CountingEngine()


@pytest.fixture
def service(engine):
    service = T2SService(Decoder(engine, repetition_window=0, repetition_least_distinct=0), idle_s=100.0)
    yield service
    service.close()


def submit(service, sequence_id, num_tokens, start=False, end=False, phone=1, num_phones=5):
    """Make a call; returns the queue its answer comes to."""
    inputs = {"max_new_tokens": np.array([num_tokens], np.int32)}
    if start:
        inputs |= {
            "phones": np.full(num_phones, phone),
            "bert_features": np.zeros((1, num_phones), np.float32),
            "prompt_tokens": np.zeros(0, np.int64),
            "top_k": np.array([1]),
            "repetition_penalty": np.array([1.0]),
        }
    answers = queue.Queue()
    service.submit(SequenceCall(sequence_id, start, end), inputs, answers.put)
    return answers


def answer(*arguments, **options):
    outcome = submit(*arguments, **options).get(timeout=ANSWER_WITHIN_S)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome["semantic_tokens"].tolist(), outcome["finish_reason"][0]


def test_calls_of_a_sequence_continue_each_other(service):
    assert answer(service, 7, 3, start=True, phone=2) == ([200, 201, 202], "")
    assert answer(service, 7, 2) == ([203, 204], "")
    assert answer(service, 7, 0, end=True) == ([], "")
    with pytest.raises(InvalidRequest, match="not running"):
        answer(service, 7, 1)


def test_a_sequence_of_one_call_starts_and_ends_with_it(service):
    assert answer(service, 7, 3, start=True, end=True, phone=2) == ([200, 201, 202], "")
    with pytest.raises(InvalidRequest, match="not running"):
        answer(service, 7, 1)


def test_more_sequences_than_slots_are_all_served_and_never_mixed(service, engine):
    def speak(sequence_id, results):
        tokens = answer(service, sequence_id, 5, start=True, phone=sequence_id)[0]
        tokens += answer(service, sequence_id, 4)[0]
        answer(service, sequence_id, 0, end=True)
        results[sequence_id] = tokens

    results = {}
    threads = [threading.Thread(target=speak, args=(number, results)) for number in range(1, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(ANSWER_WITHIN_S)
    assert results == {number: list(range(100 * number, 100 * number + 9)) for number in range(1, 13)}
    assert max(engine.widths) <= engine.capacity.slots


def test_the_limit_of_the_text_ends_a_run_away(service):
    tokens, reason = answer(service, 7, 1000, start=True)
    assert (len(tokens), reason) == (100, "limit")


def test_a_call_at_fault_fails_alone_and_takes_no_slot(service):
    with pytest.raises(InvalidRequest, match="phones holds 20"):
        answer(service, 7, 3, start=True, phone=20)
    with pytest.raises(InvalidRequest, match="need 0 or more"):
        answer(service, 7, -1, start=True)
    assert answer(service, 8, 1, start=True) == ([100], "")


def test_logits_that_are_not_finite_fail_their_sequence_and_no_other(service):
    good = submit(service, 1, 60, start=True, phone=2)
    with pytest.raises(InternalError, match="not finite"):
        answer(service, 2, 60, start=True, phone=12)
    assert good.get(timeout=ANSWER_WITHIN_S)["semantic_tokens"].tolist() == list(range(200, 260))


def test_a_failing_engine_fails_the_open_calls_without_its_message_and_the_next_are_served(service, engine):
    engine.fails = True
    with pytest.raises(InternalError, match=r"^stage t2s failed; the server's log has the cause$"):
        answer(service, 1, 5, start=True)
    engine.fails = False
    assert answer(service, 2, 2, start=True) == ([100, 101], "")


def test_ending_a_sequence_that_is_gone_is_no_error(service):
    assert answer(service, 99, 0, end=True) == ([], "")


def test_closing_answers_what_is_open_and_refuses_what_comes(engine):
    service = T2SService(Decoder(engine, 0, 0), idle_s=100.0)
    answer(service, 1, 1, start=True)
    answer(service, 2, 1, start=True)
    waiting = submit(service, 3, 1, start=True)
    service.close()
    assert isinstance(waiting.get(timeout=ANSWER_WITHIN_S), InternalError)
    assert isinstance(submit(service, 4, 1, start=True).get(timeout=ANSWER_WITHIN_S), InternalError)


def test_a_sequence_nobody_asks_for_loses_its_slot(engine):
    now_s = [0.0]
    service = T2SService(Decoder(engine, 0, 0), idle_s=60.0, clock=lambda: now_s[0])
    try:
        answer(service, 1, 1, start=True)
        answer(service, 2, 1, start=True)
        now_s[0] = 61.0
        assert answer(service, 3, 1, start=True, phone=3) == ([300], "")
    finally:
        service.close()


class Orphans:
    """The sequences whose callers have died, and those that Triton was told to end."""

    def __init__(self):
        self.dead, self.ended = set(), queue.Queue()

    def is_orphan(self, sequence_id):
        return sequence_id in self.dead

    def end(self, sequence_id):
        self.ended.put(sequence_id)


def test_sequences_whose_caller_has_died_lose_their_slots_and_are_ended_with_triton_too(engine):
    now_s, orphans = [0.0], Orphans()
    service = T2SService(Decoder(engine, 0, 0), idle_s=60.0, clock=lambda: now_s[0], sequences=orphans)
    try:
        answer(service, 1, 1, start=True)
        answer(service, 2, 1, start=True, phone=2)
        waiting = submit(service, 3, 1, start=True)  # no slot is free for it
        orphans.dead |= {1, 3}
        now_s[0] = 1.0
        assert answer(service, 4, 1, start=True, phone=4) == ([400], "")
        assert {orphans.ended.get(timeout=ANSWER_WITHIN_S) for _ in range(2)} == {1, 3}
        assert isinstance(waiting.get(timeout=ANSWER_WITHIN_S), InternalError)
        assert answer(service, 2, 1) == ([201], "")
        assert orphans.ended.empty()
    finally:
        service.close()


class Sums:
    """Metrics, by name."""

    def __init__(self):
        self.values = Counter()

    def add(self, name, value=1.0, **labels):
        self.values[name] += value

    def set(self, name, value):
        self.values[name] = value

    def observe(self, name, value, **labels):
        raise AssertionError("t2s has no histogram")


def test_tokens_rounds_and_slots_are_counted(engine):
    sums = Sums()
    service = T2SService(Decoder(engine, 0, 0), idle_s=100.0, metrics=sums)
    answer(service, 1, 5, start=True)
    answer(service, 2, 7, start=True)
    service.close()
    counted = sums.values
    assert counted["gsv_t2s_tokens_total"] >= 12
    assert counted["gsv_t2s_rounds_total"] >= 7
    assert counted["gsv_t2s_slots_in_use"] == 2
