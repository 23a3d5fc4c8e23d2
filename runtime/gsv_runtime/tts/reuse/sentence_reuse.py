"""Sentences that were spoken before, or are being spoken for somebody else: `pipeline.Reuse` over the cache.

A sentence's audio is looked for by whoever leads its flight; those who want the same sentence meanwhile get its pieces
as they come. Every piece of a sentence is of one take: who goes on after a leader that left uses its seed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from gsv_runtime import reuse_policy as policy
from gsv_runtime.cache.entry import Entry, Fact, Key
from gsv_runtime.cache.tiers import Cache
from gsv_runtime.errors import Cancelled
from gsv_runtime.metrics import Metrics
from gsv_runtime.speech_request import SpeechRequest
from gsv_runtime.tensors import Array
from gsv_runtime.text.sentences import Sentence
from gsv_runtime.tts.reuse.keys import ANY_SEED, Fingerprints, Manner, audio_key, tokens_key
from gsv_runtime.tts.reuse.single_flight import Abandoned, Flight, Flights
from gsv_runtime.tts.synthesis.chunking import ChunkSchedule
from gsv_runtime.tts.synthesis.pieces import JOINED, AudioPiece, Compute, Piece, Spoken, TokenPiece, spoken_speed
from gsv_runtime.voices.store import Voice


@dataclass(frozen=True)
class AudioBit:
    """A piece of a sentence, as its leader publishes it."""

    waveform: Array  # [N] float32
    finish_reason: str  # of the sentence, if it ends here


class Takes:
    """What all requests share."""

    def __init__(self, cache: Cache, fingerprints: Fingerprints, metrics: Metrics) -> None:
        self.cache = cache
        self.fingerprints = fingerprints
        self.metrics = metrics
        self.flights: Flights[AudioBit] = Flights()


class RequestTakes:
    """`pipeline.Reuse` for one request."""

    def __init__(
        self, shared: Takes, request: SpeechRequest, voice: Voice, grid: ChunkSchedule, check: Callable[[], None]
    ) -> None:
        """Look for this request.

        Args:
            shared: of the server.
            request: says what may be reused.
            voice: who speaks.
            grid: where its audio is cut.
            check: raises when the request is not worth waiting any longer.
        """
        self._shared = shared
        self._request = request
        self._voice = voice
        self._grid = grid
        self._check = check
        self._lock = threading.Lock()
        self._led: set[Flight[AudioBit]] = set()
        self.saved_s = 0.0
        self._closed = False

    def pieces(self, spoken: Spoken, compute: Compute) -> Iterator[Piece]:
        """A sentence's pieces: kept audio, another request's, or computed and kept; see `pipeline.Reuse`."""
        if policy.allows(self._request.cache, policy.AUDIO):
            yield from self._audio(spoken, compute)
        elif policy.allows(self._request.cache, policy.TOKENS):
            yield from self._tokens(spoken, compute, None)
        else:
            yield from compute(spoken)

    def close(self) -> None:
        """Leaves every flight that it leads to others, and waits for none."""
        with self._lock:
            self._closed, led = True, list(self._led)
        for flight in led:
            flight.abandon()

    def _audio(self, spoken: Spoken, compute: Compute) -> Iterator[Piece]:
        key = audio_key(*self._identity(spoken))
        sent, failures = 0, 0
        while True:
            flight, leads = self._shared.flights.join(key, spoken.seed, failures)
            if leads:
                yield from self._lead(flight, key, spoken, sent, compute)
                return
            try:
                for bit in flight.follow(sent, self._check_wanted):
                    if sent and flight.seed != spoken.seed:  # another take: go on alone with the one begun
                        yield from _with(AloneAfter(sent), compute(spoken))
                        return
                    spoken, sent = replace(spoken, seed=flight.seed), sent + 1
                    yield AudioPiece(spoken, bit.waveform, bit.finish_reason, flight.source or JOINED)
                return
            except Abandoned:
                failures = flight.failures

    def _lead(self, flight: Flight[AudioBit], key: Key, spoken: Spoken, sent: int, compute: Compute) -> Iterator[Piece]:
        try:
            self._take_charge(flight)
            found = None if sent else self._shared.cache.find(key)
            if found is None:
                lead = Lead(self._shared, flight, key, sent, self._keeps)
                yield from self._tokens(spoken, compute, lead)
                return
            self._count_saved(found.entry, key)
            flight.seed, flight.source = int(found.entry.facts["seed"]), found.level
            bits = bits_of(found.entry)
            for bit in bits:
                flight.publish(bit)
            flight.finish()
        except BaseException as failure:
            flight.fail(failure)
            raise
        for bit in bits:
            yield AudioPiece(spoken, bit.waveform, bit.finish_reason, found.level)

    def _tokens(self, spoken: Spoken, compute: Compute, lead: Lead | None) -> Iterator[Piece]:
        key = tokens_key(*self._identity(spoken))
        entry = None if lead is not None and lead.sent else self._shared.cache.get(key)
        if entry is None:
            yield from self._computed(key, spoken, compute, lead)
            return
        self._count_saved(entry, key)
        spoken = replace(spoken, seed=int(entry.facts["seed"]))
        if lead is not None:
            lead.flight.seed = spoken.seed
        yield TokenPiece(spoken, entry.arrays["tokens"], str(entry.facts["finish_reason"]), {}, lead)

    def _computed(self, key: Key, spoken: Spoken, compute: Compute, lead: Lead | None) -> Iterator[Piece]:
        pulled: list[Array] = []
        compute_ms = 0.0
        for piece in compute(spoken):
            pulled.append(piece.tokens)
            compute_ms += sum(piece.times_ms.values())
            if piece.finish_reason and self._keeps(piece.finish_reason):
                facts = facts_of(spoken.seed, piece.finish_reason, compute_ms / 1e3)
                self._shared.cache.put(key, Entry({"tokens": np.concatenate(pulled)}, facts))
            yield replace(piece, lead=lead)

    def _keeps(self, finish_reason: str) -> bool:
        """Whether a sentence that ended so is kept: a run-away is, under its seed, where it would come again."""
        return finish_reason == "eos" or self._request.seeded

    def _identity(self, spoken: Spoken) -> tuple[Sentence, str, Voice, Manner, Fingerprints]:
        request = self._request
        seed = spoken.seed if request.seeded else ANY_SEED
        speed = spoken_speed(request, spoken.sentence)
        manner = Manner(request.sampling, seed, speed, request.noise_scale, self._grid)
        return spoken.sentence, request.language, self._voice, manner, self._shared.fingerprints

    def _count_saved(self, entry: Entry, key: Key) -> None:
        compute_s = float(entry.facts["compute_s"])
        self.saved_s += compute_s
        self._shared.metrics.add("gsv_cache_saved_seconds_total", compute_s, kind=key.kind)

    def _take_charge(self, flight: Flight[AudioBit]) -> None:
        with self._lock:
            if self._closed:
                raise Cancelled()
            self._led.add(flight)

    def _check_wanted(self) -> None:
        if self._closed:
            raise Cancelled()
        self._check()


class AloneAfter:
    """`pipeline.Lead` of a sentence that nobody else follows, and whose first pieces the listener has."""

    def __init__(self, sent: int) -> None:
        self.sent = sent
        self._num_decoded = 0

    def decoded(self, waveform: Array, finish_reason: str, compute_s: float) -> bool:
        """Whether the listener still lacks this piece."""
        self._num_decoded += 1
        return self._num_decoded > self.sent

    def failed(self, failure: Exception) -> None:
        """Nobody else waits."""


class Lead(AloneAfter):
    """`pipeline.Lead` of a sentence that others may follow, and that is kept when it is complete."""

    def __init__(
        self, shared: Takes, flight: Flight[AudioBit], key: Key, sent: int, keeps: Callable[[str], bool]
    ) -> None:
        super().__init__(sent)
        self.flight = flight
        self._shared = shared
        self._key = key
        self._keeps = keeps
        self._waveforms: list[Array] = []
        self._compute_s = 0.0

    def decoded(self, waveform: Array, finish_reason: str, compute_s: float) -> bool:
        """Hands a piece to those who follow; after the last one the sentence is in the cache, and the flight over."""
        self._waveforms.append(waveform)
        self._compute_s += compute_s
        if finish_reason and self._keeps(finish_reason):
            facts = facts_of(self.flight.seed, finish_reason, self._compute_s)
            self._shared.cache.put(self._key, entry_of(self._waveforms, facts))
        self.flight.publish(AudioBit(waveform, finish_reason))
        if finish_reason:
            self.flight.finish()
        return super().decoded(waveform, finish_reason, compute_s)

    def failed(self, failure: Exception) -> None:
        """Ends the flight by this failure."""
        self.flight.fail(failure)


def facts_of(seed: int, finish_reason: str, compute_s: float) -> dict[str, Fact]:
    """What is kept beside tokens or audio; the seed is that of the take, also where any will do."""
    return {"seed": seed, "finish_reason": finish_reason, "compute_s": compute_s}


def entry_of(waveforms: list[Array], facts: dict[str, Fact]) -> Entry:
    """A sentence's audio as it is kept: all of it, and how many samples each piece has."""
    lengths = np.array([waveform.size for waveform in waveforms], dtype=np.int64)
    return Entry({"waveform": np.concatenate(waveforms), "piece_samples": lengths}, facts)


def bits_of(entry: Entry) -> list[AudioBit]:
    """The pieces again, as views of the entry's samples."""
    ends = np.cumsum(entry.arrays["piece_samples"]).tolist()
    pieces = np.split(entry.arrays["waveform"], ends[:-1])
    reasons = [""] * (len(pieces) - 1) + [str(entry.facts["finish_reason"])]
    return [AudioBit(piece, reason) for piece, reason in zip(pieces, reasons, strict=True)]


def _with(lead: AloneAfter, pieces: Iterator[TokenPiece]) -> Iterator[Piece]:
    return (replace(piece, lead=lead) for piece in pieces)
