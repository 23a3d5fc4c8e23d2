"""Audio as it arrives and as a whole, with what a listener would have noticed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import soundfile

Samples: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]]"


@dataclass(frozen=True)
class Dropped:
    """A piece of the text that is not said: markup, a face made of signs, a character without a reading.

    Attributes:
        text: The piece.
        reason: Why it is not said.
        times: How often it stands in the text.
    """

    text: str
    reason: str
    times: int = 1

    def __str__(self) -> str:
        return f"{self.text!r} ({self.reason}{f', {self.times} times' if self.times > 1 else ''})"


@dataclass(frozen=True)
class Phone:
    """A unit of sound of a word.

    Attributes:
        name: As `gsv phones` prints it.
        start_s: When it begins, in seconds of the whole utterance.
        end_s: When it ends.
    """

    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Word:
    """A word of the text with the time at which it is said.

    Attributes:
        text: As it stands in the text: ``$5``, though it is said as two words.
        start_s: When it begins, in seconds of the whole utterance.
        end_s: When it ends.
        start: Its first character in the text.
        end: The character after its last.
        phones: Its phones, if ``timestamps="phone"``.
    """

    text: str
    start_s: float
    end_s: float
    start: int
    end: int
    phones: tuple[Phone, ...] = ()

    @staticmethod
    def told(item: Mapping[str, Any]) -> Word:
        """A word as the server tells it."""
        phones = tuple(Phone(str(name), float(start), float(end)) for name, start, end in item.get("phones", ()))
        places = (int(item["start"]), int(item["end"]))
        return Word(str(item["text"]), float(item["start_s"]), float(item["end_s"]), *places, phones)


@dataclass(frozen=True)
class WordFault:
    """A word of the request's text that was not said, or was said twice.

    Attributes:
        text: The word.
        start: Its first character in the text.
        end: The character behind it.
        fault: "swallowed" or "repeated".
    """

    text: str
    start: int
    end: int
    fault: str

    @staticmethod
    def told(item: Mapping[str, Any]) -> WordFault:
        """A word as the server tells it."""
        return WordFault(str(item["text"]), int(item["start"]), int(item["end"]), str(item["fault"]))


def words_of(texts: Iterable[str]) -> tuple[Word, ...]:
    """Words as the server writes them."""
    return tuple(Word.told(json.loads(text)) for text in texts)


def word_faults_of(texts: Iterable[str]) -> tuple[WordFault, ...]:
    """Likewise words at fault."""
    return tuple(WordFault.told(json.loads(text)) for text in texts)


@dataclass(frozen=True)
class Chunk:
    """One piece of audio, in the order in which it is to be played.

    Attributes:
        samples: [N] float32 in [-1, 1].
        sample_rate: Hz.
        index: 0, 1, 2 ... within the request.
        sentence_index: Which sentence of the text it belongs to.
        sentence: That sentence, as the server normalised it.
        timing_ms: Milliseconds that each stage of the server spent on this chunk.
        finish_reason: Where a sentence ends with this chunk, why: "eos"; "limit" or "repetition" where its speech had
            run away and was cut; "suspect" where it is far too short or too long for its words, however often it was
            said again; else empty.
        final: Whether this is the last chunk of the text.
        source: Where the server had its audio from: "computed"; "joined", made for another request at the same time;
            "memory", "redis" or "disk", a level of its cache; several joined by commas; empty where it does not say.
        dropped: What of the text is not said; with the first chunk.
        warnings: What in the request's recording may harm its voice; with the first chunk.
        words: Those that end in this chunk, with their times; if `timestamps` were asked for.
        word_faults: Words swallowed or said twice, with the end of their sentence; if `timestamps` were asked for.
    """

    samples: Samples
    sample_rate: int
    index: int = 0
    sentence_index: int = 0
    sentence: str = ""
    timing_ms: Mapping[str, float] = field(default_factory=dict)
    finish_reason: str = ""
    final: bool = False
    source: str = ""
    dropped: tuple[Dropped, ...] = ()
    warnings: tuple[str, ...] = ()
    words: tuple[Word, ...] = ()
    word_faults: tuple[WordFault, ...] = ()

    @property
    def duration_s(self) -> float:
        """Seconds of audio."""
        return len(self.samples) / self.sample_rate


class Playback:
    """What a listener who plays each chunk at once would notice; a pure account of times given to it.

    Attributes:
        ttfa_s: Seconds from sending to the first audio sample; None before it.
        underrun_s: Longest wait for a chunk beyond the audio already buffered.
        elapsed_s: Seconds from sending to the last chunk so far.
    """

    def __init__(self) -> None:
        self._sent_at_s = 0.0
        self._buffered_until_s = 0.0
        self.ttfa_s: float | None = None
        self.underrun_s = 0.0
        self.elapsed_s = 0.0

    def request_sent(self, at_s: float) -> None:
        """Start the account; all times are seconds of one clock."""
        self._sent_at_s = at_s

    def chunk_arrived(self, at_s: float, duration_s: float) -> None:
        """Account for one chunk of `duration_s` seconds of audio."""
        self.elapsed_s = at_s - self._sent_at_s
        if duration_s <= 0:
            return
        if self.ttfa_s is None:
            self.ttfa_s = self.elapsed_s
            self._buffered_until_s = at_s
        self.underrun_s = max(self.underrun_s, at_s - self._buffered_until_s)
        self._buffered_until_s = max(self._buffered_until_s, at_s) + duration_s


@dataclass(frozen=True)
class Audio:
    """A whole utterance.

    Attributes:
        samples: [N] float32 in [-1, 1].
        sample_rate: Hz.
        chunks: The pieces that it was joined from.
        ttfa_s: Seconds from sending to the first audio sample.
        underrun_s: Longest wait for a chunk beyond the audio already buffered.
        elapsed_s: Seconds from sending to the last chunk.
    """

    samples: Samples
    sample_rate: int
    chunks: tuple[Chunk, ...] = ()
    ttfa_s: float = 0.0
    underrun_s: float = 0.0
    elapsed_s: float = 0.0

    @property
    def duration_s(self) -> float:
        """Seconds of audio."""
        return len(self.samples) / self.sample_rate

    @property
    def rtf(self) -> float:
        """Seconds of waiting per second of audio; below 1 is faster than speech."""
        return self.elapsed_s / self.duration_s if len(self.samples) else float("inf")

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """What of the text is not said, with the reason of each piece."""
        return tuple(piece for chunk in self.chunks for piece in chunk.dropped)

    @property
    def word_faults(self) -> tuple[WordFault, ...]:
        """Words that were swallowed or said twice, as far as the server noticed; if `timestamps` were asked for."""
        return tuple(fault for chunk in self.chunks for fault in chunk.word_faults)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What in the request's recording may harm its voice; each once, though parts of a long text repeat it."""
        return tuple(dict.fromkeys(warning for chunk in self.chunks for warning in chunk.warnings))

    @property
    def words(self) -> tuple[Word, ...]:
        """Every word of the text with the time at which it is said; if `timestamps` were asked for."""
        return tuple(word for chunk in self.chunks for word in chunk.words)

    @property
    def timing_ms(self) -> dict[str, float]:
        """Milliseconds that each stage of the server spent, over all chunks."""
        total: dict[str, float] = {}
        for chunk in self.chunks:
            for stage, ms in chunk.timing_ms.items():
                total[stage] = total.get(stage, 0.0) + ms
        return total

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a file; its ending says which kind: .wav (16 bit), .flac, .ogg, .mp3."""
        soundfile.write(os.fspath(path), self.samples, self.sample_rate)


def join_chunks(chunks: Sequence[Chunk], playback: Playback) -> Audio:
    """Join the chunks of one request, in order.

    Raises:
        ValueError: There are none left to join.
    """
    if not chunks:
        raise ValueError("every chunk of this stream was taken already; join those, or use synthesize()")
    return Audio(
        samples=np.concatenate([chunk.samples for chunk in chunks]),
        sample_rate=chunks[0].sample_rate,
        chunks=tuple(chunks),
        ttfa_s=playback.ttfa_s or 0.0,
        underrun_s=playback.underrun_s,
        elapsed_s=playback.elapsed_s,
    )
