"""Makes s2 say of a sentence's first frames the same whether or not it knows the rest: what streaming needs.

A chunk is decoded when only a few tokens beyond it are known, but the text encoder's attention runs over all tokens, so
that the rest of the sentence could change what was already sent. Ours: not in upstream's training.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gsv_build.modules.acoustic import Acoustic, Encoded
from gsv_runtime.contract import FRAMES_PER_TOKEN

LOOKAHEAD_TOKENS = 12  # as the server's: settings.json, `lookahead_tokens`
_FEWEST_TOKENS = LOOKAHEAD_TOKENS + 8


def prefix_distance(
    acoustic: Acoustic,
    tokens: Tensor,
    phones: Tensor,
    phone_lengths: Tensor,
    condition: Tensor,
    whole: Encoded,
    shortest: int,
) -> Tensor:
    """How far the prior moves when the tokens after a random place become known.

    Args:
        acoustic: the text encoder's module.
        tokens: [B, T] int64.
        phones: [B, P] int64.
        phone_lengths: [B, 1] int64.
        condition: [B, global_dim].
        whole: prior of all tokens.
        shortest: tokens of the shortest row; nothing is compared beyond.

    Returns:
        A scalar: mean absolute difference of the prior's mean and of its logarithm of the standard deviation, over the
        frames that a stream would have decoded. 0 for rows too short to be cut.
    """
    if shortest <= _FEWEST_TOKENS:
        return whole.mean.new_zeros(())
    known = int(torch.randint(_FEWEST_TOKENS, shortest, ()))
    lengths = torch.full((len(tokens), 1), known, device=tokens.device)
    early = acoustic.encode_text_and_tokens(tokens[:, :known], lengths, phones, phone_lengths, condition)
    frames = (known - LOOKAHEAD_TOKENS) * FRAMES_PER_TOKEN
    mean = (early.mean[:, :, :frames].float() - whole.mean[:, :, :frames]).abs().mean()
    return mean + (early.log_std[:, :, :frames].float() - whole.log_std[:, :, :frames]).abs().mean()
