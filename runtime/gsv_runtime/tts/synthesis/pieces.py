"""What flows between the two halves of a request's path: tokens to be decoded, or audio that is there already. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from gsv_runtime.contract import SAMPLES_PER_TOKEN
from gsv_runtime.speech_request import RANGES, SpeechRequest
from gsv_runtime.tensors import Array
from gsv_runtime.text.sentences import Sentence

COMPUTED, JOINED = "computed", "joined"  # sources of audio, beside the levels of the cache


@dataclass(frozen=True)
class Spoken:
    """One sentence of a request."""

    index: int
    sentence: Sentence
    seed: int
    last: bool


class Lead(Protocol):
    """Who else wants the audio of a sentence that is being computed."""

    def decoded(self, waveform: Array, finish_reason: str, compute_s: float) -> bool:
        """Takes a piece of its audio, and says whether this request's listener still lacks it.

        Args:
            waveform: [N] float32, without the pause after the sentence.
            finish_reason: of the sentence, if this is its last piece.
            compute_s: that stages worked for it.
        """
        ...

    def failed(self, failure: Exception) -> None:
        """There will be no more."""
        ...


@dataclass(frozen=True)
class TokenPiece:
    """What one call to `t2s` brought."""

    of: Spoken
    tokens: Array  # [T] int64, may be empty
    finish_reason: str  # empty while the sentence goes on
    times_ms: dict[str, float]
    lead: Lead | None = None

    @property
    def num_tokens(self) -> int:
        """Tokens that it brings."""
        return self.tokens.size


@dataclass(frozen=True)
class AudioPiece:
    """A piece of a sentence's audio that was made before, or for another request."""

    of: Spoken
    waveform: Array  # [N] float32, without the pause after the sentence
    finish_reason: str  # empty while the sentence goes on
    source: str

    @property
    def num_tokens(self) -> int:
        """Tokens that it stands for."""
        return self.waveform.size // SAMPLES_PER_TOKEN


Piece = TokenPiece | AudioPiece
Pieces = Iterator[Piece]
Compute = Callable[[Spoken], Iterator[TokenPiece]]


class Reuse(Protocol):
    """Sentences that need not be computed."""

    saved_s: float  # that stages worked for those that were found, when they were computed

    def pieces(self, spoken: Spoken, compute: Compute) -> Pieces:
        """Pieces of a sentence.

        Args:
            spoken: which.
            compute: pulls its tokens; not called if they are not needed.
        """
        ...

    def close(self) -> None:
        """Ends what is under way; from any thread, and at once."""
        ...


class NoReuse:
    """Everything is computed."""

    saved_s = 0.0

    def pieces(self, spoken: Spoken, compute: Compute) -> Pieces:
        """As computed."""
        return compute(spoken)

    def close(self) -> None:
        """Nothing is under way."""


def spoken_speed(request: SpeechRequest, sentence: Sentence) -> float:
    """How fast a sentence is spoken: the request's speed times its own, within bounds."""
    return min(max(request.speed * sentence.rate, RANGES["speed"].low), RANGES["speed"].high)
