"""Steps with their draws inside the graph against the step and the host's sampler."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gsv_build.graphs.precision import Precision
from gsv_build.graphs.t2s_graphs import write_t2s_gpu_graphs
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import T2SSizes
from gsv_runtime.graphs.session import CPU
from gsv_runtime.speech_request import Sampling
from gsv_runtime.t2s.cuda_engine import CudaEngine
from gsv_runtime.t2s.engine import SlotState
from gsv_runtime.t2s.request import Prompt
from gsv_runtime.t2s.sampled_steps import SampledSteps
from gsv_runtime.t2s.sampling import draw, gumbel_noise, token_generator

SIZES = T2SSizes(hidden=32, heads=4, layers=2, feed_forward=48, num_phones=20, vocabulary=33, bert_dim=12)
SLOTS, STEPS, ROWS = 3, 4, 32
SAMPLINGS = [
    Sampling(top_k=5, top_p=1.0, temperature=1.0, repetition_penalty=1.35, seed=1),
    Sampling(top_k=33, top_p=0.7, temperature=0.6, repetition_penalty=1.0, seed=2),
    Sampling(top_k=1, top_p=1.0, temperature=1.0, repetition_penalty=1.0, seed=3),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    torch.manual_seed(0)
    model = T2S(SIZES).eval()
    return write_t2s_gpu_graphs(model, tmp_path_factory.mktemp("t2s"), ROWS, Precision.FP32)


def opened(files, together):
    """An engine with a prompt in every slot, steps over it, and the state of each slot after its first token."""
    engine = CudaEngine(files.prefill, files.decode_step, SLOTS, ROWS, CPU)
    steps = SampledSteps(files.decode_sample, engine.memory, SLOTS, together)
    steps.warm_up()
    states = []
    for slot, sampling in enumerate(SAMPLINGS):
        generator = np.random.default_rng(slot)
        tokens = generator.integers(0, SIZES.vocabulary - 1, 3 + slot)
        phones = generator.integers(0, SIZES.num_phones, 5)
        features = generator.standard_normal((SIZES.bert_dim, 5)).astype(np.float32)
        engine.prefill(slot, Prompt(phones, features, tokens, sampling, max_tokens=20))
        present = np.zeros(SIZES.vocabulary, bool)
        present[tokens] = True
        first = SlotState(7, tokens.size, 5 + tokens.size, True, 1, 20, present, sampling)
        states.append(first)
    return engine, steps, states


def noise_of_steps():
    generators = [token_generator(sampling.seed) for sampling in SAMPLINGS]
    return np.stack([[gumbel_noise(each, SIZES.vocabulary) for each in generators] for _ in range(STEPS)])


def host_steps(engine, states, noise):
    """The same steps one by one with the draw on the host."""
    tokens = []
    for of_step in noise:
        logits = engine.decode_step(states)
        present = np.stack([each.present for each in states])
        drawn = draw(logits, present, np.array([s.num_generated for s in states]), SAMPLINGS, of_step)
        tokens.append(drawn.tokens)
        states = [_moved_on(each, int(token)) for each, token in zip(states, drawn.tokens, strict=True)]
    return np.array(tokens)


def _moved_on(state, token):
    present = state.present.copy()
    present[token] = True
    return replace(
        state,
        token=token,
        token_position=state.token_position + 1,
        rows=state.rows + 1,
        num_generated=state.num_generated + 1,
        present=present,
    )


@pytest.mark.parametrize("together", [1, 2, 4])
def test_steps_without_the_host_draw_the_hosts_tokens(files, together):
    noise = noise_of_steps()
    engine, _, states = opened(files, together)
    expected = host_steps(engine, states, noise)
    _, steps, states = opened(files, together)
    found = []
    for start in range(0, STEPS, together):
        drawn = steps.run(states, noise[start : start + together])
        assert drawn.finite.all()
        found += list(drawn.tokens)
        for tokens in drawn.tokens:
            states = [_moved_on(each, int(token)) for each, token in zip(states, tokens, strict=True)]
    np.testing.assert_array_equal(found, expected)


def test_a_slot_that_reaches_its_limit_in_the_middle_is_left_alone_by_the_steps_after(files):
    _, steps, states = opened(files, STEPS)
    states[1] = replace(states[1], token_limit=3)
    drawn = steps.run(states, noise_of_steps())
    assert drawn.active[:, 1].tolist() == [True, True, False, False]
    assert drawn.active[:, [0, 2]].all()
    assert drawn.tokens[2, 1] == drawn.tokens[1, 1]


def test_a_launch_may_have_fewer_steps_than_were_prepared_and_the_host_works_before_the_last(files):
    noise, order = noise_of_steps(), []
    engine, _, states = opened(files, STEPS)
    expected = host_steps(engine, states, noise[:2])
    _, steps, states = opened(files, STEPS)
    session = steps._session

    class Watched:
        def run_with_iobinding(self, binding, options):
            order.append(options.get_run_config_entry("gpu_graph_id"))
            session.run_with_iobinding(binding, options)

    steps._session = Watched()
    drawn = steps.run(states, noise[:2], meanwhile=lambda: order.append("host"))
    np.testing.assert_array_equal(drawn.tokens, expected)
    assert order == ["1", "host", "2"], "each step is a CUDA graph of its own"


def test_an_empty_slot_draws_nothing(files):
    _, steps, states = opened(files, 2)
    drawn = steps.run([states[0], SlotState(), states[2]], noise_of_steps()[:2])
    assert not drawn.active[:, 1].any()
    assert not drawn.ended[:, 1].any()
