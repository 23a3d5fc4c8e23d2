"""Continuous batching: takes calls, advances all sequences round by round, and hands out answers. No thread inside."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsv_runtime.contract import UNHEARD
from gsv_runtime.errors import InternalError
from gsv_runtime.stages import SequenceCall
from gsv_runtime.t2s.engine import DrawnSteps, Engine, SlotState
from gsv_runtime.t2s.request import Prompt, TextLimit, parse_prompt
from gsv_runtime.t2s.sampling import draw, gumbel_noise, token_generator
from gsv_runtime.t2s.scheduler import CallResult, Scheduler, StepPlan
from gsv_runtime.tensors import Arrays

Array = NDArray[Any]


class _Noise:
    """The noise of a sequence's tokens, in their order; what was made and not used is kept for its next steps."""

    def __init__(self, seed: int, vocabulary: int) -> None:
        self._generator = token_generator(seed)
        self._made: deque[Array] = deque()
        self._vocabulary = vocabulary

    def make(self, count: int) -> None:
        """Have that of so many tokens ready."""
        missing = count - len(self._made)
        if missing > 0:
            made = gumbel_noise(self._generator, missing * self._vocabulary)
            self._made.extend(made.reshape(missing, self._vocabulary))

    def rows(self, count: int) -> Array:
        """Noise of the next tokens, `[count, V]`; the same until one is used."""
        self.make(count)
        return np.stack(list(islice(self._made, count)))

    def used(self) -> None:
        """Go on by one token."""
        self._made.popleft()


class _DrawState:
    """What a sequence needs to draw tokens: its prompt until it is prefilled, its noise, the tokens it has seen."""

    def __init__(self, prompt: Prompt, vocabulary: int) -> None:
        self.prompt = prompt
        self.sampling = prompt.sampling
        self.noise = _Noise(prompt.sampling.seed, vocabulary)
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
        self._scheduler = Scheduler(
            engine.spans,
            repetition_window,
            repetition_least_distinct,
            most_joins=engine.most_joins,
            rows_cost=engine.rows_cost,
        )
        self._states: dict[int, _DrawState] = {}
        self._ending: set[int] = set()
        self._num_steps = 0

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

    @property
    def num_steps(self) -> int:
        """Decode steps taken so far."""
        return self._num_steps

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
            self._scheduler.ask(call.sequence_id, num_tokens, now_s, _is_unheard(inputs))
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
        """Run one round: prefill who joins, then a launch of tokens for everyone who may have some.

        Yields:
            Sequences that failed, with the failure; they are closed.
        """
        joins = self._scheduler.plan_joins()
        for move in joins.moves:
            self._engine.move(move.source, move.target, self._scheduler[move.sequence_id].rows)
        for sequence_id in joins.prefill:
            yield from self._prefill(sequence_id)
        plan = self._scheduler.plan_step()
        if plan.sequence_ids:
            yield from self._launch(plan)

    def close(self, sequence_id: int) -> None:
        """Forget a sequence and free its slot; no error if there is none."""
        self._scheduler.close(sequence_id)
        self._states.pop(sequence_id, None)
        self._ending.discard(sequence_id)

    def rest(self) -> None:
        """Give back memory that a next sequence gets again; none is open."""
        self._engine.rest()

    def reap(self, now_s: float, idle_s: float) -> list[int]:
        """Forget the sequences that nobody asked for in `idle_s` seconds; return their ids."""
        idle = self._scheduler.reap(now_s, idle_s)
        for sequence_id in idle:
            self.close(sequence_id)
        return idle

    def _prefill(self, sequence_id: int) -> Iterator[tuple[int, InternalError]]:
        """Write a prompt to the slot of its sequence, and draw the first token."""
        state, vocabulary = self._states[sequence_id], self._capacity.vocabulary
        logits = self._engine.prefill(self._scheduler[sequence_id].slot or 0, state.prompt)
        if not np.isfinite(logits).all():
            yield self._fail(sequence_id)
            return
        noise = state.noise.rows(1)
        drawn = draw(logits.reshape(1, vocabulary), state.present[np.newaxis], np.zeros(1), [state.sampling], noise)
        self._record(sequence_id, int(drawn.tokens[0]), bool(drawn.ended[0]))

    def _launch(self, plan: StepPlan) -> Iterator[tuple[int, InternalError]]:
        """Take steps, as many as a launch can and somebody may have; yield the sequences that failed."""
        steps = min(self._engine.most_steps, plan.most_tokens)
        slots = {self._scheduler[sequence_id].slot or 0: sequence_id for sequence_id in plan.sequence_ids}
        noise = np.zeros((steps, plan.span, self._capacity.vocabulary), dtype=np.float32)
        for slot, sequence_id in slots.items():
            noise[:, slot] = self._states[sequence_id].noise.rows(steps)
        states = [self._slot_state(slot, active=slot in slots) for slot in range(plan.span)]
        drawn = self._engine.launch(states, noise, partial(self._draw_ahead, plan.sequence_ids))
        self._num_steps += len(drawn.tokens)
        for slot, sequence_id in slots.items():
            yield from self._take(sequence_id, drawn, slot)

    def _slot_state(self, slot: int, active: bool) -> SlotState:
        """What a step needs of a slot; one that does not advance keeps what it has."""
        sequence = self._scheduler.in_slot(slot)
        if sequence is None or not sequence.prefilled:
            return SlotState()
        state = self._states[sequence.sequence_id]
        return SlotState(
            token=sequence.tokens[-1],
            token_position=sequence.token_position,
            rows=sequence.rows,
            active=active,
            num_generated=len(sequence.tokens),
            token_limit=sequence.token_limit,
            present=state.present,
            sampling=state.sampling,
        )

    def _draw_ahead(self, sequence_ids: Sequence[int]) -> None:
        """Make the noise of this launch and the next, while a device works."""
        for sequence_id in sequence_ids:
            self._states[sequence_id].noise.make(2 * self._engine.most_steps)

    def _take(self, sequence_id: int, drawn: DrawnSteps, slot: int) -> Iterator[tuple[int, InternalError]]:
        """Record what a launch drew for a sequence; what comes after its end does not count."""
        steps = np.flatnonzero(drawn.active[:, slot])
        for step in steps:
            if not drawn.finite[step, slot]:
                yield self._fail(sequence_id)
                return
            if self._record(sequence_id, int(drawn.tokens[step, slot]), bool(drawn.ended[step, slot])):
                return

    def _record(self, sequence_id: int, token: int, ended: bool) -> bool:
        """Take a token; whether the sequence is over."""
        self._scheduler.record(sequence_id, token, ended)
        state = self._states[sequence_id]
        state.present[token] = True
        state.noise.used()
        return bool(self._scheduler[sequence_id].finish_reason)

    def _fail(self, sequence_id: int) -> tuple[int, InternalError]:
        self.close(sequence_id)
        return sequence_id, InternalError("stage t2s computed logits that are not finite; see its checkpoint")


def _is_unheard(inputs: Arrays) -> bool:
    return UNHEARD.name in inputs and bool(inputs[UNHEARD.name][0])
