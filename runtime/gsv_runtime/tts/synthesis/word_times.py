"""When each word of a request is said, from the phone that each token speaks. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gsv_runtime.contract import PHONE_TIMES, SAMPLE_RATE_HZ, TOKENS_PER_SECOND
from gsv_runtime.speech_request import SpeechRequest
from gsv_runtime.tensors import Array
from gsv_runtime.text.sentences import WordSpan
from gsv_runtime.text.symbols import phone_table
from gsv_runtime.tts.synthesis.pieces import AudioPiece, SentenceTask, spoken_speed
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

    def take(self, piece: AudioPiece) -> tuple[SpokenWord, ...]:
        """Words that end in the next piece, which has the pause after its sentence."""
        sentence = self._sentence
        if sentence is None or sentence.task.index != piece.task.index:
            speed = spoken_speed(self._request, piece.task.sentence)
            start_s = self._heard_samples / SAMPLE_RATE_HZ
            sentence = self._sentence = _SpokenSentence(piece.task, start_s, 1 / (TOKENS_PER_SECOND * speed))
        self._heard_samples += piece.waveform.size
        if piece.token_phones is None:
            return ()
        sentence.path = np.concatenate([sentence.path, piece.token_phones])
        return self._ended(sentence, finished=piece.finish_reason != "")

    def faults(self, piece: AudioPiece) -> tuple[FaultyWord, ...]:
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
