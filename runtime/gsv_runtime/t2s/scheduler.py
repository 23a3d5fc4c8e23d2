"""Which sequences advance, are prefilled, wait, stop or are forgotten. Pure: no tensor, clock, thread or file.

A sequence is asked for tokens call by call. Asked sequences drive the rounds; one that is between two calls rides
along, up to one call ahead, because a row of a batch costs little and its caller is about to ask. Joining is bounded:
at most one prefill stands between two decode steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from gsv_runtime.contract import EOS, LIMIT, REPETITION
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.t2s.repetition import RepetitionWatchdog
from gsv_runtime.t2s.slots import Move, SlotTable

UNFINISHED = ""


@dataclass(frozen=True)
class DecodeRound:
    """What the engine does next, in this order."""

    moves: tuple[Move, ...]
    prefill: tuple[int, ...]  # sequence ids; their slots are taken
    step: tuple[int, ...]  # sequence ids that get one token each
    span: int  # the step runs slots 0 to span - 1


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
    def may_advance(self) -> bool:
        """Whether it may get one more token: its call lacks one, or it is not too far ahead."""
        allowed = self.num_delivered + (self.num_asked or 0) + self.ahead
        return self.prefilled and self.finish_reason == UNFINISHED and len(self.tokens) < allowed

    @property
    def _is_answerable(self) -> bool:
        return self.finish_reason != UNFINISHED or len(self.tokens) - self.num_delivered >= (self.num_asked or 0)

    def take_answer(self) -> CallResult | None:
        """The answer to the open call if it is complete; then the call is closed."""
        if self.num_asked is None or not self._is_answerable:
            return None
        tokens = self.tokens[self.num_delivered : self.num_delivered + self.num_asked]
        self.num_delivered += len(tokens)
        self.num_asked = None
        exhausted = self.num_delivered == len(self.tokens)
        return CallResult(self.sequence_id, tuple(tokens), self.finish_reason if exhausted else UNFINISHED)


class Scheduler:
    """Sequences from their first call to their last."""

    def __init__(
        self, num_slots: int, repetition_window: int, repetition_least_distinct: int, fixed_span: bool = False
    ) -> None:
        """Serve.

        Args:
            num_slots: at once.
            repetition_window: of `RepetitionWatchdog`.
            repetition_least_distinct: likewise.
            fixed_span: whether every step runs all slots, so that holes cost nothing and nobody is moved.
        """
        self._slots = SlotTable(num_slots)
        self._num_slots = num_slots
        self._fixed_span = fixed_span
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

    def ask(self, sequence_id: int, num_tokens: int, now_s: float) -> None:
        """Take a call for the next `num_tokens`.

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

    def plan(self) -> DecodeRound:
        """Decide the next round: admit the sequence that has waited longest, close holes, step those that run."""
        running = self._running()
        admitted = self._joining()
        for sequence in admitted:
            sequence.slot = self._slots.take(sequence.sequence_id)
        moves = () if self._fixed_span else tuple(self._close_holes())
        step = tuple(s.sequence_id for s in running) if any(s.is_wanted for s in running) else ()
        span = 1 + max((self._sequences[i].slot or 0 for i in step), default=-1)
        if self._fixed_span and step:
            span = self._num_slots
        return DecodeRound(moves, tuple(s.sequence_id for s in admitted), step, span)

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

    def _joining(self) -> list[Sequence]:
        """The one that may be prefilled next, if there is one and a slot for it."""
        waiting = (s for s in self._sequences.values() if s.slot is None and not s.prefilled and s.is_wanted)
        return [sequence for sequence in (next(waiting, None),) if sequence is not None and self._slots.num_free]

    def _close_holes(self) -> Iterator[Move]:
        while (move := self._slots.close_hole()) is not None:
            moved = self.in_slot(move.target)
            if moved is not None:
                moved.slot = move.target
            yield move

    def _free_slot(self, sequence: Sequence) -> None:
        if sequence.slot is not None:
            self._slots.release(sequence.slot)
            sequence.slot = None
