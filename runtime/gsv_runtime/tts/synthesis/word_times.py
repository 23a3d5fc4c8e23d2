"""When each word of a request is said, from the phone that each token speaks. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from gsv_runtime.contract import PHONE_TIMES, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME, TOKENS_PER_SECOND
from gsv_runtime.speech_request import SpeechRequest
from gsv_runtime.tensors import Array
from gsv_runtime.text.sentences import Sentence, WordSpan
from gsv_runtime.text.symbols import phone_table
from gsv_runtime.tts.synthesis.alignment import Alignment
from gsv_runtime.tts.synthesis.chunking import num_frames
from gsv_runtime.tts.synthesis.pieces import SentenceTask, pause_after_s, spoken_speed
from gsv_runtime.tts.synthesis.word_faults import WordFault
from gsv_runtime.versions import ModelVersion


@dataclass(frozen=True)
class SpokenWord:
    """A word of the request's text: characters `start` to before `end`, seconds of the whole answer."""

    text: str
    start: int
    end: int
    start_s: float
    end_s: float
    phones: tuple[tuple[str, float, float], ...] = ()  # name, start and end in seconds; if they were asked for


@dataclass(frozen=True)
class FaultyWord:
    """A word of the request's text that its take swallowed or says twice: one of contract.WORD_FAULTS."""

    text: str
    start: int
    end: int
    fault: str


class Told(NamedTuple):
    """What is told with a stretch of speech."""

    words: tuple[SpokenWord, ...] = ()  # that end in it
    faults: tuple[FaultyWord, ...] = ()  # of the sentence that ends with it


NOTHING_TOLD = Told()


class Heard(Protocol):
    """A stretch of one sentence's speech."""

    @property
    def task(self) -> SentenceTask:
        """Which sentence."""
        ...

    @property
    def num_samples(self) -> int:
        """Samples that are heard of it, with the pause after its sentence."""
        ...

    @property
    def token_phones(self) -> Array | None:
        """The phone of each of its tokens, [T] int64."""
        ...

    @property
    def finish_reason(self) -> str:
        """Why its sentence ended with it; empty if that goes on."""
        ...

    @property
    def faults(self) -> tuple[WordFault, ...]:
        """Of its sentence's words, with the last of it."""
        ...


@dataclass
class _SpokenSentence:
    """A sentence that is being heard."""

    task: SentenceTask
    start_s: float
    token_s: float
    path: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  # the phone of each token so far
    num_told: int = 0


class WordTimes:
    """Turns the pieces of one request into words, each told with the piece that it ends in."""

    def __init__(self, request: SpeechRequest, version: str) -> None:
        """Tell the words of a request; `version` of the checkpoint names the phones."""
        self._request = request
        names = phone_table(ModelVersion(version).symbols)
        self._phone_names = {number: name for name, number in names.items()}
        self._heard_samples = 0
        self._sentence: _SpokenSentence | None = None

    def take(self, piece: Heard) -> tuple[SpokenWord, ...]:
        """Words that end in the next piece, which has the pause after its sentence."""
        sentence = self._sentence
        if sentence is None or sentence.task.index != piece.task.index:
            speed = spoken_speed(self._request, piece.task.sentence)
            start_s = self._heard_samples / SAMPLE_RATE_HZ
            sentence = self._sentence = _SpokenSentence(piece.task, start_s, 1 / (TOKENS_PER_SECOND * speed))
        self._heard_samples += piece.num_samples
        if piece.token_phones is None:
            return ()
        sentence.path = np.concatenate([sentence.path, piece.token_phones])
        return self._ended(sentence, finished=piece.finish_reason != "")

    def faults(self, piece: Heard) -> tuple[FaultyWord, ...]:
        """Words at fault of the sentence that ends with a piece."""
        words = [(piece.task.sentence.words[fault.word], fault.kind) for fault in piece.faults]
        text = self._request.text
        return tuple(FaultyWord(text[word.start : word.end], word.start, word.end, kind) for word, kind in words)

    def _ended(self, sentence: _SpokenSentence, finished: bool) -> tuple[SpokenWord, ...]:
        words = sentence.task.sentence.words[sentence.num_told :]
        reached = sentence.path[-1] if sentence.path.size else -1
        ended = [word for word in words if finished or reached >= word.first_phone + word.num_phones]
        sentence.num_told += len(ended)
        if not ended:
            return ()
        starts_s = phone_starts(sentence.path, sentence.task.sentence.phones.size) * sentence.token_s
        return tuple(self._word(word, sentence, starts_s + sentence.start_s) for word in ended)

    def _word(self, word: WordSpan, sentence: _SpokenSentence, starts_s: Array) -> SpokenWord:
        first, last = word.first_phone, word.first_phone + word.num_phones
        phones: tuple[tuple[str, float, float], ...] = ()
        if self._request.timestamps == PHONE_TIMES:
            names = [self._phone_names[int(phone)] for phone in sentence.task.sentence.phones[first:last]]
            bounds = [round(float(start_s), 3) for start_s in starts_s[first : last + 1]]
            phones = tuple(zip(names, bounds[:-1], bounds[1:], strict=True))
        text = self._request.text[word.start : word.end]
        bounds_s = (round(float(starts_s[first]), 3), round(float(starts_s[last]), 3))
        return SpokenWord(text, word.start, word.end, *bounds_s, phones)


