"""The sampler of `gsv_runtime.t2s.sampling` as nodes of a graph: the same operations in the same order, in float32.

What a slot's step needs and leaves behind are inputs and outputs, so that the outputs of one step are the inputs of the
next, and the graph stays pure: the noise is an input, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from gsv_build.graphs.graph_builder import GraphBuilder
from gsv_runtime.t2s.sampling import MIN_TEMPERATURE, MIN_TOKENS


@dataclass(frozen=True)
class StepState:
    """Inputs of a decode step that its draw moves on; each ``[B]``."""

    tokens: str
    token_positions: str
    rows: str


@dataclass(frozen=True)
class _Drawn:
    """What a draw decides, ``[B]`` each."""

    tokens: str  # int64
    ended: str  # bool
    finite: str  # bool


def add_draw(b: GraphBuilder, logits: str, vocabulary: int, state: StepState) -> None:
    """Add the draw of every slot's next token, with its inputs and outputs.

    Args:
        b: the graph.
        logits: `[B, V]` float32.
        vocabulary: V, with EOS last.
        state: of the step.
    """
    active, num_generated = b.input("active", np.bool_, ["B"]), b.input("num_generated", np.int64, ["B"])
    token_limits, present = b.input("token_limits", np.int64, ["B"]), b.input("present", np.bool_, ["B", vocabulary])
    drawn = _Sampler(b, vocabulary).draw(logits, present, num_generated)

    advance = b.add("Cast", active, to=TensorProto.INT64)
    generated = b.add("Add", num_generated, advance)
    has_room = b.add("Less", generated, token_limits)
    goes_on = b.add("And", b.add("Not", drawn.ended), b.add("And", drawn.finite, has_room))
    index = b.constant([list(range(vocabulary))])
    is_new = b.add("And", b.add("Equal", index, _column(b, drawn.tokens)), _column(b, active))
    b.output("next_tokens", b.add("Where", active, drawn.tokens, state.tokens), np.int64, ["B"])
    b.output("next_token_positions", b.add("Add", state.token_positions, advance), np.int64, ["B"])
    b.output("next_rows", b.add("Add", state.rows, advance), np.int64, ["B"])
    b.output("next_active", b.add("And", active, goes_on), np.bool_, ["B"])
    b.output("next_num_generated", generated, np.int64, ["B"])
    b.output("next_present", b.add("Or", present, is_new), np.bool_, ["B", vocabulary])
    b.output("ended", b.add("And", active, drawn.ended), np.bool_, ["B"])
    b.output("finite", drawn.finite, np.bool_, ["B"])


class _Sampler:
    """Nodes of one draw; methods are named as the functions of `gsv_runtime.t2s.sampling`."""

    def __init__(self, b: GraphBuilder, vocabulary: int) -> None:
        self._b = b
        self._vocabulary = vocabulary
        self._blocked = b.constant(-np.inf, np.float32)
        self._one = b.constant([1])

    def draw(self, logits: str, present: str, num_generated: str) -> _Drawn:
        """Draw from `[B, V]` logits; the parameters of the slots become inputs of the graph."""
        b, last = self._b, self._vocabulary - 1
        penalised = self._penalise(logits, present)
        too_early = _column(b, b.add("Less", num_generated, b.constant(MIN_TOKENS)))
        is_eos = b.constant([[each == last for each in range(self._vocabulary)]], np.bool_)
        penalised = b.add("Where", b.add("And", is_eos, too_early), self._blocked, penalised)

        # EOS is the last token, so that it is the likeliest only if all others are less likely.
        others = b.add("Slice", penalised, b.constant([0]), b.constant([last]), self._one)
        eos = b.add("Slice", penalised, b.constant([last]), b.constant([last + 1]), self._one)
        likeliest = b.add("Greater", eos, b.add("ReduceMax", others, self._one, keepdims=1))

        tokens = b.add("ArgMax", self._with_noise(*self._keep(penalised)), axis=1, keepdims=0)
        ended = b.add("Or", b.add("Equal", tokens, b.constant(last)), b.add("Squeeze", likeliest, self._one))
        return _Drawn(tokens, ended, self._finite(logits))

    def _penalise(self, logits: str, present: str) -> str:
        b = self._b
        penalty = _column(b, b.input("repetition_penalty", np.float32, ["B"]))
        negative = b.add("Less", logits, b.constant(0, np.float32))
        changed = b.add("Where", negative, b.add("Mul", logits, penalty), b.add("Div", logits, penalty))
        return b.add("Where", present, changed, logits)

    def _keep(self, penalised: str) -> tuple[str, str]:
        """What top_p and top_k leave of `[B, V]`, divided by the temperatures; the rest is minus infinity."""
        b = self._b
        ordered, order = b.add_many("TopK", ["ordered", "order"], penalised, b.constant([self._vocabulary]), axis=1)
        num_kept = self._num_kept_by_top_p(ordered)
        last_kept = b.add("Sub", num_kept, self._one)
        pivot, place = (b.add("GatherElements", each, last_kept, axis=1) for each in (ordered, order))
        index = b.constant([list(range(self._vocabulary))])
        of_ties = b.add("And", b.add("Equal", penalised, pivot), b.add("LessOrEqual", index, place))
        kept = b.add("Where", b.add("Or", b.add("Greater", penalised, pivot), of_ties), penalised, self._blocked)

        least = b.constant(MIN_TEMPERATURE, np.float32)
        temperature = b.add("Max", _column(b, b.input("temperature", np.float32, ["B"])), least)
        top_k = _column(b, b.input("top_k", np.int64, ["B"]))
        # Past the tokens that top_p has kept everything is minus infinity, so the last of them can be the k-th.
        rank = b.add("Sub", b.add("Min", top_k, num_kept), self._one)
        smallest = b.add("Div", b.add("GatherElements", ordered, rank, axis=1), temperature)
        return b.add("Div", kept, temperature), smallest

    def _num_kept_by_top_p(self, ordered: str) -> str:
        """`[B, 1]` how many of the likeliest tokens stay."""
        b = self._b
        top_p = _column(b, b.input("top_p", np.float32, ["B"]))
        likeliest = b.add("Slice", ordered, b.constant([0]), self._one, self._one)
        cumulative = b.add("CumSum", b.add("Exp", b.add("Sub", ordered, likeliest)), b.constant(1))
        total = b.add("Slice", cumulative, b.constant([-1]), b.constant([2**62]), self._one)
        is_kept = b.add("LessOrEqual", cumulative, b.add("Mul", top_p, total))
        is_kept = b.add("Or", is_kept, b.add("GreaterOrEqual", top_p, b.constant(1, np.float32)))
        counted = b.add("ReduceSum", b.add("Cast", is_kept, to=TensorProto.INT64), self._one, keepdims=1)
        return b.add("Max", counted, self._one)

    def _with_noise(self, kept: str, smallest: str) -> str:
        b = self._b
        blocked = b.add("Where", b.add("Less", kept, smallest), self._blocked, kept)
        return b.add("Add", blocked, b.input("noise", np.float32, ["B", self._vocabulary]))

    def _finite(self, logits: str) -> str:
        """`[B]` whether no logit is NaN or infinite."""
        b = self._b
        wrong = b.add("Cast", b.add("Or", b.add("IsNaN", logits), b.add("IsInf", logits)), to=TensorProto.INT64)
        return b.add("Equal", b.add("ReduceMax", wrong, self._one, keepdims=0), b.constant(0))


def _column(b: GraphBuilder, values: str) -> str:
    """`[B]` to `[B, 1]`."""
    return b.add("Unsqueeze", values, b.constant([1]))
