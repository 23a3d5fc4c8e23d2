"""Answers `t2s` calls from one thread that runs all sequences together; a call is answered when its tokens are there.

Calls come from any thread. A call that arrives while others are being decoded joins at the next round, so that no
sequence waits for another one's whole call.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gsv_runtime.errors import InternalError
from gsv_runtime.metrics import Metrics, NoMetrics
from gsv_runtime.stages import SequenceCall
from gsv_runtime.t2s.decoder import Decoder
from gsv_runtime.t2s.decoders import Decoders, NotOpen
from gsv_runtime.t2s.scheduler import CallResult
from gsv_runtime.tensors import Arrays

logger = logging.getLogger("gsv.t2s")

Reply = Callable[[Arrays | Exception], None]


class Sequences(Protocol):
    """What is known of sequences outside of this process."""

    def is_orphan(self, sequence_id: int) -> bool:
        """Whether nobody will ever ask for it again."""
        ...

    def end(self, sequence_id: int) -> None:
        """End it where calls are queued; return at once."""
        ...


class OrphanCheck:
    """Sequences whose callers live."""

    def is_orphan(self, sequence_id: int) -> bool:
        """Never."""
        return False

    def end(self, sequence_id: int) -> None:
        """Nothing to end."""


_REAP_EVERY_S = 1.0
_LOOK_FOR_ORPHANS_EVERY_S = 0.5
_COUNT_EVERY_S = 0.25


@dataclass(frozen=True)
class _Call:
    sequence: SequenceCall
    inputs: Arrays
    reply: Reply


class T2SService:
    """A decoder and the thread that turns it."""

    def __init__(
        self,
        decoder: Decoder | Decoders,
        idle_s: float,
        clock: Callable[[], float] = time.monotonic,
        metrics: Metrics | None = None,
        sequences: Sequences | None = None,
    ) -> None:
        """Serve; sequences that are not asked for in `idle_s` seconds are forgotten, orphans within a second."""
        self._figures = _Figures(decoder, metrics or NoMetrics(), clock)
        self._decoder = decoder
        self._idle_s = idle_s
        self._clock = clock
        self._sequences = sequences or OrphanCheck()
        self._looked_s = clock()
        self._inbox: deque[_Call] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._replies: dict[int, Reply] = {}  # of the open calls, by sequence
        self._thread = threading.Thread(target=self._run, name="t2s", daemon=True)
        self._thread.start()

    def submit(self, sequence: SequenceCall, inputs: Arrays, reply: Reply) -> None:
        """Take a call.

        Args:
            sequence: which sequence, and whether this is its first or last call.
            inputs: decoded tensors of contract.T2S.
            reply: called once, from the service's thread, with the outputs of contract.T2S or with the failure.
        """
        with self._changed:
            if not self._closed:
                self._inbox.append(_Call(sequence, inputs, reply))
                self._changed.notify()
                return
        reply(InternalError("stage t2s is shutting down"))

    def close(self) -> None:
        """Stop the thread; calls that are open fail."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (calls := self._next_calls()) is not None:
            for call in calls:
                self._take(call)
            self._answer()
            try:
                failures = list(self._decoder.advance())
            except Exception:
                logger.exception("round failed sequences=%d", len(self._replies))
                failures = [
                    (each, InternalError("stage t2s failed; the server's log has the cause")) for each in self._replies
                ]
            for sequence_id, failure in failures:
                self._fail(sequence_id, failure)
            self._answer()
            self._figures.count(self._reap())
        self._figures.tell()
        for sequence_id in list(self._replies):
            self._fail(sequence_id, InternalError("stage t2s is shutting down"))

    def _reap(self) -> int:
        """Forget what nobody asks for any more; return how many that were."""
        reaped = self._decoder.reap(self._clock(), self._idle_s)
        for sequence_id in reaped:
            logger.info("sequence reaped sequence=%d idle_s=%.0f", sequence_id, self._idle_s)
        if self._clock() - self._looked_s < _LOOK_FOR_ORPHANS_EVERY_S:
            return len(reaped)
        self._looked_s = self._clock()
        orphans = [each for each in self._decoder.sequence_ids if self._sequences.is_orphan(each)]
        for sequence_id in orphans:
            logger.warning("sequence reaped, its caller has died sequence=%d", sequence_id)
            self._fail(sequence_id, InternalError("the caller of this sequence has died"))
            self._sequences.end(sequence_id)
        return len(reaped) + len(orphans)

    def _next_calls(self) -> list[_Call] | None:
        """Calls that have come; wait for one if there is nothing else to do. None when closed."""
        with self._changed:
            if not self._inbox and not self._closed and not self._decoder.has_work:
                self._figures.tell()
                self._changed.wait(_REAP_EVERY_S)
            calls = list(self._inbox)
            self._inbox.clear()
            return None if self._closed and not calls else calls

    def _take(self, call: _Call) -> None:
        sequence_id = call.sequence.sequence_id
        if call.sequence.start and sequence_id in self._replies:
            self._fail(sequence_id, InternalError("sequence was started again; use another id"))
        if call.sequence.end and not call.sequence.start and int(call.inputs["max_new_tokens"][0]) == 0:
            self._end(call)
            return
        try:
            self._decoder.take_call(call.sequence, call.inputs, self._clock())
        except NotOpen as missing:
            self._take_when_open(missing.weights, call)
        except Exception as failure:
            call.reply(failure)
        else:
            self._replies[sequence_id] = call.reply

    def _take_when_open(self, weights: int, call: _Call) -> None:
        """Take a call again when its weights are open; the sequences of others go on meanwhile."""
        assert isinstance(self._decoder, Decoders)

        def opened(outcome: Decoder | Exception) -> None:
            if isinstance(outcome, Exception):
                call.reply(outcome)
            else:
                self.submit(call.sequence, call.inputs, call.reply)

        self._decoder.when_open(weights, opened)

    def _end(self, call: _Call) -> None:
        """Close a sequence that nothing more is wanted of; one that is gone already is no error."""
        sequence_id = call.sequence.sequence_id
        if sequence_id in self._replies:
            self._fail(sequence_id, InternalError("sequence was ended while a call was open"))
        self._decoder.close(sequence_id)
        call.reply(_outputs(CallResult(sequence_id, (), "")))

    def _answer(self) -> None:
        for answer in self._decoder.answers(self._clock()):
            self._replies.pop(answer.sequence_id)(_outputs(answer))

    def _fail(self, sequence_id: int, failure: Exception) -> None:
        self._decoder.close(sequence_id)
        reply = self._replies.pop(sequence_id, None)
        if reply is not None:
            reply(failure)


