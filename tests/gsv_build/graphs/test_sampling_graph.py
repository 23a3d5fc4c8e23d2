"""The draw inside a graph against the sampler of the host: the same tokens, bit for bit."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_build.graphs.graph_builder import GraphBuilder, WeightFile
from gsv_build.graphs.precision import Precision
from gsv_build.graphs.sampling_graph import StepState, add_draw
from gsv_build.graphs.t2s_graphs import write_t2s_gpu_graphs
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import T2SSizes
from gsv_runtime.graphs.session import open_session
from gsv_runtime.speech_request import Sampling
from gsv_runtime.t2s.sampling import draw, gumbel_noise, token_generator

pytestmark = pytest.mark.slow

VOCABULARY = 40
STATE = ("tokens", "token_positions", "rows")


@pytest.fixture(scope="module")
def sampler(tmp_path_factory):
    """Runs the nodes of a draw alone; logits are an input."""
    folder = tmp_path_factory.mktemp("sampler")
    b = GraphBuilder("sampler", WeightFile(folder / "none.weights", {}), opset=24)
    state = StepState(*(b.input(name, np.int64, ["B"]) for name in STATE))
    add_draw(b, b.input("logits", np.float32, ["B", VOCABULARY]), VOCABULARY, state)
    session = open_session(b.save(folder / "sampler.onnx"), 1)
    names = [value.name for value in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(None, inputs), strict=True))


def parameters(samplings):
    return {
        "top_k": np.array([each.top_k for each in samplings]),
        "top_p": np.array([each.top_p for each in samplings], np.float32),
        "temperature": np.array([each.temperature for each in samplings], np.float32),
        "repetition_penalty": np.array([each.repetition_penalty for each in samplings], np.float32),
    }


def slot_state(count, **changes):
    state = {name: np.arange(count) + 5 for name in (*STATE, "num_generated")}
    state |= {"active": np.ones(count, bool), "token_limits": np.full(count, 1000)}
    return state | changes


samplings = st.builds(
    Sampling,
    top_k=st.sampled_from([1, 2, 5, 15, VOCABULARY, 1025, 100_000]),
    top_p=st.sampled_from([0.0, 0.01, 0.25, 0.5, 0.9, 1.0]),
    temperature=st.sampled_from([0.0, 1e-6, 0.5, 1.0, 3.0]),
    repetition_penalty=st.sampled_from([0.5, 1.0, 1.35, 5.0]),
    seed=st.integers(0, 2**63 - 1),
)


@st.composite
def slots(draw_from):
    """Logits, tokens present, tokens generated, sampling; with ties, with equal logits, with EOS likely."""
    generator = np.random.default_rng(draw_from(st.integers(0, 2**32)))
    logits = (draw_from(st.sampled_from([0, 1, 3, 30])) * generator.standard_normal(VOCABULARY)).astype(np.float32)
    if draw_from(st.booleans()):
        logits = np.round(logits)  # ties
    logits[-1] += draw_from(st.sampled_from([0, 0, 6]))
    present = generator.random(VOCABULARY) < draw_from(st.sampled_from([0, 0.1, 1]))
    return logits, present, draw_from(st.sampled_from([0, 10, 11, 300])), draw_from(samplings)


@settings(max_examples=400, deadline=None)
@given(st.lists(slots(), min_size=1, max_size=6))
def test_slots_of_any_settings_draw_exactly_the_hosts_tokens(sampler, batch):
    logits, present, counts, chosen = (list(column) for column in zip(*batch, strict=True))
    noise = np.stack([gumbel_noise(token_generator(each.seed), VOCABULARY) for each in chosen])
    expected = draw(np.stack(logits), np.stack(present), np.array(counts), chosen, noise)
    given_ = slot_state(len(batch), num_generated=np.array(counts), present=np.stack(present))
    found = sampler({**given_, **parameters(chosen), "logits": np.stack(logits), "noise": noise})
    assert found["next_tokens"].tolist() == expected.tokens.tolist()
    assert found["ended"].tolist() == expected.ended.tolist()
    assert found["finite"].all()


DEFAULTS = Sampling(top_k=15, top_p=0.95, temperature=0.9, repetition_penalty=1.35, seed=0)


def test_ten_thousand_draws_at_the_size_of_a_voice_are_the_hosts(tmp_path):
    size, count = 1025, 2000
    b = GraphBuilder("sampler", WeightFile(tmp_path / "none.weights", {}), opset=24)
    state = StepState(*(b.input(name, np.int64, ["B"]) for name in STATE))
    add_draw(b, b.input("logits", np.float32, ["B", size]), size, state)
    session = open_session(b.save(tmp_path / "sampler.onnx"), 1)
    generator = np.random.default_rng(1)
    for scale in (1, 2, 4, 8, 16):
        logits = (scale * generator.standard_normal((count, size))).astype(np.float32)
        present, noise = generator.random((count, size)) < 0.2, gumbel_noise(generator, count * size)
        noise, chosen = noise.reshape(count, size), [DEFAULTS] * count
        given_ = slot_state(count, num_generated=np.full(count, 20), present=present)
        found = session.run(["next_tokens"], {**given_, **parameters(chosen), "logits": logits, "noise": noise})[0]
        assert (found == draw(logits, present, np.full(count, 20), chosen, noise).tokens).all()


def one(sampler, logits, **changes):
    """One slot after one step of `logits`, greedy."""
    greedy = Sampling(top_k=1, top_p=1.0, temperature=1.0, repetition_penalty=1.0, seed=0)
    state = slot_state(1, num_generated=np.array([20]), present=np.zeros((1, VOCABULARY), bool))
    inputs = {**state, **parameters([greedy]), "noise": np.zeros((1, VOCABULARY), np.float32), **changes}
    return {name: value[0] for name, value in sampler({**inputs, "logits": logits[np.newaxis]}).items()}


def peaked(token):
    logits = np.zeros(VOCABULARY, np.float32)
    logits[token] = 9
    return logits


def test_a_step_moves_its_slot_on_and_remembers_the_token(sampler):
    after = one(sampler, peaked(7))
    assert (after["next_tokens"], after["next_token_positions"], after["next_rows"]) == (7, 6, 6)
    assert (after["next_num_generated"], after["next_active"], after["ended"]) == (21, True, False)
    assert np.flatnonzero(after["next_present"]).tolist() == [7]


def test_a_slot_that_is_not_active_comes_out_as_it_went_in(sampler):
    after = one(sampler, peaked(VOCABULARY - 1), active=np.array([False]))
    assert (after["next_tokens"], after["next_token_positions"], after["next_rows"]) == (5, 5, 5)
    assert (after["next_num_generated"], after["next_active"], after["ended"]) == (20, False, False)
    assert not after["next_present"].any()


def test_eos_the_limit_and_logits_that_are_not_finite_end_a_slot(sampler):
    ended = one(sampler, peaked(VOCABULARY - 1))
    assert (ended["ended"], ended["next_active"], ended["finite"]) == (True, False, True)
    limited = one(sampler, peaked(3), token_limits=np.array([21]))
    assert (limited["ended"], limited["next_active"], limited["next_tokens"]) == (False, False, 3)
    for wrong in (np.nan, np.inf, -np.inf):
        broken = one(sampler, np.where(np.arange(VOCABULARY) == 4, np.float32(wrong), peaked(3)))
        assert (broken["finite"], broken["next_active"]) == (False, False)


def test_steps_without_the_host_give_the_tokens_that_the_host_would_draw_after_each(tmp_path):
    sizes = T2SSizes(hidden=32, heads=4, layers=2, feed_forward=48, num_phones=20, vocabulary=65, bert_dim=12)
    torch.manual_seed(0)
    model = T2S(sizes).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        model.head.weight[-1] *= 6  # or EOS would hardly ever be drawn
    files, slots_, steps = write_t2s_gpu_graphs(model, tmp_path, 96, Precision.FP32), 6, 40
    chosen = [Sampling(1 + 3 * i, (0.8, 1.0)[i % 2], 0.5 + 0.3 * i, (1.0, 1.35)[i % 2], i) for i in range(slots_)]
    noise = [np.stack([gumbel_noise(token_generator(100 * s + i), 65) for i in range(slots_)]) for s in range(steps)]
    step, sample = open_session(files.decode_step, 1), open_session(files.decode_sample, 1)
    caches = {value.name: np.zeros((slots_, *value.shape[1:]), np.float32) for value in step.get_inputs()[3:]}
    state = slot_state(slots_, num_generated=np.array([0, 5, 11, 11, 20, 30]), present=np.zeros((slots_, 65), bool))
    state |= {"rows": np.zeros(slots_, np.int64), "active": np.arange(slots_) != 2}
    ours, their_caches, reasons = {name: value.copy() for name, value in state.items()}, dict(caches), set()
    for turn in range(steps):
        outputs = sample.run(None, {**state, **parameters(chosen), "noise": noise[turn], **caches})
        found = dict(zip((value.name for value in sample.get_outputs()), outputs, strict=True))
        caches = {name: found[f"new_{name}"] for name in caches}
        *written, logits = step.run(None, {name: ours[name] for name in STATE} | their_caches)
        their_caches = dict(zip(their_caches, written, strict=True))
        drawn = draw(logits, ours["present"], ours["num_generated"], chosen, noise[turn])
        for slot in np.flatnonzero(ours["active"]):
            for name in (*STATE[1:], "num_generated"):
                ours[name][slot] += 1
            ours["tokens"][slot] = drawn.tokens[slot]
            ours["present"][slot, drawn.tokens[slot]] = True
            ours["active"][slot] = not drawn.ended[slot]
            reasons.add(bool(drawn.ended[slot]))
        state = {name: found.get(f"next_{name}", state[name]) for name in state}
        for name in state:
            np.testing.assert_array_equal(state[name], ours[name], err_msg=name)
    assert reasons == {True, False}
    assert state["active"].any()
