"""`t2s` under Triton's sequence batcher: more sequences than slots, calls of different sizes, ends and bad prompts."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest

from .conftest import LIMIT_S, Input, decode
from .test_streams import SLOTS

BERT_DIM = 64  # of the small random checkpoint
sequence_ids = itertools.count(1)


class Sequence:
    """One sequence of calls to `t2s`."""

    def __init__(self, client, number):
        self.client, self.number, self.sequence_id = client, number, next(sequence_ids)

    def call(self, num_tokens, start=False, end=False, **changes):
        request = self.request(num_tokens, start, end, **changes)
        outputs = decode(self.client.stub.ModelInfer(request, timeout=LIMIT_S)).outputs
        return outputs["semantic_tokens"][0].tolist(), outputs["finish_reason"].decode()

    def request(self, num_tokens, start=False, end=False, **changes):
        tensors = {"max_new_tokens": np.array([num_tokens], np.int32)}
        if start:
            tensors |= self.prompt() | changes
        inputs = [Input.of(name, value[np.newaxis], DTYPES[value.dtype.name]) for name, value in tensors.items()]
        request = self.client.request("t2s", inputs)
        request.parameters["sequence_id"].int64_param = self.sequence_id
        request.parameters["sequence_start"].bool_param = start
        request.parameters["sequence_end"].bool_param = end
        return request

    def prompt(self):
        generator = np.random.default_rng(self.number)
        num_phones = int(generator.integers(3, 40))
        return {
            "phones": generator.integers(1, 300, num_phones),
            "bert_features": generator.standard_normal((BERT_DIM, num_phones)).astype(np.float32),
            "prompt_tokens": generator.integers(0, 1024, int(generator.integers(0, 3)) * 20),
            "seed": np.array([self.number]),
        }

    def speak(self, num_tokens):
        tokens, reason = self.call(num_tokens, start=True)
        while not reason and len(tokens) < 150:
            more, reason = self.call(num_tokens)
            tokens += more
        self.call(0, end=True)
        return tokens[:150]


DTYPES = {"int32": "INT32", "int64": "INT64", "float32": "FP32"}


def test_twenty_sequences_over_eight_slots_give_what_each_gives_alone(client):
    alone = {number: Sequence(client, number).speak(200) for number in range(20)}
    with ThreadPoolExecutor(20) as clients:
        jobs = {number: clients.submit(Sequence(client, number).speak, 5 + number) for number in range(20)}
        together = {number: job.result() for number, job in jobs.items()}
    assert together == alone
    assert len({tuple(tokens) for tokens in alone.values()}) == 20


def test_a_bad_prompt_fails_its_own_call_and_the_next_sequence_is_served(client):
    with pytest.raises(grpc.RpcError) as refused:
        Sequence(client, 1).call(5, start=True, end=True, phones=np.array([100_000] * 3), bert_features=features(3))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "phones holds 100000" in refused.value.details()
    tokens, _ = Sequence(client, 1).call(5, start=True, end=True)
    assert len(tokens) == 5


def test_a_sequence_that_starts_and_ends_in_one_call_frees_its_slot(client):
    calls = [Sequence(client, number).call(11, start=True, end=True) for number in range(20)]
    assert [len(tokens) for tokens, _ in calls] == [11] * 20


def test_a_sequence_can_be_ended_while_its_call_is_open_and_its_slot_is_free_then(client):
    """Its sentences end after some 7 ms, so that the end may come late; then it is tried again."""

    def failure(number):
        sequence = Sequence(client, number)
        call = client.stub.ModelInfer.future(sequence.request(1_400, start=True), timeout=LIMIT_S)
        Sequence(client, number).call(0, start=True, end=True)  # comes after it
        assert sequence.call(0, end=True) == ([], "")
        return call.exception()

    failures = list(filter(None, map(failure, range(40))))
    assert {each.details() for each in failures} == {"InternalError: sequence was ended while a call was open"}
    others = [Sequence(client, number) for number in range(SLOTS)]
    assert [len(other.call(1, start=True)[0]) for other in others] == [1] * SLOTS
    assert [other.call(0, end=True) for other in others] == [([], "")] * SLOTS


def features(num_phones):
    return np.zeros((BERT_DIM, num_phones), np.float32)
