"""Sentences that were spoken before, or are being spoken for another request: `pieces.Reuse` over the cache.

The leader of a sentence's single flight looks for its audio; those who want the same sentence meanwhile follow, and get
its pieces as they come. All pieces of a sentence are of one take: who goes on after a leader that left uses its seed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, replace

import numpy as np

from gsv_runtime import reuse_policy as policy
from gsv_runtime.cache.entry import Entry, Fact, Key
from gsv_runtime.cache.tiers import Cache
from gsv_runtime.contract import EOS, JOINED
from gsv_runtime.errors import Cancelled
from gsv_runtime.metrics import Metrics
from gsv_runtime.speech_request import SpeechRequest
from gsv_runtime.tensors import Array
from gsv_runtime.text.sentences import Sentence
from gsv_runtime.tts.reuse.keys import ANY_SEED, Fingerprints, SpeechParameters, audio_key, tokens_key
from gsv_runtime.tts.reuse.single_flight import Abandoned, SingleFlight, SingleFlights
from gsv_runtime.tts.synthesis.chunking import ChunkSchedule
from gsv_runtime.tts.synthesis.pieces import AudioPiece, Compute, Piece, SentenceTask, TokenPiece, spoken_speed
from gsv_runtime.tts.synthesis.word_faults import WordFault
from gsv_runtime.voices.store import Voice


class SentenceCache:
    """What all requests share."""

    def __init__(self, cache: Cache, fingerprints: Fingerprints, metrics: Metrics) -> None:
        self.cache = cache
        self.fingerprints = fingerprints
        self.metrics = metrics
        self.flights: SingleFlights[AudioPiece] = SingleFlights()


class RequestSentences:
    """`pieces.Reuse` for one request."""

    def __init__(
        self,
        shared: SentenceCache,
        request: SpeechRequest,
        voice: Voice,
        schedule: ChunkSchedule,
        check: Callable[[], None],
    ) -> None:
        """Look for this request.

        Args:
            shared: of the server.
            request: says what may be reused.
            voice: who speaks.
            schedule: where its audio is cut.
            check: raises when the request is not worth waiting any longer.
        """
        self._shared = shared
        self._request = request
        self._voice = voice
        self._schedule = schedule
        self._check = check
        self._lock = threading.Lock()
        self._led: set[SingleFlight[AudioPiece]] = set()
        self._computing: dict[int, _Remainder] = {}  # by the sentence's index
        self.saved_s = 0.0
        self._closed = False

    def pieces(self, task: SentenceTask, compute: Compute) -> Iterator[Piece]:
        """Yield stored audio, another request's, or what is computed and then stored; see `pieces.Reuse`."""
        if policy.allows(self._request.cache, policy.AUDIO):
            yield from self._audio(task, compute)
        elif policy.allows(self._request.cache, policy.TOKENS):
            yield from self._tokens(task, compute, None)
        else:
            yield from compute(task)

    def decoded(self, piece: AudioPiece, compute_s: float) -> bool:
        """Hand audio to those who follow, and say whether this listener lacks it; see `pieces.Reuse`."""
        remainder = self._computing.get(piece.task.index)
        if remainder is None:
            return True
        if piece.finish_reason:
            del self._computing[piece.task.index]
        return remainder.decoded(piece, compute_s)

    def failed(self, task: SentenceTask, failure: Exception) -> None:
        """End the single flight of a sentence by this failure, if this request leads it."""
        if task.index in self._computing:
            self._computing.pop(task.index).failed(failure)

    def close(self) -> None:
        """Leave every flight that it leads to others, and wait for none."""
        with self._lock:
            self._closed, led = True, list(self._led)
        for flight in led:
            flight.abandon()

    def _audio(self, task: SentenceTask, compute: Compute) -> Iterator[Piece]:
        key = audio_key(*self._identity(task))
        num_sent, failures = 0, 0
        while True:
            flight, leads = self._shared.flights.join(key, task.seed, failures)
            if leads:
                yield from self._lead(flight, key, task, num_sent, compute)
                return
            try:
                for piece in flight.follow(num_sent, self._check_wanted):
                    if num_sent and flight.seed != task.seed:  # another take: go on alone with the one begun
                        self._computing[task.index] = _Remainder(num_sent)
                        yield from compute(task)
                        return
                    task, num_sent = replace(task, seed=flight.seed), num_sent + 1
                    yield replace(piece, task=task, source=flight.source or JOINED, times_ms={})
                return
            except Abandoned:
                failures = flight.failures

    def _lead(
        self, flight: SingleFlight[AudioPiece], key: Key, task: SentenceTask, num_sent: int, compute: Compute
    ) -> Iterator[Piece]:
        try:
            self._take_charge(flight)
            found = None if num_sent else self._shared.cache.find(key)
            if found is None:
                leader = _Leader(self._shared, flight, key, num_sent, self._is_stored)
                yield from self._tokens(task, compute, leader)
                return
            self._count_saved(found.entry, key)
            flight.seed, flight.source = int(found.entry.facts["seed"]), found.level
            pieces = audio_pieces(found.entry, task, found.level)
            for piece in pieces:
                flight.publish(piece)
            flight.finish()
        except BaseException as failure:
            flight.fail(failure)
            raise
        yield from pieces

    def _tokens(self, task: SentenceTask, compute: Compute, leader: _Leader | None) -> Iterator[Piece]:
        key = tokens_key(*self._identity(task))
        if leader is not None:
            self._computing[task.index] = leader
        entry = None if leader is not None and leader.num_sent else self._shared.cache.get(key)
        if entry is None:
            yield from self._computed(key, task, compute)
            return
        self._count_saved(entry, key)
        task = replace(task, seed=int(entry.facts["seed"]))
        if leader is not None:
            leader.flight.seed = task.seed
        yield TokenPiece(task, entry.arrays["tokens"], str(entry.facts["finish_reason"]), {}, faults_of(entry))

    def _computed(self, key: Key, task: SentenceTask, compute: Compute) -> Iterator[Piece]:
        pulled: list[Array] = []
        compute_ms = 0.0
        for piece in compute(task):
            pulled.append(piece.tokens)
            compute_ms += sum(piece.times_ms.values())
            if piece.finish_reason and self._is_stored(piece.finish_reason):
                facts = facts_of(task.seed, piece.finish_reason, compute_ms / 1e3, piece.faults)
                self._shared.cache.put(key, Entry({"tokens": np.concatenate(pulled)}, facts))
            yield piece

    def _is_stored(self, finish_reason: str) -> bool:
        """Whether a sentence that ended so is stored: a run-away is, under its seed, where it would come again."""
        return finish_reason == EOS or self._request.seeded

    def _identity(self, task: SentenceTask) -> tuple[Sentence, str, Voice, SpeechParameters, Fingerprints]:
        request = self._request
        seed = task.seed if request.seeded else ANY_SEED
        speed = spoken_speed(request, task.sentence)
        parameters = SpeechParameters(
            request.sampling, seed, speed, request.noise_scale, self._schedule, request.retries, request.is_timed
        )
        return task.sentence, request.language, self._voice, parameters, self._shared.fingerprints

    def _count_saved(self, entry: Entry, key: Key) -> None:
        compute_s = float(entry.facts["compute_s"])
        self.saved_s += compute_s
        self._shared.metrics.add("gsv_cache_saved_seconds_total", compute_s, kind=key.kind)

    def _take_charge(self, flight: SingleFlight[AudioPiece]) -> None:
        with self._lock:
            if self._closed:
                raise Cancelled()
            self._led.add(flight)

    def _check_wanted(self) -> None:
        if self._closed:
            raise Cancelled()
        self._check()


