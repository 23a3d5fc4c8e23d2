"""Several steps a launch with the draw in the graph, against a step at a time with the draw on the host."""

import threading
from collections import Counter

import numpy as np
import pytest
import torch

from gsv_build.graphs.precision import Precision
from gsv_build.graphs.t2s_graphs import write_t2s_gpu_graphs
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import T2SSizes
from gsv_runtime.graphs.session import CPU, CUDA
from gsv_runtime.stages import SequenceCall
from gsv_runtime.t2s.cuda_engine import CudaEngine
from gsv_runtime.t2s.decoder import Decoder
from gsv_runtime.t2s.drawing_engine import DrawingEngine
from gsv_runtime.t2s.engine import SlotState
from gsv_runtime.t2s.launch_shapes import LaunchShapes
from gsv_runtime.t2s.prefill import PaddedPrefill
from gsv_runtime.t2s.request import Prompt, TextLimit
from gsv_runtime.t2s.sampled_steps import SampledSteps
from gsv_runtime.t2s.slot_memory import SlotCopier

pytestmark = pytest.mark.slow

SIZES = T2SSizes(hidden=32, heads=4, layers=2, feed_forward=48, num_phones=20, vocabulary=65, bert_dim=12)
SLOTS, ROWS, REQUESTS = 4, 192, 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.manual_seed(1)
    model = T2S(SIZES)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        model.head.weight[-1] *= 6  # or EOS would hardly ever be drawn
    folder = tmp_path_factory.mktemp("t2s")
    write_t2s_gpu_graphs(model.eval(), folder, ROWS, Precision.FP32)
    return folder


def drawing(folder, most_steps, spans=(1, 2, SLOTS)):
    return DrawingEngine(folder, SLOTS, ROWS, LaunchShapes(spans, (16, 48, ROWS), most_steps), CPU, capture=False)


def stepping(folder):
    return CudaEngine(folder / "t2s_prefill.onnx", folder / "t2s_decode_step.onnx", SLOTS, ROWS, CPU)


def request(number):
    """Every sampling differs; a third goes greedily round in a loop, which the watch for repetition has to see."""
    generator = np.random.default_rng(number)
    num_phones, greedy = int(generator.integers(2, 25)), number % 3 == 0
    return {
        "phones": generator.integers(0, SIZES.num_phones, num_phones),
        "bert_features": generator.standard_normal((SIZES.bert_dim, num_phones)).astype(np.float32),
        "prompt_tokens": generator.integers(0, 64, int(generator.integers(0, 20))),
        "top_k": np.array([1 if greedy else (5, 15, 65)[number % 4 % 3]]),
        "top_p": np.array([(1.0, 0.8)[number % 2]]),
        "temperature": np.array([0.5 + number % 4]),
        "repetition_penalty": np.array([1.0 if greedy else 1.35]),
        "seed": np.array([number]),
    }


def spoken(engine, leaves=None):
    """All requests, three a round, in calls of their own sizes: tokens and reasons, and what the engine did.

    `leaves` is closed in the middle of its speech.
    """
    decoder = Decoder(engine, 8, 3, TextLimit(tokens_per_phone=1.5, tokens_at_least=20))
    tokens, reasons, waiting, launches = {}, {}, list(range(REQUESTS)), Counter()
    while waiting or len(reasons) < REQUESTS - (leaves is not None):
        for number in [waiting.pop(0) for _ in range(min(3, len(waiting)))]:
            tokens[number] = []
            inputs = {**request(number), "max_new_tokens": np.array([1 + 5 * (number % 4)])}
            decoder.take_call(SequenceCall(number, start=True), inputs, now_s=0)
        before = decoder.num_tokens
        assert list(decoder.advance()) == []
        launches[decoder.num_tokens - before] += 1
        for answer in list(decoder.answers(now_s=0)):
            number = answer.sequence_id
            tokens[number] += answer.tokens
            if answer.finish_reason:
                reasons[number] = answer.finish_reason
                decoder.close(number)
            elif number == leaves and len(tokens[number]) > 12:
                decoder.close(number)
                del tokens[number]
            else:
                again = {"max_new_tokens": np.array([1 + 5 * (number % 4)])}
                decoder.take_call(SequenceCall(number), again, now_s=0)
    return tokens, reasons, launches


@pytest.fixture(scope="module")
def expected(folder):
    return spoken(stepping(folder))


@pytest.mark.parametrize("most_steps", [1, 3, 8])
def test_steps_together_give_the_tokens_and_the_ends_of_steps_one_by_one(folder, expected, most_steps):
    tokens, reasons, _launches = spoken(drawing(folder, most_steps))
    assert tokens == expected[0]
    assert reasons == expected[1]
    assert set(reasons.values()) == {"eos", "limit", "repetition"}


