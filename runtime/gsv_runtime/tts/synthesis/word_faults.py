"""Words that a take swallows or says twice: its tokens fit the sentence far better without the word, or with it again.

Tokens are laid along the phones with how long each phone lasts (a hidden semi-Markov model). Any way through them is a
way to a place and a way from there, so two tables of scores tell for every word how well the sentence would fit if

    swallowed   the ways left the word out, which then costs nothing
    repeated    the ways went back to the word, or to one of the two before it, and said them again

against all ways that do neither. Pure.

Source: Yu, "Hidden semi-Markov models", 2010, its forward and backward passes, in logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gsv_runtime.contract import REPEATED, SWALLOWED
from gsv_runtime.tensors import Array
from gsv_runtime.text.sentences import WordSpan
from gsv_runtime.tts.synthesis.alignment import PhoneTable

# Measured on flite's speech: docs/decisions/0032-words-that-a-take-swallows.md.
_LEAST = {SWALLOWED: 6.4, REPEATED: 4.4}  # evidence; chosen by `gsv_bench --only word-limits`
_WORST_GAIN = -6.0  # of a token; one that fits nowhere says no more
_DURATION_WEIGHT, _RAREST_DURATION = 1.5, -12.0
_MOST_WORDS_AGAIN = 3  # that are looked for
_TAUGHT_GAIN = 0.5  # the largest of a phone that the build has heard
_LEAST_TAUGHT = 0.9  # of a sentence's phones
_NEVER = -1e9


@dataclass(frozen=True)
class WordFault:
    """A word at fault.

    Attributes:
        word: index of the sentence's words.
        kind: one of contract.WORD_FAULTS.
        token: of the take, where the word is missing or begins again.
    """

    word: int
    kind: str
    token: int


@dataclass(frozen=True)
class Evidence:
    """A fault that may be, and the logarithm of how much likelier the tokens are with it than without any."""

    score: float
    fault: WordFault


class WordWatch:
    """Finds the faults of one sentence's takes."""

    def __init__(self, table: PhoneTable, phones: Array, words: Sequence[WordSpan]) -> None:
        """Watch a sentence.

        Args:
            table: how well tokens fit phones, with how long these last.
            phones: [P] int64 of the sentence.
            words: of the sentence.
        """
        assert table.durations is not None
        self._table = table
        self._phones = phones
        self._bounds = [(word.first_phone, word.first_phone + word.num_phones) for word in words if word.num_phones]
        self._numbers = [number for number, word in enumerate(words) if word.num_phones]
        known = phones < table.gains.shape[0]
        rows = np.where(known, phones, 0)
        self._durations = np.maximum(table.durations[rows] * _DURATION_WEIGHT, _RAREST_DURATION)
        taught = known & (table.gains[rows].max(axis=1) > _TAUGHT_GAIN)
        self._is_taught = bool(taught.mean() >= _LEAST_TAUGHT) if phones.size else False

    def faults(self, tokens: Array) -> tuple[WordFault, ...]:
        """Words at fault in a whole take.

        Args:
            tokens: [T] int64, all of it.

        Returns:
            The surest, since one fault makes the words beside it doubtful; none where the build has not heard the
            phones.
        """
        found = self.evidence(tokens)
        if not found:
            return ()
        surest = max(found, key=lambda each: each.score - _LEAST[each.fault.kind])
        return (surest.fault,) if surest.score > _LEAST[surest.fault.kind] else ()

    def evidence(self, tokens: Array) -> tuple[Evidence, ...]:
        """What speaks for the likeliest faults: one word swallowed, and one to three words said twice.

        Args:
            tokens: [T] int64, all of a take.

        Returns:
            The best of each; none where the build has not heard the phones.
        """
        if not self._is_taught or not tokens.size or not self._bounds:
            return ()
        gains = np.maximum(self._table.of(self._phones, tokens), _WORST_GAIN)
        before, after = both_scores(gains, self._durations)
        most_again = min(len(self._bounds), _MOST_WORDS_AGAIN)
        return tuple(self._best(before, after, back) for back in range(most_again + 1))

    def _best(self, before: Array, after: Array, back: int) -> Evidence:
        """The word that ways best jump at once: over it (`back` 0), or from its end so many words back."""
        firsts, ends = np.array(self._bounds)[: len(self._bounds) - max(back - 1, 0), 0], np.array(self._bounds)[:, 1]
        if back:
            kind, scores = REPEATED, before[:, ends[back - 1 :]] + after[:, firsts]
        else:
            kind, scores = SWALLOWED, before[:, firsts] + after[:, ends]
        of_words = _log_of_sum(scores)
        word = int(of_words.argmax())
        fault = WordFault(self._numbers[word], kind, int(scores[:, word].argmax()))
        return Evidence(float(of_words[word] - before[-1, -1]), fault)


def both_scores(gains: Array, durations: Array) -> tuple[Array, Array]:
    """Score the ways from the start and the ways to the end, both at once: each step is small.

    Args:
        gains: [T, P] float32, of tokens at phones.
        durations: [P, D] float32, log probability of 0 to D - 1 tokens.

    Returns:
        [T + 1, P + 1] float64: of the first t tokens along exactly the first p phones, and of the tokens behind these
        along the phones behind those.
    """
    num_tokens, num_phones = gains.shape
    longest = durations.shape[1] - 1
    lasting = np.stack([durations, durations[::-1]], axis=1, dtype=np.float32)[..., np.newaxis]  # [P, 2, D, 1]
    sums = np.zeros((num_phones, 2, num_tokens + 1))
    np.cumsum(np.stack([gains.T, gains[::-1, ::-1].T], axis=1), axis=2, dtype=np.float64, out=sums[..., 1:])
    scores = np.full((num_phones + 1, 2, num_tokens + 1), _NEVER)
    scores[0, :, 0] = 0.0
    begun = np.full(
        (2, longest + num_tokens + 1), _NEVER, dtype=np.float32
    )  # of phones, behind tokens that do not exist
    earlier = np.lib.stride_tricks.sliding_window_view(begun, num_tokens + 1, axis=1)[:, ::-1]  # d tokens ago
    ways = np.empty(earlier.shape, dtype=np.float32)
    for phone in range(num_phones):
        begun[:, longest:] = scores[phone] - sums[phone]
        np.add(earlier, lasting[phone], out=ways)
        np.add(_log_of_sum(ways, axis=1), sums[phone], out=scores[phone + 1])
    return scores[:, 0].T, scores[::-1, 1, ::-1].T


def _log_of_sum(scores: Array, axis: int = 0) -> Array:
    """Logarithm of the sum of what these are logarithms of."""
    best = scores.max(axis=axis, keepdims=True)
    shares = np.exp(scores - best)
    return np.asarray(np.log(shares.sum(axis=axis)) + best.squeeze(axis))
