"""Takes of a sentence: tokens whose number cannot be what its phones need are drawn again before they are heard. Pure.

    tokens   |== chunk 0 ==|-- lookahead --|== chunk 1 …
             |<-------- handed out ------->|<- held ->|   a fault found in here is mended unheard

Tokens are handed out when the schedule can decode them, which costs no time: no chunk could be decoded earlier. Those
of the last take are handed out as they come. What was handed out stays, and the next take goes on from there with a
seed of its own. So a take depends on the seed and on the schedule, never on when tokens come.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from gsv_runtime.contract import EOS, SUSPECT, TOKENS_PER_SECOND
from gsv_runtime.speech_request import sentence_seed
from gsv_runtime.tensors import Array
from gsv_runtime.text.sentences import Sentence
from gsv_runtime.tts.synthesis.chunking import ChunkSchedule
from gsv_runtime.tts.synthesis.responses import added
from gsv_runtime.tts.synthesis.word_faults import WordFault
from gsv_runtime.voices.prompt_fit import rates_of
from gsv_runtime.voices.store import Voice

_PADDING_TOKENS = 15  # 0.6 s of zeros behind every recording, see voices.signal
_LEAST_SPEECH_TOKENS = 25  # a recording with less speech tells no rate
# Measured on the demo's voices: docs/decisions/0026-takes-said-again.md.
_SHORTEST, _LONGEST = 0.5, 1.5  # of the time that the phones need at the voice's rate
_EDGE_S = 0.3  # of silence and drawn-out ends, whatever the text
_MOST_SENT_TOKENS = 500  # that a take goes on from: a slot of t2s has room for them beside the longest text


@dataclass(frozen=True)
class TakeLimits:
    """How many tokens a sentence can be said in."""

    least: int
    most: int

    def is_suspect(self, num_tokens: int) -> bool:
        """Whether a whole sentence of so many tokens is at fault."""
        return not self.least <= num_tokens <= self.most


def take_limits(sentence: Sentence, language: str, voice: Voice) -> TakeLimits:
    """Return the tokens that a sentence can be said in, by the rate of the voice's own recording.

    Args:
        sentence: with its phones.
        language: that it is read in, one of language_modes.MODES.
        voice: whose recording and transcript tell how fast it speaks; without a transcript the language does.
    """
    slowest, fastest = rates_of(sentence.text, language)
    own = _rate_of(voice)
    if own is not None:
        slowest = fastest = min(max(own, slowest), fastest)
    shortest_s, longest_s = sentence.phones.size / fastest, sentence.phones.size / slowest
    least = int(_SHORTEST * shortest_s * TOKENS_PER_SECOND)
    return TakeLimits(least, int((_LONGEST * longest_s + _EDGE_S) * TOKENS_PER_SECOND))


def _rate_of(voice: Voice) -> float | None:
    """Phones and marks a second of a voice's recording; None where it does not tell."""
    speech_tokens = voice.prompt_tokens.size - _PADDING_TOKENS
    if voice.prompt_phones.size == 0 or speech_tokens < _LEAST_SPEECH_TOKENS:
        return None
    return float(voice.prompt_phones.size * TOKENS_PER_SECOND / speech_tokens)


def take_seed(seed: int, number: int) -> int:
    """Seed of a sentence's take `number`, the first being 0."""
    return sentence_seed(seed, number) if number else seed


@dataclass(frozen=True)
class TakenTokens:
    """Tokens that are kept."""

    tokens: Array  # [T] int64
    finish_reason: str  # empty while the sentence goes on
    times_ms: dict[str, float]  # that stages worked, those of takes not kept included
    faults: tuple[WordFault, ...] = ()  # of the take that is kept, with its last tokens


Pulled = tuple[Array, str, dict[str, float]]  # tokens [T], why the sentence ended, milliseconds by stage
Pull = Callable[[int, Array], Generator[Pulled, None, None]]  # of a take's number, and the tokens that it goes on from
Watch = Callable[[Array], tuple[WordFault, ...]]  # of a whole take [T]: which of its words are at fault


@dataclass
class _Take:
    """What is known of a sentence: tokens handed out, and those of the take at work."""

    sent: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    held: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    times_ms: dict[str, float] = field(default_factory=dict)

    @property
    def num_tokens(self) -> int:
        return int(self.sent.size + self.held.size)

    def hold(self, tokens: Array, times_ms: dict[str, float]) -> None:
        self.held = np.concatenate([self.held, tokens])
        self.times_ms = added(self.times_ms, times_ms)

    def tokens(self) -> Array:
        """All of them, [T] int64."""
        return np.concatenate([self.sent, self.held])

    def hand_out(self, count: int, finish_reason: str = "", faults: tuple[WordFault, ...] = ()) -> TakenTokens:
        """Give the first `count` tokens that are held."""
        given, self.held = self.held[:count], self.held[count:]
        self.sent = np.concatenate([self.sent, given])
        times_ms, self.times_ms = self.times_ms, {}
        return TakenTokens(given, finish_reason, times_ms, faults)


def nobody_watches(tokens: Array) -> tuple[WordFault, ...]:
    """`Watch` that finds nothing."""
    return ()


def taken(
    pull: Pull, retries: int, limits: TakeLimits, schedule: ChunkSchedule, watch: Watch = nobody_watches
) -> Iterator[TakenTokens]:
    """Yield a sentence's tokens, drawn again where a take is at fault; the last take is kept, and told if it is too.

    Args:
        pull: draws a take.
        retries: further takes allowed.
        limits: of the sentence.
        schedule: where it is cut; tokens are held until a chunk can be decoded.
        watch: finds words at fault; one that is not handed out yet is a fault of the take.
    """
    state = _Take()
    for number in range(retries + 1):
        state.held = state.held[:0]
        with closing(pull(number, state.sent)) as tokens:
            if (yield from _one_take(tokens, state, limits, schedule, watch, is_last=number == retries)):
                return


def _one_take(
    pulled: Iterator[Pulled],
    state: _Take,
    limits: TakeLimits,
    schedule: ChunkSchedule,
    watch: Watch,
    is_last: bool,
) -> Generator[TakenTokens, None, bool]:
    """Yield the tokens of one take that can be decoded; return whether it is the one that is kept."""
    for tokens, reason, times_ms in pulled:
        state.hold(tokens, times_ms)
        too_long = state.num_tokens > limits.most
        faults = watch(state.tokens()) if reason else ()
        can_be_mended = any(fault.token >= state.sent.size for fault in faults)
        is_suspect = too_long or (reason != "" and (reason != EOS or limits.is_suspect(state.num_tokens)))
        if (is_suspect or can_be_mended) and not is_last and state.sent.size <= _MOST_SENT_TOKENS:
            return False
        if reason:
            told = SUSPECT if (is_suspect or faults) and reason == EOS else reason
            yield state.hand_out(state.held.size, told, faults)
            return True
        if count := state.held.size if is_last else decodable(state.num_tokens, schedule) - state.sent.size:
            yield state.hand_out(count)
    return True


def decodable(num_tokens: int, schedule: ChunkSchedule) -> int:
    """Of tokens that are known, how many the last chunk that can be decoded reads; 0 before the first can."""
    index, found = 0, 0
    while (needed := schedule.tokens_before_chunk(index)) <= num_tokens:
        index, found = index + 1, needed
    return found
