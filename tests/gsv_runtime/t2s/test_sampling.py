"""The sampler against a plain per-row implementation of the specification in torch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_runtime.speech_request import Sampling
from gsv_runtime.t2s.sampling import MIN_TOKENS, draw, gumbel_noise, token_generator

VOCABULARY = 40
EOS = VOCABULARY - 1


def reference_draw(logits, previous, num_generated, sampling, noise):
    """One row, step by step as the specification says; EOS is cut off at first instead of masked."""
    scores = torch.from_numpy(logits.copy())
    noise = torch.exp(-torch.from_numpy(noise))  # exponentially distributed
    if num_generated < 11:
        scores, noise = scores[:-1], noise[:-1]
    for token in sorted(set(previous)):
        value = scores[token]
        scores[token] = value * sampling.repetition_penalty if value < 0 else value / sampling.repetition_penalty
    likeliest = int(torch.argmax(scores))
    if sampling.top_p < 1:
        ordered, order = torch.sort(scores, descending=True, stable=True)
        cumulative = torch.cumsum(torch.softmax(ordered, -1), -1)
        for rank in range(1, len(scores)):
            if cumulative[rank] > sampling.top_p:
                scores[order[rank]] = -torch.inf
    scores = scores / max(sampling.temperature, 1e-5)
    smallest_kept = torch.topk(scores, min(sampling.top_k, len(scores))).values[-1]
    scores = torch.where(scores < smallest_kept, -torch.inf, scores)
    token = int(torch.argmax(torch.softmax(scores, -1) / noise))
    return token, EOS in (token, likeliest)


samplings = st.builds(
    Sampling,
    top_k=st.sampled_from([1, 2, 5, 15, VOCABULARY, 1025, 100_000]),
    top_p=st.sampled_from([0.0, 0.01, 0.3, 0.9, 1.0]),
    temperature=st.sampled_from([0.0, 1e-6, 0.5, 1.0, 3.0]),
    repetition_penalty=st.sampled_from([0.5, 1.0, 1.35, 5.0]),
    seed=st.integers(0, 2**63 - 1),
)


@st.composite
def rows(draw_from):
    generator = np.random.default_rng(draw_from(st.integers(0, 2**32)))
    logits = (3 * generator.standard_normal(VOCABULARY)).astype(np.float32)
    if draw_from(st.booleans()):
        logits = np.round(logits)  # ties
    logits[EOS] += draw_from(st.sampled_from([0, 0, 6]))
    previous = generator.integers(0, EOS, draw_from(st.sampled_from([0, 3, 200])))
    sampling = draw_from(samplings)
    noise = gumbel_noise(token_generator(sampling.seed), VOCABULARY)
    return logits, previous, draw_from(st.sampled_from([0, 10, 11, 300])), sampling, noise


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.lists(rows(), min_size=1, max_size=5))
def test_every_row_of_a_batch_is_what_the_specification_gives_alone(batch):
    present = np.zeros((len(batch), VOCABULARY), dtype=bool)
    for row, (_, previous, *_) in enumerate(batch):
        present[row, previous] = True
    drawn = draw(
        np.stack([logits for logits, *_ in batch]),
        present,
        np.array([num_generated for _, _, num_generated, _, _ in batch]),
        [sampling for *_, sampling, _ in batch],
        np.stack([noise for *_, noise in batch]),
    )
    expected = [reference_draw(*row) for row in batch]
    assert drawn.ended.tolist() == [ended for _, ended in expected]
    assert [int(t) for t, e in zip(drawn.tokens, drawn.ended, strict=True) if not e] == [
        t for t, e in expected if not e
    ]


def one_row(logits, num_generated=100, present=None, noise=None, **changes):
    sampling = Sampling(**{**DEFAULTS, **changes})
    noise = np.zeros((1, len(logits)), np.float32) if noise is None else noise
    present = np.zeros((1, len(logits)), bool) if present is None else present
    return draw(np.array([logits], np.float32), present, np.array([num_generated]), [sampling], noise)


DEFAULTS = {"top_k": 15, "top_p": 1.0, "temperature": 1.0, "repetition_penalty": 1.35, "seed": 0}


@pytest.mark.parametrize(("num_generated", "ended"), [(0, False), (MIN_TOKENS - 1, False), (MIN_TOKENS, True)])
def test_eos_cannot_end_a_sentence_before_eleven_tokens(num_generated, ended):
    assert one_row([0.0, 1.0, 50.0], num_generated).ended.tolist() == [ended]


def test_a_sentence_ends_when_eos_is_likeliest_even_if_another_token_is_drawn():
    drawn = one_row([1.0, 0.0, 1.1], noise=np.array([[14, 0, 0]], np.float32))
    assert (drawn.tokens.tolist(), drawn.ended.tolist()) == ([0], [True])


def test_the_penalty_can_let_eos_win():
    present = np.array([[True, False, False]])
    assert one_row([1.2, 0.0, 1.0], present=present).ended.tolist() == [True]
    assert one_row([1.2, 0.0, 1.0], present=present, repetition_penalty=1.0, top_k=1).ended.tolist() == [False]


def test_noise_of_zero_draws_that_token_and_not_nan():
    class Zero:
        def standard_exponential(self, size, dtype):
            return np.zeros(size, dtype)

    noise = gumbel_noise(Zero(), 3)[np.newaxis]
    assert one_row([0.0, 5.0, -9.0], noise=noise, top_k=2).tokens.tolist() in ([0], [1])


def test_frequencies_follow_the_probabilities():
    generator, counts = token_generator(7), np.zeros(4)
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))
    for _ in range(40):
        noise = np.stack([gumbel_noise(generator, 4) for _ in range(250)])
        drawn = draw(
            np.tile(logits, (250, 1)), np.zeros((250, 4), bool), np.full(250, 50), [Sampling(**DEFAULTS)] * 250, noise
        )
        counts += np.bincount(drawn.tokens, minlength=4)
    np.testing.assert_allclose(counts / 10_000, [0.5, 0.3, 0.15, 0.05], atol=0.02)


def test_the_same_seed_gives_the_same_noise_and_another_seed_another():
    first, again, other = (gumbel_noise(token_generator(seed), 50) for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()
