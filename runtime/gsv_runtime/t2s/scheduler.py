"""Which sequences advance, are prefilled, wait, stop or are forgotten. Pure: no tensor, clock, thread or file.

A sequence is asked for tokens call by call. Asked sequences drive the rounds; one that is between two calls rides
along, up to one call ahead, because a row of a batch costs little and its caller is about to ask. Joining is bounded:
as many prefills as steps stand between two launches.

Where a step of few rows is faster, sequences whose listeners have heard nothing get three rounds of four alone
(docs/decisions/0038-rounds-for-who-has-heard-nothing.md). They are prefilled first, three times before one who waits
longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Numbers
from dataclasses import dataclass, field

from gsv_runtime.contract import EOS, LIMIT, REPETITION
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.t2s.repetition import RepetitionWatchdog
from gsv_runtime.t2s.slots import Move, SlotTable

UNFINISHED = ""
_MOST_ROUNDS_ALONE = 3  # then comes one for all
_MOST_PASSED = 3  # rounds in which newcomers are prefilled before one who came earlier


@dataclass(frozen=True)
class JoinPlan:
    """What the engine does first in a round, in this order."""

    moves: tuple[Move, ...]
    prefill: tuple[int, ...]  # sequence ids; their slots are taken


@dataclass(frozen=True)
class StepPlan:
    """What the engine does then."""

    sequence_ids: tuple[int, ...]  # that get tokens
    span: int  # slots 0 to span - 1 are run
    most_tokens: int  # that any of them may get


@dataclass(frozen=True)
class CallResult:
    """The answer to one call."""

    sequence_id: int
    tokens: tuple[int, ...]
    finish_reason: str


@dataclass
class Sequence:
    """One sentence in the making."""

    sequence_id: int
    prompt_rows: int  # cache rows that prefill fills
    num_prompt_tokens: int
    max_tokens: int
    watchdog: RepetitionWatchdog
    last_active_s: float
    slot: int | None = None
    prefilled: bool = False
    tokens: list[int] = field(default_factory=list)
    num_delivered: int = 0
    num_asked: int | None = None  # tokens of the call that is open
    is_unheard: bool = False  # by that call: its listener has heard nothing yet
    ahead: int = 0  # tokens of the call before: how far it may run ahead of the next
    finish_reason: str = UNFINISHED

    @property
    def rows(self) -> int:
        """Cache rows written: the prompt's, and every token's but the last, which the next step writes."""
        return self.prompt_rows + len(self.tokens) - 1 if self.prefilled else 0

    @property
    def token_position(self) -> int:
        """Position of the token that the next step writes."""
        return self.num_prompt_tokens + len(self.tokens) - 1

    @property
    def is_wanted(self) -> bool:
        """Whether a call is open that has not got its tokens."""
        return self.num_asked is not None and not self._is_answerable

    @property
    def token_limit(self) -> int:
        """Tokens that it may have by now: those that its calls asked for, and not too many ahead."""
        return min(self.max_tokens, self.num_delivered + (self.num_asked or 0) + self.ahead)

    @property
    def may_advance(self) -> bool:
        """Whether it may get one more token."""
        return self.prefilled and self.finish_reason == UNFINISHED and len(self.tokens) < self.token_limit

    @property
    def _is_answerable(self) -> bool:
        return self.finish_reason != UNFINISHED or len(self.tokens) - self.num_delivered >= (self.num_asked or 0)

    def take_answer(self) -> CallResult | None:
        """The answer to the open call if it is complete; then the call is closed."""
        if self.num_asked is None or not self._is_answerable:
            return None
        num_asked, self.num_asked = self.num_asked, None
        tokens = self.tokens[self.num_delivered : self.num_delivered + num_asked]
        self.num_delivered += len(tokens)
        return CallResult(self.sequence_id, tuple(tokens), self._reason_told(len(tokens) < num_asked))

    def _reason_told(self, is_short: bool) -> str:
        """Why it ended, for an answer that is shorter than asked or not.

        EOS is drawn a step after the last token. An answer that has all that was asked for does not tell of it, even if
        that step was taken already: else what callers see, and so what they do, would depend on how far it ran ahead.
        """
        if self.num_delivered < len(self.tokens) or (self.finish_reason == EOS and not is_short):
            return UNFINISHED
        return self.finish_reason


class Scheduler:
    """Sequences from their first call to their last."""

    def __init__(
        self,
        spans: Numbers[int],
        repetition_window: int,
        repetition_least_distinct: int,
        most_joins: int = 1,
        rows_cost: bool = False,
    ) -> None:
        """Serve.

        Args:
            spans: numbers of slots that a step can run, counted from the first one; they ascend to all.
            repetition_window: of `RepetitionWatchdog`.
            repetition_least_distinct: likewise.
            most_joins: prefills of one round.
            rows_cost: whether a step of few rows takes clearly less time than one of all.
        """
        self._slots = SlotTable(spans[-1])
        self._spans = spans
        self._most_joins = most_joins
        self._rows_cost = rows_cost
        self._rounds_alone = 0  # since the last round for all
        self._rounds_passed = 0  # in which who has waited longest was not prefilled
        self._sequences: dict[int, Sequence] = {}  # in order of arrival
        self._watchdog = (repetition_window, repetition_least_distinct)
        self._num_tokens = 0

    def __contains__(self, sequence_id: int) -> bool:
        return sequence_id in self._sequences

    def __getitem__(self, sequence_id: int) -> Sequence:
        return self._sequences[sequence_id]

    @property
    def sequence_ids(self) -> tuple[int, ...]:
        """Those that are open, in order of arrival."""
        return tuple(self._sequences)

    @property
    def has_work(self) -> bool:
        """Whether the next round would do anything."""
        return any(sequence.is_wanted for sequence in self._running()) or bool(self._joining())

    @property
    def slots_in_use(self) -> int:
        """Slots held."""
        return sum(sequence.slot is not None for sequence in self._sequences.values())

    @property
    def num_tokens(self) -> int:
        """Tokens drawn so far for all sequences, EOS left out."""
        return self._num_tokens

    def open(self, sequence_id: int, prompt_rows: int, num_prompt_tokens: int, max_tokens: int, now_s: float) -> None:
        """Begin a sequence; one of the same id ends."""
        self.close(sequence_id)
        watchdog = RepetitionWatchdog(*self._watchdog)
        self._sequences[sequence_id] = Sequence(
            sequence_id, prompt_rows, num_prompt_tokens, max_tokens, watchdog, now_s
        )

    def ask(self, sequence_id: int, num_tokens: int, now_s: float, is_unheard: bool = False) -> None:
        """Take a call for the next `num_tokens`; `is_unheard` says that its listener has heard nothing yet.

        Raises:
            InvalidRequest: the sequence is unknown, still has an open call, or the number is negative.
        """
        sequence = self._sequences.get(sequence_id)
        if sequence is None:
            raise InvalidRequest("sequence is not running; it ended or was idle too long; start a new one")
        if sequence.num_asked is not None:
            raise InvalidRequest("sequence has an unanswered call; wait for its answer")
        if num_tokens < 0:
            raise InvalidRequest(f"max_new_tokens is {num_tokens}; need 0 or more")
        sequence.num_asked = sequence.ahead = num_tokens
        sequence.is_unheard = is_unheard
        sequence.last_active_s = now_s

    def close(self, sequence_id: int) -> None:
        """Forget a sequence and free its slot; no error if there is none."""
        sequence = self._sequences.pop(sequence_id, None)
        if sequence is not None:
            self._free_slot(sequence)

    def reap(self, now_s: float, idle_s: float) -> list[int]:
        """Forget the sequences that were answered and not asked for again in `idle_s` seconds; return their ids."""
        idle = [
            sequence.sequence_id
            for sequence in self._sequences.values()
            if sequence.num_asked is None and now_s - sequence.last_active_s > idle_s
        ]
        for sequence_id in idle:
            self.close(sequence_id)
        return idle

    def plan_joins(self) -> JoinPlan:
        """Begin a round: admit the sequences that have waited longest, and close holes where fewer slots then run."""
        first, admitted = next(self._waiting(), None), self._joining()
        self._rounds_passed = self._rounds_passed + 1 if admitted and first not in admitted else 0
        moves = [move for sequence in admitted for move in self._give_slot(sequence)]
        return JoinPlan((*moves, *self._close_holes()), tuple(s.sequence_id for s in admitted))

    def plan_step(self) -> StepPlan:
        """Decide who gets tokens, once those who joined have their first one."""
        running = self._stepping()
        if not any(sequence.is_wanted for sequence in running):
            return StepPlan((), 0, 0)
        return StepPlan(
            sequence_ids=tuple(sequence.sequence_id for sequence in running),
            span=self._span_of(1 + max(sequence.slot or 0 for sequence in running)),
            most_tokens=max(sequence.token_limit - len(sequence.tokens) for sequence in running),
        )

    def record(self, sequence_id: int, token: int, ended: bool) -> None:
        """Take what was drawn for a sequence, by prefill or by a step; one that finishes gives its slot back."""
        sequence = self._sequences[sequence_id]
        sequence.prefilled = True
        if ended:
            sequence.finish_reason = EOS
        else:
            sequence.tokens.append(token)
            self._num_tokens += 1
            if sequence.watchdog.repeats(token):
                sequence.finish_reason = REPETITION
            elif len(sequence.tokens) >= sequence.max_tokens:
                sequence.finish_reason = LIMIT
        if sequence.finish_reason != UNFINISHED:
            self._free_slot(sequence)

    def answers(self, now_s: float) -> Iterator[CallResult]:
        """Yield the calls that are complete, each once."""
        for sequence in list(self._sequences.values()):
            answer = sequence.take_answer()
            if answer is not None:
                sequence.last_active_s = now_s
                yield answer

    def in_slot(self, slot: int) -> Sequence | None:
        """The sequence that holds `slot`."""
        sequence_id = self._slots.holder(slot)
        return None if sequence_id is None else self._sequences[sequence_id]

    def _running(self) -> list[Sequence]:
        return [sequence for sequence in self._sequences.values() if sequence.may_advance]

    def _waiting(self) -> Iterator[Sequence]:
        """Those that wait for a prefill, in order of arrival."""
        return (s for s in self._sequences.values() if s.slot is None and not s.prefilled and s.is_wanted)

    def _joining(self) -> list[Sequence]:
        """Those that may be prefilled next, as far as there are slots for them.

        Who has heard nothing goes first, but not for ever: newcomers that never end would silence a stream.
        """
        waiting = list(self._waiting())
        if self._rounds_passed < _MOST_PASSED:
            waiting.sort(key=lambda sequence: not sequence.is_unheard)
        return waiting[: min(self._most_joins, self._slots.num_free)]

    def _stepping(self) -> list[Sequence]:
        """Those that get tokens next: all that may, or for some rounds only those whose listeners heard nothing."""
        running = self._running()
        unheard = [sequence for sequence in running if sequence.is_unheard and sequence.is_wanted]
        if not self._rows_cost or not 0 < len(unheard) < len(running) or self._rounds_alone == _MOST_ROUNDS_ALONE:
            self._rounds_alone = 0
            return running
        self._rounds_alone += 1
        return unheard

    def _give_slot(self, sequence: Sequence) -> Iterator[Move]:
        """Let it have the lowest free slot, or where rounds may be its alone, one of the first, which run in them."""
        if self._rows_cost and sequence.is_unheard:
            move = self._slots.make_room([each.sequence_id for each in self._sequences.values() if each.is_unheard])
            if move is not None:
                yield self._moved(move)
        sequence.slot = self._slots.take(sequence.sequence_id)

    def _span_of(self, num_slots: int) -> int:
        """The least number of slots that a step can run and that reaches so far."""
        return next((span for span in self._spans if span >= num_slots), self._spans[-1])

    def _close_holes(self) -> Iterator[Move]:
        while self._span_of(self._slots.span) > self._span_of(self.slots_in_use):
            move = self._slots.close_hole()
            if move is None:
                return
            yield self._moved(move)

    def _moved(self, move: Move) -> Move:
        self._sequences[move.sequence_id].slot = move.target
        return move

    def _free_slot(self, sequence: Sequence) -> None:
        if sequence.slot is not None:
            self._slots.release(sequence.slot)
            sequence.slot = None