@dataclass(frozen=True)
class _HeardElsewhere:
    """A stretch of speech whose audio a device makes; see `Heard`."""

    task: SentenceTask
    num_samples: int
    token_phones: Array
    finish_reason: str
    faults: tuple[WordFault, ...]


class DeviceTimes:
    """The same for speech whose audio a device makes of tokens or latents."""

    def __init__(self, request: SpeechRequest, version: str, alignment_of: Callable[[Sentence], Alignment]) -> None:
        """Tell the words of a request.

        Args:
            request: whose.
            version: of the checkpoint.
            alignment_of: finds which phone each token of a sentence speaks.
        """
        self._request = request
        self._times = WordTimes(request, version)
        self._alignment_of = alignment_of
        self._alignment: Alignment | None = None  # of the sentence that goes on

    def take(self, task: SentenceTask, tokens: Array, finish_reason: str, faults: tuple[WordFault, ...]) -> Told:
        """Tell what ends in the next stretch of a sentence.

        Args:
            task: the sentence.
            tokens: [T] int64, all of it that the device has then.
            finish_reason: why it ends with this stretch; empty if it goes on.
            faults: of its words, with the last stretch.

        Raises:
            InvalidRequest: the server cannot tell.
        """
        alignment = self._alignment or self._alignment_of(task.sentence)
        self._alignment = None if finish_reason else alignment
        phones = alignment.advance(tokens, finished=finish_reason != "")
        num_samples = self._whole_samples(task, tokens.size) if finish_reason else 0  # counted where a sentence ends
        heard = _HeardElsewhere(task, num_samples, phones, finish_reason, faults if finish_reason else ())
        return Told(self._times.take(heard), self._times.faults(heard))

    def _whole_samples(self, task: SentenceTask, num_tokens: int) -> int:
        frames = num_frames(num_tokens, spoken_speed(self._request, task.sentence))
        return frames * SAMPLES_PER_FRAME + round(pause_after_s(self._request, task) * SAMPLE_RATE_HZ)


def phone_starts(path: Array, num_phones: int) -> Array:
    """Find when each phone begins, in tokens, and last when they have ended.

    Args:
        path: [T] int64, the phone of each token, never falling.
        num_phones: P.

    Returns:
        [P + 1] float64, never falling, from 0 to T. Phones that no token speaks alone share the change from one token
        to the next, which is no instant: half a token before it and half a token after it.
    """
    arrivals = np.searchsorted(path, np.arange(num_phones + 1), side="left").astype(np.float64)
    _, first, counts = np.unique(arrivals, return_index=True, return_counts=True)
    starts = arrivals.copy()
    for begin, count in zip(first, counts, strict=True):
        if count > 1 and 0 < arrivals[begin] < path.size:
            starts[begin : begin + count] += (np.arange(count) - (count - 1) / 2) / count
    return starts