def test_a_launch_brings_several_tokens_to_each_of_several_sequences(folder):
    _tokens, _reasons, launches = spoken(drawing(folder, 8))
    assert max(launches) > 2 * 8


def test_a_sequence_that_leaves_between_launches_changes_no_other(folder, expected):
    leaves = next(number for number, tokens in expected[0].items() if len(tokens) > 20 and number % 4)
    tokens, reasons, _launches = spoken(drawing(folder, 8), leaves=leaves)
    assert tokens == {number: each for number, each in expected[0].items() if number != leaves}
    assert leaves not in reasons


def test_only_as_many_slots_are_stepped_as_hold_who_speaks(folder):
    engine, ran = drawing(folder, 4), []
    launch = engine.launch

    def watched(states, noise, meanwhile):
        ran.append(len(states))
        return launch(states, noise, meanwhile)

    engine.launch = watched
    decoder = Decoder(engine, repetition_window=0, repetition_least_distinct=0)
    inputs = {**request(1), "max_new_tokens": np.array([20])}
    for number in (1, 2, 3):
        decoder.take_call(SequenceCall(number, start=True), inputs, now_s=0)
    list(decoder.advance())
    for number in (1, 2):
        decoder.close(number)
    list(decoder.advance())
    assert ran == [4, 1], "the third has moved to the first slot"


def test_a_prompt_that_is_padded_and_copied_scores_as_one_that_is_not(folder):
    inputs = request(4)
    prompt = Prompt(inputs["phones"], inputs["bert_features"], inputs["prompt_tokens"], SlotState().sampling, 20)
    found, wanted = drawing(folder, 4).prefill(2, prompt), stepping(folder).prefill(2, prompt)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_logits_that_are_not_finite_end_their_sequence_in_the_middle_of_a_launch_and_no_other(folder):
    engine = drawing(folder, 4)
    launch = engine.launch

    def broken(states, noise, meanwhile):
        drawn = launch(states, noise, meanwhile)
        drawn.finite[2, 0] = False
        drawn.active[3, 0] = False
        return drawn

    engine.launch = broken
    decoder = Decoder(engine, repetition_window=0, repetition_least_distinct=0)
    for number in (1, 2):
        inputs = {**request(number), "max_new_tokens": np.array([40])}
        decoder.take_call(SequenceCall(number, start=True), inputs, now_s=0)
    ((failed, failure),) = list(decoder.advance())
    assert (failed, decoder.sequence_ids) == (1, (2,))
    assert "not finite" in str(failure)


def test_all_graphs_run_in_the_thread_that_prepared_them_whoever_calls(folder, monkeypatch):
    seen = {}

    def watch(kind, method):
        inner = getattr(kind, method)

        def watched(self, *given):
            seen.setdefault(f"{kind.__name__}.{method}", set()).add(threading.get_ident())
            return inner(self, *given)

        monkeypatch.setattr(kind, method, watched)

    for kind, methods in ((SampledSteps, "warm_up run"), (PaddedPrefill, "warm_up run"), (SlotCopier, "copy")):
        for method in methods.split():
            watch(kind, method)
    engine = drawing(folder, 2)
    caller = threading.Thread(target=lambda: spoken(engine))
    caller.start()
    caller.join()
    engine.move(0, 1, 4)
    assert len(seen) == 5
    assert len(set.union(*seen.values())) == 1
    assert threading.get_ident() not in set.union(*seen.values())


@pytest.mark.gpu
@pytest.mark.skipif(not CUDA.is_here(), reason="needs onnxruntime-gpu and a GPU")
def test_on_a_gpu_captured_launches_give_the_tokens_of_single_steps(folder):
    shapes = {steps: LaunchShapes((SLOTS,), (16, 48, ROWS), steps) for steps in (1, 8)}
    single = DrawingEngine(folder, SLOTS, ROWS, shapes[1], CUDA, capture=False)
    launches = DrawingEngine(folder, SLOTS, ROWS, shapes[8], CUDA, capture=True)
    assert spoken(launches)[:2] == spoken(single)[:2]


def test_graphs_of_another_length_are_refused(folder):
    shapes = LaunchShapes((SLOTS,), (2 * ROWS,), 4)
    with pytest.raises(ValueError, match=f"has slots of {ROWS} rows, not {2 * ROWS}; build it again"):
        DrawingEngine(folder, SLOTS, 2 * ROWS, shapes, CPU, capture=False)
