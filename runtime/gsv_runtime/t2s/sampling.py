"""Draws semantic tokens from logits, for several slots at once; each row depends on nothing but itself.

Order of operations: EOS forbidden at first, repetition penalty, top_p, temperature, top_k, and the largest of logit
plus Gumbel noise. Top_p stands before temperature, and the penalty counts prompt and generated tokens.
`gsv_build.graphs.sampling_graph` writes the same operations in the same order into a graph for a GPU.

Source: GPT-SoVITS 48b1a01, GPT_SoVITS/AR/models/utils.py (`logits_to_probs`, `multinomial_sample_one_no_sync`) and
t2s_model.py (`infer_panel_naive`). Different on purpose: noise comes from a generator of each sequence instead of
one for the process; a token whose noise is 0 cannot become NaN; and instead of the largest p / q, q exponentially
distributed, the largest logarithm of that is taken, which needs no exponential function, so that every runtime draws
the same token from the same logits.

Axis letters: ``S`` slots, ``V`` vocabulary (semantic tokens and, last, EOS).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsv_runtime.speech_request import Sampling

MIN_TOKENS = 11  # EOS may not win before (0.44 s); upstream's comment says 10, its code 11
MIN_TEMPERATURE = 1e-5
_LEAST_NOISE = np.finfo(np.float32).tiny
_TOKEN_STREAM = 0  # second word of the Philox key; decoding.standard_noise has 1

Array = NDArray[Any]


@dataclass(frozen=True)
class Draw:
    """One token per slot."""

    tokens: Array  # [S] int64; meaningless where ended
    ended: Array  # [S] bool: EOS was drawn, or is the likeliest after the penalty


def token_generator(seed: int) -> np.random.Generator:
    """The source of a sequence's noise; the same seed gives the same tokens, whatever runs beside it."""
    return np.random.Generator(np.random.Philox(key=[seed, _TOKEN_STREAM]))


def gumbel_noise(generator: np.random.Generator, vocabulary: int) -> Array:
    """Noise `[V]` float32 for one token: minus the logarithm of an exponentially distributed number above 0."""
    return -np.log(np.maximum(generator.standard_exponential(vocabulary, dtype=np.float32), _LEAST_NOISE))


def draw(logits: Array, present: Array, num_generated: Array, samplings: Sequence[Sampling], noise: Array) -> Draw:
    """Draw the next token of every slot.

    Args:
        logits: `[S, V]` float32; left as they are.
        present: `[S, V]` bool, tokens in each slot's prompt or among its generated ones.
        num_generated: `[S]`, tokens that each slot has generated.
        samplings: S of them.
        noise: `[S, V]` from `gumbel_noise`.

    Returns:
        Tokens, and which slots have come to their end.
    """
    eos = logits.shape[1] - 1
    penalties = _column([sampling.repetition_penalty for sampling in samplings])
    penalised = np.where(present, np.where(logits < 0, logits * penalties, logits / penalties), logits)
    penalised[np.asarray(num_generated) < MIN_TOKENS, eos] = -np.inf
    kept = _keep_top_p(penalised, [sampling.top_p for sampling in samplings])
    temperatures = _column([max(sampling.temperature, MIN_TEMPERATURE) for sampling in samplings])
    kept = _keep_top_k(kept / temperatures, [sampling.top_k for sampling in samplings])
    tokens = (kept - kept.max(axis=1, keepdims=True) + noise).argmax(axis=1)
    return Draw(tokens, (tokens == eos) | (penalised.argmax(axis=1) == eos))


def _column(values: Sequence[float]) -> Array:
    return np.array(values, dtype=np.float32)[:, np.newaxis]


def _keep_top_p(logits: Array, top_ps: Sequence[float]) -> Array:
    """Drop the tokens past a cumulative probability of top_p; the one that crosses it goes too, the first stays."""
    limited = np.flatnonzero(np.array(top_ps) < 1)
    if limited.size == 0:
        return logits
    rows = logits[limited]
    order = np.argsort(-rows, axis=1, kind="stable")
    ordered = np.take_along_axis(rows, order, axis=1)
    cumulative = np.cumsum(np.exp(ordered - ordered[:, :1]), axis=1)
    dropped = cumulative > _column(top_ps)[limited] * cumulative[:, -1:]
    dropped[:, 0] = False
    mask = np.zeros_like(dropped)
    np.put_along_axis(mask, order, dropped, axis=1)
    kept = logits.copy()
    kept[limited] = np.where(mask, -np.inf, rows)
    return kept


def _keep_top_k(logits: Array, top_ks: Sequence[int]) -> Array:
    """Keep what is at least as likely as the k-th likeliest, ties included."""
    places = [logits.shape[1] - min(top_k, logits.shape[1]) for top_k in top_ks]
    ordered = np.partition(logits, sorted(set(places)), axis=1)  # as a sort at these places, in a third of the time
    pivots = ordered[np.arange(len(places)), places]
    return np.where(logits < pivots[:, np.newaxis], -np.inf, logits)
