"""Which phone each semantic token speaks: the likeliest way of a sentence's tokens through its phones. Pure.

How well a token fits a phone says a table that the build has learned from what T2S itself speaks. The way only goes
forward, and is found by dynamic programming (Viterbi). A phone may be passed over, since two are often shorter than one
token of 40 ms; passing over costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gsv_runtime.tensors import Array
from gsv_runtime.tts.synthesis.chunking import ChunkSchedule

MAX_STEP = 4  # phones that one token may go forward
_PASS_COST = 2.0  # of each phone that is passed over


@dataclass(frozen=True)
class PhoneTable:
    """How much likelier each token is where a phone is spoken than anywhere.

    Attributes:
        gains: [phones of the table, tokens] float32, logarithms.
        durations: [phones of the table, D] float32, log probability that a phone lasts 0 to D - 1 tokens, the last of
            so many or more; None: a repository that was built before there were any.
    """

    gains: Array
    durations: Array | None = None

    def of(self, phones: Array, tokens: Array) -> Array:
        """Gains [T, P] of a sentence's tokens [T] at its phones [P]; a number beyond the table gains nothing."""
        known_phones, known_tokens = phones < self.gains.shape[0], tokens < self.gains.shape[1]
        found = self.gains[np.where(known_phones, phones, 0)][:, np.where(known_tokens, tokens, 0)]
        return (found * known_phones[:, np.newaxis] * known_tokens).T


def token_phones(gains: Array, start: int = 0, finished: bool = True) -> Array:
    """Find which phone each token speaks.

    Args:
        gains: [T, P] float32, as `PhoneTable.of` gives them.
        start: the phone of the token before the first.
        finished: whether these are the last tokens, so that the way has to end at the last phone.

    Returns:
        [T] int64, never falling.
    """
    num_tokens, num_phones = gains.shape
    costs = _PASS_COST * np.maximum(np.arange(MAX_STEP + 1) - 1, 0)
    score = np.full(num_phones + MAX_STEP, -np.inf)  # of phones, behind `MAX_STEP` that do not exist
    score[MAX_STEP + start] = 0.0
    came_from = np.zeros((num_tokens, num_phones), dtype=np.int64)
    earlier = np.lib.stride_tricks.sliding_window_view(score, num_phones)[::-1]  # [step, P]: of phone - step
    reached = np.empty(earlier.shape)
    for index in range(num_tokens):
        np.subtract(earlier, costs[:, np.newaxis], out=reached)
        reached.argmax(axis=0, out=came_from[index])
        score[MAX_STEP:] = reached.max(axis=0) + gains[index]
    left_out = np.arange(num_phones - 1, -1, -1) if finished else 0
    return _way_back(came_from, score[MAX_STEP:] - _PASS_COST * left_out)


def _way_back(came_from: Array, score: Array) -> Array:
    path = np.empty(came_from.shape[0], dtype=np.int64)
    phone = int(score.argmax())
    for index in range(path.size - 1, -1, -1):
        path[index] = phone
        phone -= int(came_from[index, phone])
    return path


class Alignment:
    """One sentence's way, chunk by chunk: what was told stays, and the next chunk goes on from there.

    The chunks are those of a stream, however the sentence is decoded: so times do not depend on that.
    """

    def __init__(self, table: PhoneTable, phones: Array, schedule: ChunkSchedule) -> None:
        """Find the way of tokens to come through `phones` [P], cut as `schedule` says."""
        self._table = table
        self._phones = phones
        self._schedule = schedule
        self._chunk = 0
        self._phone = 0

    def advance(self, tokens: Array, finished: bool) -> Array:
        """Go on.

        Args:
            tokens: [T] int64, all of the sentence that are known.
            finished: whether no others follow.

        Returns:
            [N] int64, the phone of each token of the chunks that can now be told, behind those told before.
        """
        parts = [np.zeros(0, dtype=np.int64)]
        is_last = False
        while not is_last:
            start, stop = self._schedule.bounds(self._chunk)
            known = self._schedule.tokens_before_chunk(self._chunk)
            is_last = tokens.size < known
            if is_last and not finished:
                break
            gains = self._table.of(self._phones, tokens[start : tokens.size if is_last else known])
            path = token_phones(gains, self._phone, is_last)[: None if is_last else stop - start]
            self._phone = int(path[-1]) if path.size else self._phone
            self._chunk += 1
            parts.append(path)
        return np.concatenate(parts)
