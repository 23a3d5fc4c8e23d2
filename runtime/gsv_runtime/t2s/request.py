"""What a sequence of `t2s` starts from: its prompt, checked, and how far it may run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.speech_request import Sampling, parse_sampling
from gsv_runtime.tensors import Array, Arrays

HARD_LIMIT_TOKENS = 1500  # 60 s, as upstream
_NEEDED = ("phones", "bert_features", "prompt_tokens")


@dataclass(frozen=True)
class Capacity:
    """What an engine can take; the graph's own sizes and the rows of a cache slot."""

    slots: int
    cache_rows: int  # phones and tokens that a slot holds
    num_phones: int  # size of the phone table
    vocabulary: int  # semantic tokens and, last, EOS
    bert_dim: int
    max_positions: int  # longest text, and longest run of tokens
    max_tokens: int = HARD_LIMIT_TOKENS  # that the checkpoint's configuration allows a sentence


@dataclass(frozen=True)
class TextLimit:
    """How many tokens a text may become; a sentence that wants more has run away."""

    tokens_per_phone: float = 12.0  # speech has 1 to 4
    tokens_at_least: int = 100  # of the shortest text

    def tokens(self, num_phones: int) -> int:
        """Tokens allowed to `num_phones` phones to be spoken."""
        return max(self.tokens_at_least, int(self.tokens_per_phone * num_phones))


@dataclass(frozen=True)
class Prompt:
    """The rows that prefill writes, how to draw what follows, and how many tokens may follow."""

    phones: Array  # [P] int64
    bert_features: Array  # [bert_dim, P] float32
    prompt_tokens: Array  # [T] int64, may be empty
    sampling: Sampling
    max_tokens: int

    @property
    def rows(self) -> int:
        """Rows of the cache that prefill fills."""
        return int(self.phones.size + self.prompt_tokens.size)


def parse_prompt(inputs: Arrays, capacity: Capacity, limit: TextLimit) -> Prompt:
    """Validate the first call of a sequence.

    Args:
        inputs: decoded tensors of contract.T2S.
        capacity: of the engine.
        limit: of the tokens that may follow.

    Raises:
        InvalidRequest: an input is missing, out of range, or too long for a slot.
    """
    missing = [name for name in _NEEDED if name not in inputs]
    if missing:
        raise InvalidRequest(f"first call of a sequence lacks {', '.join(missing)}; send all of {', '.join(_NEEDED)}")
    phones, features, tokens = (inputs[name] for name in _NEEDED)
    if phones.size == 0:
        raise InvalidRequest("phones is empty; need at least 1")
    if features.shape != (capacity.bert_dim, phones.size):
        raise InvalidRequest(
            f"bert_features is {list(features.shape)}; need {[capacity.bert_dim, int(phones.size)]}, one column a phone"
        )
    if not np.isfinite(features).all():
        raise InvalidRequest("bert_features holds values that are not finite; need numbers")
    _check_ids("phones", phones, capacity.num_phones)
    _check_ids("prompt_tokens", tokens, capacity.vocabulary - 1)
    room = _room(phones.size, tokens.size, capacity, limit.tokens_at_least)
    most = min(room, capacity.max_tokens, limit.tokens(_num_target_phones(inputs)))
    return Prompt(phones, features, tokens, parse_sampling(inputs), most)


def _check_ids(name: str, ids: Array, count: int) -> None:
    wrong = ids[(ids < 0) | (ids >= count)]
    if wrong.size:
        raise InvalidRequest(f"{name} holds {int(wrong[0])}; need 0 to {count - 1}")


def _num_target_phones(inputs: Arrays) -> int:
    """Phones of the text to be spoken."""
    num_phones = int(inputs["phones"].size)
    num_target = int(inputs["num_target_phones"][0]) if "num_target_phones" in inputs else num_phones
    if not 1 <= num_target <= num_phones:
        raise InvalidRequest(f"num_target_phones is {num_target}; need 1 to {num_phones}, the number of phones")
    return num_target


def _room(num_phones: int, num_prompt_tokens: int, capacity: Capacity, needed: int) -> int:
    """Tokens for which the slot, the table of positions and the hard limit have room."""
    room = min(
        capacity.cache_rows - num_phones - num_prompt_tokens,
        capacity.max_positions - num_prompt_tokens,
        HARD_LIMIT_TOKENS,
    )
    if num_phones > capacity.max_positions or room < needed:
        raise InvalidRequest(
            f"{num_phones} phones and {num_prompt_tokens} prompt tokens leave room for {max(room, 0)} tokens; "
            f"need {needed}; send a shorter text"
        )
    return room
