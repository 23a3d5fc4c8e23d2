"""Continuous batching: takes calls, advances all sequences round by round, and hands out answers. No thread inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsv_runtime.errors import InternalError
from gsv_runtime.stages import SequenceCall
from gsv_runtime.t2s.engine import Engine, StepRow
from gsv_runtime.t2s.request import Prompt, TextLimit, parse_prompt
from gsv_runtime.t2s.sampling import draw, gumbel_noise, token_generator
from gsv_runtime.t2s.scheduler import CallResult, DecodeRound, Scheduler
from gsv_runtime.tensors import Arrays

Array = NDArray[Any]


class _DrawState:
    """What a sequence needs to draw tokens: its prompt until it is prefilled, its noise, the tokens it has seen."""

    def __init__(self, prompt: Prompt, vocabulary: int) -> None:
        self.prompt = prompt
        self.generator = token_generator(prompt.sampling.seed)
        self.present = np.zeros(vocabulary, dtype=np.bool_)
        self.present[prompt.prompt_tokens] = True


class Decoder:
    """An engine, a scheduler and the sampler."""

    def __init__(
        self, engine: Engine, repetition_window: int, repetition_least_distinct: int, limit: TextLimit | None = None
    ) -> None:
        """Decode on `engine`; the numbers are the scheduler's, `limit` says when a sentence has run away."""
        self._engine = engine
        self._limit = limit or TextLimit()
        self._capacity = engine.capacity
        slots, fixed_span = self._capacity.slots, engine.fixed_span
        self._scheduler = Scheduler(slots, repetition_window, repetition_least_distinct, fixed_span)
        self._states: dict[int, _DrawState] = {}
        self._ending: set[int] = set()

    @property
    def sequence_ids(self) -> tuple[int, ...]:
        """Sequences that are open."""
        return self._scheduler.sequence_ids

    @property
    def has_work(self) -> bool:
        """Whether `advance` would do anything."""
        return self._scheduler.has_work

    @property
    def slots_in_use(self) -> int:
        """Slots of the cache that are held."""
        return self._scheduler.slots_in_use

    @property
    def num_tokens(self) -> int:
        """Tokens drawn so far for all sequences."""
        return self._scheduler.num_tokens

    def take_call(self, call: SequenceCall, inputs: Arrays, now_s: float) -> None:
        """Take one call of a sequence; `answers` or `advance` brings the answer.

        Args:
            call: which sequence, and whether this is its first or last call.
            inputs: decoded tensors of contract.T2S.
            now_s: time, for `reap`.

        Raises:
            InvalidRequest: the prompt is at fault, or the sequence is not running. A first call at fault leaves
                nothing behind.
        """
        if call.start:
            prompt = parse_prompt(inputs, self._capacity, self._limit)
            self._scheduler.open(call.sequence_id, prompt.rows, prompt.prompt_tokens.size, prompt.max_tokens, now_s)
            self._states[call.sequence_id] = _DrawState(prompt, self._capacity.vocabulary)
        num_tokens = int(inputs["max_new_tokens"][0])
        try:
            self._scheduler.ask(call.sequence_id, num_tokens, now_s)
        except Exception:
            if call.start:
                self.close(call.sequence_id)
            raise
        if call.end:
            self._ending.add(call.sequence_id)

    def answers(self, now_s: float) -> Iterator[CallResult]:
        """Yield the calls that are complete; a sequence whose last call this was is closed."""
        for answer in self._scheduler.answers(now_s):
            if answer.sequence_id in self._ending:
                self.close(answer.sequence_id)
            yield answer

    def advance(self) -> Iterator[tuple[int, InternalError]]:
        """Run one round: prefill who joins, then one token for everyone who may have one.

        Yields:
            Sequences that failed, with the failure; they are closed.
        """
        plan = self._scheduler.plan()
        for move in plan.moves:
            sequence = self._scheduler.in_slot(move.target)
            if sequence is not None:
                self._engine.move(move.source, move.target, sequence.rows)
        for sequence_id in plan.prefill:
            slot = self._scheduler[sequence_id].slot
            logits = self._engine.prefill(slot or 0, self._states[sequence_id].prompt)
            yield from self._record([sequence_id], logits[np.newaxis])
        if plan.step:
            logits = self._engine.decode_step(self._step_rows(plan))
            slots = [self._scheduler[sequence_id].slot or 0 for sequence_id in plan.step]
            yield from self._record(plan.step, logits[slots])

    def close(self, sequence_id: int) -> None:
        """Forget a sequence and free its slot; no error if there is none."""
        self._scheduler.close(sequence_id)
        self._states.pop(sequence_id, None)
        self._ending.discard(sequence_id)

    def reap(self, now_s: float, idle_s: float) -> list[int]:
        """Forget the sequences that nobody asked for in `idle_s` seconds; return their ids."""
        idle = self._scheduler.reap(now_s, idle_s)
        for sequence_id in idle:
            self.close(sequence_id)
        return idle

    def _step_rows(self, plan: DecodeRound) -> list[StepRow]:
        """One row per slot of the span; those that do not advance keep what they have."""
        rows = []
        for slot in range(plan.span):
            sequence = self._scheduler.in_slot(slot)
            if sequence is None or not sequence.prefilled:
                rows.append(StepRow())
            else:
                rows.append(StepRow(sequence.tokens[-1], sequence.token_position, sequence.rows))
        return rows

    def _record(self, sequence_ids: Sequence[int], logits: Array) -> Iterator[tuple[int, InternalError]]:
        """Draw a token for each row of `[n, V]` logits; yield the sequences whose logits are not finite."""
        finite = np.isfinite(logits).all(axis=1)
        for sequence_id in [i for i, good in zip(sequence_ids, finite, strict=True) if not good]:
            self.close(sequence_id)
            yield sequence_id, InternalError("stage t2s computed logits that are not finite; see its checkpoint")
        good_ids = [i for i, good in zip(sequence_ids, finite, strict=True) if good]
        if not good_ids:
            return
        states = [self._states[i] for i in good_ids]
        drawn = draw(
            logits[finite],
            np.stack([state.present for state in states]),
            np.array([len(self._scheduler[i].tokens) for i in good_ids]),
            [state.prompt.sampling for state in states],
            np.stack([gumbel_noise(state.generator, self._capacity.vocabulary) for state in states]),
        )
        for sequence_id, state, token, ended in zip(good_ids, states, drawn.tokens, drawn.ended, strict=True):
            self._scheduler.record(sequence_id, int(token), bool(ended))
            state.present[token] = True