class _Remainder:
    """A sentence that nobody else follows, and whose first pieces the listener has."""

    def __init__(self, num_sent: int) -> None:
        self.num_sent = num_sent
        self._num_decoded = 0

    def decoded(self, piece: AudioPiece, compute_s: float) -> bool:
        """Say whether the listener lacks this piece."""
        self._num_decoded += 1
        return self._num_decoded > self.num_sent

    def failed(self, failure: Exception) -> None:
        """Nobody else waits."""


class _Leader(_Remainder):
    """A sentence that others may follow, and that is stored when it is complete."""

    def __init__(
        self,
        shared: SentenceCache,
        flight: SingleFlight[AudioPiece],
        key: Key,
        num_sent: int,
        is_stored: Callable[[str], bool],
    ) -> None:
        super().__init__(num_sent)
        self.flight = flight
        self._shared = shared
        self._key = key
        self._is_stored = is_stored
        self._pieces: list[AudioPiece] = []
        self._compute_s = 0.0

    def decoded(self, piece: AudioPiece, compute_s: float) -> bool:
        """Hand a piece to those who follow; after the last one the sentence is in the cache, and the flight over."""
        self._pieces.append(piece)
        self._compute_s += compute_s
        if piece.finish_reason and self._is_stored(piece.finish_reason):
            facts = facts_of(self.flight.seed, piece.finish_reason, self._compute_s, piece.faults)
            self._shared.cache.put(self._key, audio_entry(self._pieces, facts))
        self.flight.publish(piece)
        if piece.finish_reason:
            self.flight.finish()
        return super().decoded(piece, compute_s)

    def failed(self, failure: Exception) -> None:
        """End the flight by this failure."""
        self.flight.fail(failure)


