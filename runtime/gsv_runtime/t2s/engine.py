"""Runs the T2S graph over slots of one preallocated cache. This and `cuda_engine` alone know ONNX Runtime.

One graph serves both phases, so that its weights are in memory once; the cache is bound as input and output of the
same memory and appended to in place (docs/decisions/0005-t2s-graphs.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from gsv_runtime.speech_request import Sampling
from gsv_runtime.t2s.request import HARD_LIMIT_TOKENS, Capacity, Prompt

Array = NDArray[Any]
KEY_AND_VALUE = ("key", "value")


@dataclass(frozen=True)
class StepRow:
    """One slot of a decode step."""

    token: int = 0
    token_position: int = 0
    rows: int = 0  # rows of the slot that stay; the step writes the one after them


class Engine(Protocol):
    """What the decoder needs of an engine."""

    fixed_span: bool  # whether a step always runs all slots, and sequences stay in theirs

    @property
    def capacity(self) -> Capacity:
        """What it can take."""
        ...

    def prefill(self, slot: int, prompt: Prompt) -> Array:
        """Write a prompt to a slot; return `[V]` logits of the first token."""
        ...

    def decode_step(self, rows: Sequence[StepRow]) -> Array:
        """Append one token to each of slots 0 to n - 1; return `[n, V]` logits of the next ones."""
        ...

    def move(self, source: int, target: int, num_rows: int) -> None:
        """Copy the first rows of a slot to another."""
        ...


def pack_rows(prompt: Prompt) -> dict[str, Array]:
    """Lay a prompt out as a graph's rows, `[1, L]`: phones, then prompt tokens; features are zeros at tokens."""
    num_phones, rows = prompt.phones.size, prompt.rows
    features = np.zeros((1, rows, prompt.bert_features.shape[0]), dtype=np.float32)
    features[0, :num_phones] = prompt.bert_features.T
    return {
        "phones": np.pad(prompt.phones, (0, rows - num_phones))[np.newaxis],
        "tokens": np.pad(prompt.prompt_tokens, (num_phones, 0))[np.newaxis],
        "bert_features": features,
    }


def read_capacity(session: onnxruntime.InferenceSession, slots: int, cache_rows: int) -> Capacity:
    """What a graph can take, by what its builder wrote into it, with that many slots and rows."""
    facts = session.get_modelmeta().custom_metadata_map
    known = {name: int(facts[name]) for name in ("num_phones", "vocabulary", "bert_dim", "max_positions")}
    max_tokens = int(facts.get("max_tokens", HARD_LIMIT_TOKENS))  # graphs of older builds do not say
    return Capacity(slots=slots, cache_rows=cache_rows, max_tokens=max_tokens, **known)


def warming_prompt(capacity: Capacity) -> Prompt:
    """The shortest that there is."""
    features = np.zeros((capacity.bert_dim, 1), dtype=np.float32)
    sampling = Sampling(top_k=1, top_p=1.0, temperature=1.0, repetition_penalty=1.0, seed=0)
    return Prompt(np.zeros(1, dtype=np.int64), features, np.zeros(0, dtype=np.int64), sampling, max_tokens=1)
