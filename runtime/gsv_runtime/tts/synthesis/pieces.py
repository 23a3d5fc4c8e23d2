"""What flows between the two halves of a request's path: tokens to be decoded, or audio that is there already. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from gsv_runtime.contract import SAMPLES_PER_TOKEN, SPEED
from gsv_runtime.speech_request import SpeechRequest
from gsv_runtime.tensors import Array
from gsv_runtime.text.sentences import Sentence
from gsv_runtime.tts.synthesis.word_faults import WordFault


@dataclass(frozen=True)
class SentenceTask:
    """One sentence of a request, to be spoken."""

    index: int
    sentence: Sentence
    seed: int
    last: bool


@dataclass(frozen=True)
class TokenPiece:
    """What one call to `t2s` brought."""

    task: SentenceTask
    tokens: Array  # [T] int64, may be empty
    finish_reason: str  # empty while the sentence goes on
    times_ms: dict[str, float]
    faults: tuple[WordFault, ...] = ()  # of its sentence's words, with the last tokens

    @property
    def num_tokens(self) -> int:
        """Tokens that it brings."""
        return self.tokens.size


@dataclass(frozen=True)
class AudioPiece:
    """A stretch of one sentence's audio, before it is joined to what a response holds."""

    task: SentenceTask
    waveform: Array  # [N] float32 in [-1, 1] at 32 kHz
    finish_reason: str  # empty while the sentence goes on
    source: str  # COMPUTED, JOINED or a level of the cache
    times_ms: dict[str, float] = field(default_factory=dict)  # by stage
    token_phones: Array | None = None  # [T] int64, the phone of each of its tokens, if timestamps are asked for
    faults: tuple[WordFault, ...] = ()  # of its sentence's words, with the last piece

    @property
    def num_samples(self) -> int:
        """Samples that are heard of it."""
        return self.waveform.size

    @property
    def num_tokens(self) -> int:
        """Tokens that it stands for."""
        return self.waveform.size // SAMPLES_PER_TOKEN

    @property
    def is_last(self) -> bool:
        """Whether the request's speech ends with it."""
        return self.finish_reason != "" and self.task.last


Piece = TokenPiece | AudioPiece
Pieces = Iterator[Piece]
Compute = Callable[[SentenceTask], Iterator[TokenPiece]]


class Reuse(Protocol):
    """Sentences that need not be computed."""

    saved_s: float  # that stages worked for those that were found, when they were computed

    def pieces(self, task: SentenceTask, compute: Compute) -> Pieces:
        """Yield the pieces of a sentence.

        Args:
            task: which.
            compute: pulls its tokens; not called if they are not needed.
        """
        ...

    def decoded(self, piece: AudioPiece, compute_s: float) -> bool:
        """Take audio that was made from the tokens of `pieces`.

        Args:
            piece: without the pause after its sentence.
            compute_s: that stages worked for it.

        Returns:
            Whether this request's listener still lacks it.
        """
        ...

    def failed(self, task: SentenceTask, failure: Exception) -> None:
        """Take note that decoding a sentence failed: there will be no more of it."""
        ...

    def close(self) -> None:
        """End what is under way; from any thread, and at once."""
        ...


class NoReuse:
    """Everything is computed."""

    saved_s = 0.0

    def pieces(self, task: SentenceTask, compute: Compute) -> Pieces:
        """Yield what is computed."""
        return compute(task)

    def decoded(self, piece: AudioPiece, compute_s: float) -> bool:
        """Say that the listener lacks it."""
        return True

    def failed(self, task: SentenceTask, failure: Exception) -> None:
        """Tell nobody."""

    def close(self) -> None:
        """Nothing is under way."""


def spoken_speed(request: SpeechRequest, sentence: Sentence) -> float:
    """How fast a sentence is spoken: the request's speed times its own, within bounds."""
    return min(max(request.speed * sentence.rate, SPEED.low), SPEED.high)


def pause_after_s(request: SpeechRequest, task: SentenceTask) -> float:
    """Silence after a sentence, in seconds: its own, else the request's, which has another after the last."""
    default_s = request.final_pause_s if task.last else request.pause_s
    own_s = task.sentence.pause_after_s
    return default_s if own_s is None else own_s