def facts_of(seed: int, finish_reason: str, compute_s: float, faults: Sequence[WordFault] = ()) -> dict[str, Fact]:
    """Return what is stored beside tokens or audio; the seed is that of the take, also where any will do."""
    facts: dict[str, Fact] = {"seed": seed, "finish_reason": finish_reason, "compute_s": compute_s}
    return facts | ({"word_faults": json.dumps([astuple(fault) for fault in faults])} if faults else {})


def faults_of(entry: Entry) -> tuple[WordFault, ...]:
    """Words at fault of what is stored, as `facts_of` has packed them."""
    return tuple(WordFault(*fault) for fault in json.loads(str(entry.facts.get("word_faults", "[]"))))


def audio_entry(pieces: list[AudioPiece], facts: dict[str, Fact]) -> Entry:
    """Pack a sentence's audio: all of it, and how many samples each piece has; the same of the phones of its tokens."""
    arrays = _packed("waveform", "piece_samples", [piece.waveform for piece in pieces])
    phones = [piece.token_phones for piece in pieces if piece.token_phones is not None]
    return Entry(arrays | (_packed("token_phones", "piece_tokens", phones) if phones else {}), facts)


def _packed(name: str, lengths_name: str, parts: list[Array]) -> dict[str, Array]:
    return {name: np.concatenate(parts), lengths_name: np.array([part.size for part in parts], dtype=np.int64)}


def _unpacked(name: str, lengths_name: str, entry: Entry) -> list[Array]:
    return np.split(entry.arrays[name], np.cumsum(entry.arrays[lengths_name]).tolist()[:-1])


def audio_pieces(entry: Entry, task: SentenceTask, source: str) -> list[AudioPiece]:
    """Unpack the pieces again, as views of the entry's samples."""
    waveforms = _unpacked("waveform", "piece_samples", entry)
    reasons = [""] * (len(waveforms) - 1) + [str(entry.facts["finish_reason"])]
    is_aligned = "token_phones" in entry.arrays
    phones = _unpacked("token_phones", "piece_tokens", entry) if is_aligned else [None] * len(waveforms)
    faults = faults_of(entry)
    return [
        AudioPiece(task, waveform, reason, source, token_phones=spoken, faults=faults if reason else ())
        for waveform, reason, spoken in zip(waveforms, reasons, phones, strict=True)
    ]
