"""What the decoder needs of an engine, and what engines share.

An engine runs T2S over slots of one preallocated cache. A launch takes one step or several, each with the draw of its
tokens: on a CPU the host draws after every step, on a GPU the graph does and the host reads the tokens of all at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from gsv_runtime.speech_request import Sampling
from gsv_runtime.t2s.request import HARD_LIMIT_TOKENS, Capacity, Prompt
from gsv_runtime.t2s.sampling import draw

Array = NDArray[Any]
KEY_AND_VALUE = ("key", "value")
_ANY_SAMPLING = Sampling(top_k=1, top_p=1.0, temperature=1.0, repetition_penalty=1.0, seed=0)


@dataclass(frozen=True)
class StepRow:
    """One slot of a decode step."""

    token: int = 0
    token_position: int = 0
    rows: int = 0  # rows of the slot that stay; the step writes the one after them


@dataclass(frozen=True)
class SlotState(StepRow):
    """The same, and what the slot's next draws depend on; an empty or paused slot is not active."""

    active: bool = False
    num_generated: int = 0
    token_limit: int = 1  # it is left alone once so many are generated
    present: Array | None = None  # [V] bool, tokens of the prompt and those generated
    sampling: Sampling = _ANY_SAMPLING


@dataclass(frozen=True)
class DrawnSteps:
    """What the steps of a launch drew: a row a step, a column a slot.

    A slot ends with EOS, at its limit, or where logits are not finite; the steps after leave it alone.
    """

    tokens: Array  # [k, S] int64; count where a slot was active and did not end
    active: Array  # [k, S] bool, before the step
    ended: Array  # [k, S] bool: EOS, in an active slot
    finite: Array  # [k, S] bool


class Engine(Protocol):
    """What the decoder needs of an engine."""

    @property
    def capacity(self) -> Capacity:
        """What it can take."""
        ...

    @property
    def spans(self) -> Sequence[int]:
        """Numbers of slots that a launch can run, counted from the first slot; they ascend to all."""
        ...

    @property
    def most_steps(self) -> int:
        """Steps that a launch can take."""
        ...

    @property
    def most_joins(self) -> int:
        """Prompts that are written between two launches, at most."""
        ...

    @property
    def rows_cost(self) -> bool:
        """Whether a launch of few slots takes clearly less time than one of all."""
        ...

    def prefill(self, slot: int, prompt: Prompt) -> Array:
        """Write a prompt to a slot; return `[V]` logits of the first token."""
        ...

    def launch(self, states: Sequence[SlotState], noise: Array, meanwhile: Callable[[], None]) -> DrawnSteps:
        """Take steps with their draws: those that noise is given for, or the first of them.

        Args:
            states: of slots 0 to S - 1, one of `spans`. A paused one says how many rows it has: what is written after
                them is written again when it goes on.
            noise: `[k, S, V]` float32 of `sampling.gumbel_noise`, at most `most_steps` steps; rows of slots that are
                not active are not read.
            meanwhile: what the host can do while a device works; not called where there is none.
        """
        ...

    def move(self, source: int, target: int, num_rows: int) -> None:
        """Copy the first rows of a slot to another."""
        ...

    def rest(self) -> None:
        """Give back what memory can be had again by writing to it; no slot is held."""
        ...


class LogitsEngine(ABC):
    """Engines whose step leaves its logits to the host, which draws: one step a launch."""

    most_steps = 1
    most_joins = 1
    rows_cost = True
    capacity: Capacity

    @property
    def spans(self) -> Sequence[int]:
        """Any number of slots."""
        return range(1, self.capacity.slots + 1)

    @abstractmethod
    def prefill(self, slot: int, prompt: Prompt) -> Array:
        """Write a prompt to a slot; see `Engine.prefill`."""

    @abstractmethod
    def decode_step(self, rows: Sequence[StepRow]) -> Array:
        """Append one token to each of slots 0 to n - 1.

        Args:
            rows: one per slot. A slot that holds a sequence and is not to advance gives its number of rows: what is
                written after them is written again when it does.

        Returns:
            `[n, V]` float32 logits, valid until the next step; a row's values do not depend on the other rows.
        """

    def rest(self) -> None:
        """Keep all, unless an engine has something to give back."""
        return

    def launch(self, states: Sequence[SlotState], noise: Array, meanwhile: Callable[[], None]) -> DrawnSteps:
        """Take one step, and draw; see `Engine.launch`."""
        logits = self.decode_step(states)
        active, finite = np.array([state.active for state in states]), np.isfinite(logits).all(axis=1)
        tokens, ended = np.zeros(len(states), dtype=np.int64), np.zeros(len(states), dtype=np.bool_)
        good = np.flatnonzero(active & finite)
        if good.size:
            chosen = [states[slot] for slot in good]
            drawn = draw(
                logits[good],
                np.stack([_present(state, logits.shape[1]) for state in chosen]),
                np.array([state.num_generated for state in chosen]),
                [state.sampling for state in chosen],
                noise[0, good],
            )
            tokens[good], ended[good] = drawn.tokens, drawn.ended
        return DrawnSteps(tokens[np.newaxis], active[np.newaxis], ended[np.newaxis], finite[np.newaxis])


def _present(state: SlotState, vocabulary: int) -> Array:
    return np.zeros(vocabulary, dtype=np.bool_) if state.present is None else state.present


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
    return Prompt(np.zeros(1, dtype=np.int64), features, np.zeros(0, dtype=np.int64), _ANY_SAMPLING, max_tokens=1)
