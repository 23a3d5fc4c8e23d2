"""Decoders of several fine-tunes as one: each has its own engine, cache and batches, and one thread turns all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gsv_runtime.contract import DROP_INPUT, WEIGHTS_INPUT
from gsv_runtime.errors import InternalError, InvalidRequest
from gsv_runtime.graphs.resident import ResidentWeights
from gsv_runtime.stages import SequenceCall
from gsv_runtime.t2s.decoder import Decoder
from gsv_runtime.t2s.scheduler import CallResult
from gsv_runtime.tensors import Arrays

_REST_AFTER_S = 5.0  # without a sequence: the next pays some milliseconds for its memory


class NotOpen(Exception):
    """The weights that a sequence is to begin with are not open; `Decoders.when_open` says when they are."""

    def __init__(self, weights: int) -> None:
        super().__init__(weights)
        self.weights = weights


class Decoders:
    """`Decoder` for sequences of different fine-tunes. All methods but `when_open` belong to one thread."""

    def __init__(self, resident: ResidentWeights[Decoder]) -> None:
        """Decode with the weights that are open."""
        self._resident = resident
        self._of: dict[int, Decoder] = {}  # open sequences
        self._used: dict[int, Decoder] = {}  # by id of the decoder, those with open sequences
        self._tokens_before = self._steps_before = 0  # of decoders that are gone
        self._known: dict[int, Decoder] = {}
        self._idle_since_s: dict[int, float] = {}  # by id of the decoder; those that rest stay infinitely so

    @property
    def sequence_ids(self) -> tuple[int, ...]:
        """Sequences that are open."""
        return tuple(self._of)

    @property
    def has_work(self) -> bool:
        """Whether `advance` would do anything."""
        return any(decoder.has_work for decoder in self._decoders())

    @property
    def slots_in_use(self) -> int:
        """Slots of all caches that are held."""
        return sum(decoder.slots_in_use for decoder in self._decoders())

    @property
    def num_tokens(self) -> int:
        """Tokens drawn so far for all sequences."""
        return self._tokens_before + sum(decoder.num_tokens for decoder in self._known.values())

    @property
    def num_steps(self) -> int:
        """Decode steps taken so far."""
        return self._steps_before + sum(decoder.num_steps for decoder in self._known.values())

    def when_open(self, weights: int, then: Callable[[Decoder | Exception], None]) -> None:
        """Call `then` when weights are open, or with why they cannot be; from any thread."""
        self._resident.when_open(weights, then)

    def take_call(self, call: SequenceCall, inputs: Arrays, now_s: float) -> None:
        """Take one call of a sequence; see `Decoder.take_call`.

        Raises:
            NotOpen: it is a first call, and its weights are not open.
            InvalidRequest: the prompt is at fault, or the sequence is not running.
        """
        if DROP_INPUT in inputs:
            self._forget(self._resident.drop(int(inputs[DROP_INPUT][0])))
        if call.start:
            weights = int(inputs[WEIGHTS_INPUT][0]) if WEIGHTS_INPUT in inputs else 0
            decoder = self._resident.find(weights)
            if decoder is None:
                raise NotOpen(weights)
            self.close(call.sequence_id)
            decoder.take_call(call, inputs, now_s)
            self._known[id(decoder)] = self._used[id(decoder)] = decoder
            self._idle_since_s.pop(id(decoder), None)
            self._of[call.sequence_id] = decoder
            return
        if call.sequence_id not in self._of:
            raise InvalidRequest("sequence is not running; begin a new one")
        self._of[call.sequence_id].take_call(call, inputs, now_s)

    def answers(self, now_s: float) -> Iterator[CallResult]:
        """Yield the calls that are complete; a sequence whose last call this was is closed."""
        for decoder in self._decoders():
            for answer in decoder.answers(now_s):
                if answer.sequence_id not in decoder.sequence_ids:
                    self._closed(answer.sequence_id)
                yield answer

    def advance(self) -> Iterator[tuple[int, InternalError]]:
        """Run one round of each decoder that has work; see `Decoder.advance`."""
        for decoder in self._decoders():
            if decoder.has_work:
                for sequence_id, failure in decoder.advance():
                    self._closed(sequence_id)
                    yield sequence_id, failure

    def close(self, sequence_id: int) -> None:
        """Forget a sequence and free its slot; no error if there is none."""
        decoder = self._of.get(sequence_id)
        if decoder is not None:
            decoder.close(sequence_id)
            self._closed(sequence_id)

    def reap(self, now_s: float, idle_s: float) -> list[int]:
        """Forget the sequences that nobody asked for in `idle_s` seconds; return their ids.

        Decoders without a sequence give their memory back, or each fine-tune would keep what its busiest moment took.
        """
        reaped = [each for decoder in self._decoders() for each in decoder.reap(now_s, idle_s)]
        for sequence_id in reaped:
            self._closed(sequence_id)
        for key in self._known.keys() - self._used.keys():
            if now_s - self._idle_since_s.setdefault(key, now_s) > _REST_AFTER_S:
                self._known[key].rest()
                self._idle_since_s[key] = float("inf")
        return reaped

    def _decoders(self) -> list[Decoder]:
        return list(self._used.values())

    def _closed(self, sequence_id: int) -> None:
        decoder = self._of.pop(sequence_id, None)
        if decoder is not None and not decoder.sequence_ids:
            del self._used[id(decoder)]

    def _forget(self, decoder: Decoder | None) -> None:
        """Count a dropped decoder's tokens and steps one last time; it goes when its sequences have ended."""
        if decoder is not None and self._known.pop(id(decoder), None) is not None:
            self._idle_since_s.pop(id(decoder), None)
            self._tokens_before += decoder.num_tokens
            self._steps_before += decoder.num_steps