class _Figures:
    """Tells metrics of the decoder's work, now and then: a round is too short to tell of each."""

    def __init__(self, decoder: Decoder | Decoders, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._decoder = decoder
        self._metrics = metrics
        self._clock = clock
        self._told_s = clock()
        self._tokens, self._steps = decoder.num_tokens, decoder.num_steps  # when last looked at
        self._new = {"gsv_t2s_tokens_total": 0, "gsv_t2s_rounds_total": 0, "gsv_t2s_reaped_total": 0}
        self._slots_told = -1

    def count(self, reaped: int) -> None:
        """Take note of one round."""
        tokens, steps = self._decoder.num_tokens, self._decoder.num_steps
        self._new["gsv_t2s_tokens_total"] += tokens - self._tokens
        self._new["gsv_t2s_rounds_total"] += steps - self._steps
        self._tokens, self._steps = tokens, steps
        self._new["gsv_t2s_reaped_total"] += reaped
        if self._clock() - self._told_s >= _COUNT_EVERY_S:
            self.tell()

    def tell(self) -> None:
        """Tell what was not told yet."""
        self._told_s = self._clock()
        for name, value in self._new.items():
            if value:
                self._metrics.add(name, value)
            self._new[name] = 0
        if self._slots_told != self._decoder.slots_in_use:
            self._slots_told = self._decoder.slots_in_use
            self._metrics.set("gsv_t2s_slots_in_use", self._slots_told)


def _outputs(answer: CallResult) -> Arrays:
    """Outputs of contract.T2S."""
    return {
        "semantic_tokens": np.array(answer.tokens, dtype=np.int64),
        "finish_reason": np.array([answer.finish_reason], dtype=np.object_),
    }
