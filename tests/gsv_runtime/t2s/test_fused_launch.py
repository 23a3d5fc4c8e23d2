"""Several steps with their draws in one call of the fused library, beside steps whose tokens the host draws."""

from dataclasses import replace

import numpy as np
import pytest

from gsv_runtime.speech_request import Sampling
from gsv_runtime.t2s import fused_launch, fused_library
from gsv_runtime.t2s.engine import LogitsEngine, SlotState
from gsv_runtime.t2s.sampling import gumbel_noise, token_generator

from .test_fused_engine import SIZES, fused, library, prompt, write

__all__ = ["library"]  # the fixture: every library that this CPU can run
pytestmark = pytest.mark.skipif(not fused_library.runs_here(), reason="needs AVX2, and the library compiled")


def samplings():
    """Of each slot: the draws of a request that says nothing, sharp ones, all tokens, and greedy ones."""
    return [
        Sampling(top_k=15, top_p=1.0, temperature=1.0, repetition_penalty=1.35, seed=0),
        Sampling(top_k=3, top_p=1.0, temperature=0.4, repetition_penalty=1.0, seed=1),
        Sampling(top_k=1000, top_p=1.0, temperature=1.7, repetition_penalty=2.0, seed=2),
        Sampling(top_k=1, top_p=1.0, temperature=0.0, repetition_penalty=1.2, seed=3),
    ]


def slot_states(limits):
    rng = np.random.default_rng(5)
    return [
        SlotState(7, 9, 20, True, 10, limit, rng.random(SIZES.vocabulary) < 0.3, sampling)
        for limit, sampling in zip(limits, samplings(), strict=True)
    ]


def one_by_one(engine, states, noise):
    """What launches of single steps draw on the host, and what is active before each."""
    drawn = []
    for step in noise:
        drawn.append(LogitsEngine.launch(engine, states, step[np.newaxis], lambda: None))
        states = [_moved_on(state, drawn[-1], slot) for slot, state in enumerate(states)]
    return {name: np.concatenate([getattr(each, name) for each in drawn]) for name in ("tokens", "active", "ended")}


def _moved_on(state, drawn, slot):
    if not state.active:
        return state
    token, present = int(drawn.tokens[0, slot]), state.present.copy()
    present[token], generated = True, state.num_generated + 1
    return replace(
        state,
        token=token,
        token_position=state.token_position + 1,
        rows=state.rows + 1,
        num_generated=generated,
        present=present,
        active=not drawn.ended[0, slot] and generated < state.token_limit,
    )


def test_steps_of_one_launch_draw_what_launches_of_one_step_draw(tmp_path, monkeypatch):
    """Each with its own sampling; one comes to its limit, one waits, and EOS ends whom it will."""
    monkeypatch.setattr(fused_launch, "_LONGEST_S", 10.0)
    engine, ended = fused(write(tmp_path / "t2s")), 0
    for seed in range(20):
        for slot in range(4):
            engine.prefill(slot, prompt(slot))
        noise = gumbel_noise(token_generator(seed), 8 * 4 * SIZES.vocabulary).reshape(8, 4, SIZES.vocabulary)
        states = slot_states(limits=[100, 14, 100, 100])
        states[seed % 4] = replace(states[seed % 4], active=seed % 5 != 0)
        expected = one_by_one(engine, states, noise)
        before = [state.present.copy() for state in states]
        drawn = engine.launch(states, noise, lambda: None)
        np.testing.assert_array_equal(drawn.active, expected["active"][: len(drawn.active)])
        assert not expected["active"][len(drawn.active) :].any()
        np.testing.assert_array_equal(drawn.ended, expected["ended"][: len(drawn.active)])
        np.testing.assert_array_equal(drawn.tokens[drawn.active], expected["tokens"][expected["active"]])
        assert drawn.finite[drawn.active].all()
        np.testing.assert_array_equal([state.present for state in states], before)
        ended += drawn.ended.sum()
    assert ended > 3, "or nothing is said of who ends"


def test_a_launch_ends_in_time_for_who_comes_next(tmp_path, monkeypatch):
    engine = fused(write(tmp_path / "t2s"))
    noise = np.zeros((8, 4, SIZES.vocabulary), dtype=np.float32)
    monkeypatch.setattr(fused_launch, "_LONGEST_S", 0.0)
    assert len(engine.launch(slot_states([100] * 4), noise, lambda: None).tokens) == 1


def test_what_is_drawn_with_top_p_is_drawn_on_the_host(tmp_path):
    engine = fused(write(tmp_path / "t2s"))
    states = slot_states([100] * 4)
    states[0] = replace(states[0], sampling=replace(states[0].sampling, top_p=0.8))
    noise = gumbel_noise(token_generator(0), 8 * 4 * SIZES.vocabulary).reshape(8, 4, SIZES.vocabulary)
    expected = LogitsEngine.launch(engine, states, noise, lambda: None)
    np.testing.assert_array_equal(engine.launch(states, noise, lambda: None).tokens, expected.tokens)


def test_logits_that_are_not_finite_end_their_slot_alone(tmp_path):
    engine = fused(write(tmp_path / "t2s"))
    engine._embedding.of_tokens[0][3] = np.nan
    states = slot_states([100] * 4)
    states[2] = replace(states[2], token=3)
    noise = np.zeros((8, 4, SIZES.vocabulary), dtype=np.float32)
    drawn = engine.launch(states, noise, lambda: None)
    np.testing.assert_array_equal(drawn.finite[0], [True, True, False, True])
    assert not drawn.active[1:, 2].any()


def test_a_launch_in_which_no_slot_is_active_draws_nothing(tmp_path):
    states = [replace(state, active=False) for state in slot_states([40] * 4)]
    noise = np.zeros((8, 4, SIZES.vocabulary), dtype=np.float32)
    drawn = fused(write(tmp_path / "t2s")).launch(states, noise, lambda: None)
    assert not drawn.active.any()
    assert not drawn.ended.any()
