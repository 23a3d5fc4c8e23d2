"""One request's way to the stages: it waits for its turn, and gives up when the client has left or time is up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gsv_runtime import contract
from gsv_runtime.contract import TOKENS_PER_SECOND
from gsv_runtime.errors import Cancelled, DeadlineExceeded, InternalError
from gsv_runtime.metrics import Metrics
from gsv_runtime.settings import TtsSettings
from gsv_runtime.stages import SequenceCall, Stages
from gsv_runtime.tensors import Arrays
from gsv_runtime.tts.scheduling.playback import Playback
from gsv_runtime.tts.scheduling.turns import Turn, TurnQueue

Clock = Callable[[], float]
_SLOTS_FOR_ONE_KEPT = 6  # so that of twelve slots ten listeners still have one each
_LOOK_UP_S = 0.25  # how often one who waits for a turn looks whether it is still wanted


class PrioritySemaphore:
    """A `TurnQueue` for threads; only who gets a place is woken."""

    def __init__(self, slots: int, kept: int = 0) -> None:
        """Give out `slots`, of which `kept` only to those who have heard nothing."""
        self._queue = TurnQueue(slots, kept)
        self._lock = threading.Lock()
        self._waiting: dict[Turn, threading.Event] = {}

    def enter(self, due_s: float, check: Callable[[], None], is_unheard: bool = False) -> Turn:
        """Wait for a place, and return what `leave` wants; `check` raises to stop waiting."""
        with self._lock:
            turn = self._queue.join(due_s, is_unheard)
            if self._queue.is_running(turn):
                return turn
            has_come = self._waiting[turn] = threading.Event()
        try:
            while not has_come.wait(_LOOK_UP_S):
                check()
        except BaseException:
            self.leave(turn)
            raise
        return turn

    def leave(self, turn: Turn) -> None:
        """Give a place back, or the wait for one up."""
        with self._lock:
            self._waiting.pop(turn, None)
            self._queue.leave(turn)
            for other in [other for other in self._waiting if self._queue.is_running(other)]:
                self._waiting.pop(other).set()


class RequestGuard:
    """Whether a request is still worth working for."""

    def __init__(self, is_cancelled: Callable[[], bool], deadline_s: float, clock: Clock) -> None:
        """Watch a client; `deadline_s` is a time of `clock`."""
        self._is_cancelled = is_cancelled
        self._deadline_s = deadline_s
        self._clock = clock

    def check(self) -> None:
        """Return if it is.

        Raises:
            Cancelled: the client has left.
            DeadlineExceeded: the request's deadline has passed.
        """
        if self._is_cancelled():
            raise Cancelled()
        if self._clock() > self._deadline_s:
            raise DeadlineExceeded("the request's deadline_s has passed; send less text, or allow more time")


class PacedStages:
    """`Stages` that are called in turn. A sequence of `t2s` keeps its place from its first call to its last."""

    def __init__(
        self,
        stages: Stages,
        semaphores: Mapping[str, PrioritySemaphore],
        guard: RequestGuard,
        playback: Playback,
        metrics: Metrics,
        clock: Clock = time.monotonic,
    ) -> None:
        """Pace `stages`.

        Args:
            stages: that do the work.
            semaphores: by model name; a model without one is called at once.
            guard: asked before every call.
            playback: says when the work is due; its tokens are counted here.
            metrics: told of waits and calls.
            clock: of seconds.
        """
        self._stages = stages
        self._turnstiles = semaphores
        self._guard = guard
        self._playback = playback
        self._metrics = metrics
        self._clock = clock
        self._sequences: dict[int, Turn] = {}

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Run one stage when its turn has come; see `Stages.call`.

        Raises:
            SynthesisError: what the stage raised.
            Cancelled: the client has left; a call that ends a sequence is made all the same.
            DeadlineExceeded: the request's deadline has passed; likewise.
        """
        if sequence is not None:
            return self._call_sequence(model, sequence, inputs)
        self._guard.check()
        with self._turn(model, self._playback.audio_due_s()):
            return self._timed(model, None, inputs)

    def new_sequence_id(self) -> int:
        """An id that no other running sequence has."""
        return self._stages.new_sequence_id()

    def take_times_ms(self) -> dict[str, float]:
        """Milliseconds spent in each stage since this was last asked, without the waits."""
        return self._stages.take_times_ms()

    def _call_sequence(self, model: contract.Model, sequence: SequenceCall, inputs: dict[str, Any]) -> Arrays:
        if sequence.end:
            return self._end_sequence(model, sequence, inputs)
        self._guard.check()
        if sequence.start:
            turn = self._enter(model, self._playback.tokens_due_s())
            if turn is not None:
                self._sequences[sequence.sequence_id] = turn
        if self._playback.awaits_first_tokens:
            inputs = inputs | {contract.UNHEARD.name: [True]}
        answer = self._timed(model, sequence, inputs)
        self._playback.tokens_audio_s += answer["semantic_tokens"].size / TOKENS_PER_SECOND
        return answer

    def _end_sequence(self, model: contract.Model, sequence: SequenceCall, inputs: dict[str, Any]) -> Arrays:
        semaphore = self._turnstiles.get(model.name)
        turn = self._sequences.pop(sequence.sequence_id, None)
        if semaphore is not None and turn is None:
            raise InternalError(f"sequence of {model.name} was not started; there is nothing to end")
        try:
            return self._timed(model, sequence, inputs)
        finally:
            if semaphore is not None and turn is not None:
                semaphore.leave(turn)

    @contextmanager
    def _turn(self, model: contract.Model, due_s: float) -> Iterator[None]:
        turn = self._enter(model, due_s)
        try:
            yield
        finally:
            if turn is not None:
                self._turnstiles[model.name].leave(turn)

    def _enter(self, model: contract.Model, due_s: float) -> Turn | None:
        semaphore = self._turnstiles.get(model.name)
        if semaphore is None:
            return None
        began_s = self._clock()
        turn = semaphore.enter(due_s, self._guard.check, self._playback.is_unheard)
        self._metrics.observe("gsv_queue_wait_seconds", self._clock() - began_s, stage=model.name)
        return turn

    def _timed(self, model: contract.Model, sequence: SequenceCall | None, inputs: dict[str, Any]) -> Arrays:
        began_s = self._clock()
        try:
            return self._stages.call(model, sequence=sequence, **inputs)
        finally:
            self._metrics.observe("gsv_stage_seconds", self._clock() - began_s, stage=model.name)


def stage_semaphores(settings: TtsSettings) -> Mapping[str, PrioritySemaphore]:
    """Places at the stages that are worth waiting for, by model name."""
    stages = (contract.TEXT_FRONTEND, *(model for model in contract.MODELS if model.graph))
    return {
        contract.T2S.name: PrioritySemaphore(settings.t2s_slots, settings.t2s_slots // _SLOTS_FOR_ONE_KEPT),
        **{model.name: PrioritySemaphore(settings.stage_slots) for model in stages},
    }
