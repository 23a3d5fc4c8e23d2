"""Makes s2 say of a sentence's first frames the same whether or not it knows the rest: what streaming needs.

A chunk is decoded when only a few tokens beyond it are known, but the text encoder's attention runs over all tokens, so
that the rest of the sentence could change what was already sent. Ours: not in upstream's training.
"""

from __future__ import annotations

import random

from torch import Tensor

from gsv_build.modules.acoustic import Acoustic, Encoded
from gsv_build.modules.masks import length_mask
from gsv_runtime.contract import FRAMES_PER_TOKEN

LOOKAHEAD_TOKENS = 12  # as the server's: settings.json, `lookahead_tokens`
_FEWEST_TOKENS = LOOKAHEAD_TOKENS + 8


def drawn_prefix(rng: random.Random, shortest: int) -> int:
    """How many tokens are known at a random place.

    Args:
        rng: draws.
        shortest: tokens of the shortest row.

    Returns:
        0 for rows too short to be cut.
    """
    return rng.randrange(_FEWEST_TOKENS, shortest) if shortest > _FEWEST_TOKENS else 0


def prefix_distance(
    acoustic: Acoustic,
    tokens: Tensor,
    phones: Tensor,
    phone_lengths: Tensor,
    condition: Tensor,
    whole: Encoded,
    known: Tensor,
) -> Tensor:
    """How far the prior moves when the tokens after a random place become known.

    Args:
        acoustic: the text encoder's module.
        tokens: [B, T] int64.
        phones: [B, P] int64.
        phone_lengths: [B, 1] int64.
        condition: [B, global_dim].
        whole: prior of all tokens.
        known: [B, 1] int64, tokens known, one number for all rows, as `drawn_prefix` gives it.

    Returns:
        A scalar: mean absolute difference of the prior's mean and of its logarithm of the standard deviation, over the
        frames that a stream would have decoded. 0 where nothing is known.
    """
    early = acoustic.encode_text_and_tokens(tokens, known.clamp(min=1), phones, phone_lengths, condition)
    sent = length_mask((known - LOOKAHEAD_TOKENS).clamp(min=0) * FRAMES_PER_TOKEN, whole.mean.shape[2])
    moved = (early.mean.float() - whole.mean).abs() + (early.log_std.float() - whole.log_std).abs()
    return (moved * sent).sum() / (sent.sum() * whole.mean.shape[1]).clamp(min=1.0)
