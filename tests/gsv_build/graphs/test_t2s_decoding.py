"""Decoding with the real graph and engine: a sequence's tokens depend on its own request only."""

import numpy as np
import pytest
import torch

from gsv_build.graphs.graph_quantisation import T2SPrecision, T2SQuantisation
from gsv_build.graphs.t2s_graphs import write_t2s_gpu_graphs, write_t2s_graphs
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import T2SSizes
from gsv_runtime.graphs.session import CPU
from gsv_runtime.stages import SequenceCall
from gsv_runtime.t2s import fused_library
from gsv_runtime.t2s.cpu_engine import CpuEngine
from gsv_runtime.t2s.cuda_engine import CudaEngine
from gsv_runtime.t2s.decoder import Decoder
from gsv_runtime.t2s.fused_engine import FusedEngine

pytestmark = pytest.mark.slow

SIZES = T2SSizes(hidden=64, heads=4, layers=3, feed_forward=96, num_phones=20, vocabulary=65, bert_dim=12)
NUM_REQUESTS = 10


@pytest.fixture(scope="module", params=["fp32", "int8", "fused", "cuda"])
def open_engine(request, tmp_path_factory):
    """Opens an engine with so many slots; that for a GPU runs with its memory on the host."""
    torch.manual_seed(1)
    model = T2S(SIZES)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        model.head.weight[-1] *= 6  # or EOS would hardly ever be drawn
    folder = tmp_path_factory.mktemp("t2s")
    if request.param == "cuda":
        files = write_t2s_gpu_graphs(model, folder, 256)
        return lambda slots: CudaEngine(files.prefill, files.decode_step, slots, 256, CPU)
    if request.param == "fused":
        if not fused_library.runs_here():
            pytest.skip("needs AVX2, and the library compiled")
        write_t2s_graphs(model, folder, 256)
        return lambda slots: FusedEngine(folder, slots, cache_rows=256, threads=2)
    graph = write_t2s_graphs(model, folder, 256, T2SQuantisation(T2SPrecision(request.param))).engine
    return lambda slots: CpuEngine(graph, slots, cache_rows=256, intra_op_threads=1)


def decoder(open_engine, slots):
    return Decoder(open_engine(slots), repetition_window=0, repetition_least_distinct=0)


def request(number):
    """Prompts, lengths and sampling all differ; every third has no prompt tokens (reference-free)."""
    generator = np.random.default_rng(number)
    num_phones = int(generator.integers(2, 25))
    return {
        "phones": generator.integers(0, SIZES.num_phones, num_phones),
        "bert_features": generator.standard_normal((SIZES.bert_dim, num_phones)).astype(np.float32),
        "prompt_tokens": generator.integers(0, 64, 0 if number % 3 == 0 else int(generator.integers(1, 30))),
        "top_k": np.array([[1, 5, 15][number % 3]]),
        "top_p": np.array([[1.0, 0.8][number % 2]]),
        "temperature": np.array([0.5 + number % 4]),
        "repetition_penalty": np.array([[1.0, 1.35][number % 2]]),
        "seed": np.array([number]),
    }


def run(target, schedule, unheard=()):
    """Make calls as `schedule` says, `{round: [(number, call size)]}`, until every sequence finishes.

    First calls of the sequences in `unheard` say that nothing was heard of them.

    Returns:
        Request number to all its tokens and the reason it finished.
    """
    tokens, reasons, sizes, turn = {}, {}, {}, 0
    pending = dict(schedule)
    while pending or len(reasons) < len(tokens):
        for number, size in pending.pop(turn, []):
            tokens[number], sizes[number] = [], size
            call = SequenceCall(number, start=True)
            inputs = {**request(number), "max_new_tokens": np.array([size]), "unheard": np.array([number in unheard])}
            target.take_call(call, inputs, now_s=0)
        assert list(target.advance()) == []
        for answer in list(target.answers(now_s=0)):
            number = answer.sequence_id
            tokens[number] += answer.tokens
            if answer.finish_reason:
                reasons[number] = answer.finish_reason
                target.close(number)
            else:
                again = {"max_new_tokens": np.array([sizes[number]])}
                target.take_call(SequenceCall(number), again, now_s=0)
        turn += 1
    return {number: (tokens[number], reasons[number]) for number in tokens}


def test_ten_sequences_together_give_exactly_what_each_gives_alone(open_engine):
    alone = {}
    for number in range(NUM_REQUESTS):
        alone |= run(decoder(open_engine, slots=1), {0: [(number, 1000)]})
    together = run(decoder(open_engine, slots=NUM_REQUESTS), {0: [(number, 1000) for number in range(NUM_REQUESTS)]})
    assert together == alone
    assert all(len(tokens) >= 11 for tokens, _ in alone.values())
    assert {reason for _, reason in alone.values()} == {"eos", "limit"}
    assert len({tuple(tokens) for tokens, _ in alone.values()}) == NUM_REQUESTS


def test_joining_late_waiting_for_a_slot_and_calls_of_any_size_change_no_token(open_engine):
    at_once = run(decoder(open_engine, slots=NUM_REQUESTS), {0: [(number, 1000) for number in range(NUM_REQUESTS)]})
    schedule = {3 * number: [(number, 1 + 5 * (number % 4))] for number in range(NUM_REQUESTS)}
    assert run(decoder(open_engine, slots=3), schedule) == at_once


def test_rounds_alone_and_the_moves_that_they_need_change_no_token(open_engine):
    at_once = run(decoder(open_engine, slots=NUM_REQUESTS), {0: [(number, 1000) for number in range(NUM_REQUESTS)]})
    schedule = {3 * number: [(number, 7)] for number in range(NUM_REQUESTS)}
    assert run(decoder(open_engine, slots=5), schedule, unheard=range(3, NUM_REQUESTS)) == at_once


def test_a_sequence_that_leaves_midway_changes_no_other(open_engine):
    expected = run(decoder(open_engine, slots=4), {0: [(number, 1000) for number in (1, 2)]})
    target = decoder(open_engine, slots=4)
    inputs = {**request(5), "max_new_tokens": np.array([1000])}
    target.take_call(SequenceCall(5, start=True), inputs, now_s=0)
    list(target.advance())

    class Leaving:
        """Closes sequence 5 after a few rounds."""

        rounds = 0

        def advance(self):
            self.rounds += 1
            if self.rounds == 6:
                target.close(5)
            return [] if list(target.advance()) == [] else ["failed"]

        def __getattr__(self, name):
            return getattr(target, name)

    assert run(Leaving(), {0: [(number, 1000) for number in (1, 2)]}) == expected


def test_the_same_seed_gives_the_same_tokens_and_another_seed_others(open_engine):
    def tokens(seed):
        target = decoder(open_engine, slots=1)
        inputs = {**request(4), "seed": np.array([seed]), "max_new_tokens": np.array([40])}
        target.take_call(SequenceCall(1, start=True, end=True), inputs, now_s=0)
        answers = []
        while not answers:
            list(target.advance())
            answers = list(target.answers(now_s=0))
        return answers[0].tokens

    assert tokens(1) == tokens(1)
    assert tokens(1) != tokens(2)
