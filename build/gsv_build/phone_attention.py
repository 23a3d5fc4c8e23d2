"""Where T2S looks while it speaks: the head whose attention goes through the phones as its tokens do.

A sentence's tokens are shown to the network once, all together. Of all heads the one is taken whose attention a way
through the phones follows best; no time is given. A network without such a head tells nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from gsv_build.modules.t2s import T2S, visible_keys
from gsv_runtime.tensors import Array
from gsv_runtime.tts.synthesis.alignment import token_phones

_TRIED = 16  # sentences by which the head is chosen
_LEAST_GAIN = 1.0  # of a token along the way; one that looks evenly gains nothing
_FLOOR = 1e-3  # times an even share: the least that a phone is looked at


@dataclass(frozen=True)
class SpokenPhones:
    """Phones [P] of a sentence and the tokens [T] that were drawn for them."""

    phones: Array
    tokens: Array


def looks_of(t2s: T2S, takes: Sequence[SpokenPhones]) -> list[Array] | None:
    """Find at which phone the network looks when it draws each token.

    Args:
        t2s: that drew them.
        takes: without a prompt.

    Returns:
        Of each take [T, P] float32, logarithms of how much more than evenly it looks at a phone; None where no head
        follows the text.
    """
    sizes = t2s.sizes
    heads = [(layer, head) for layer in range(sizes.layers) for head in range(sizes.heads)]
    follows = dict.fromkeys(heads, 0.0)
    tried = takes[:: max(1, len(takes) // _TRIED)]
    for take in tried:
        for layer, shares in enumerate(_attention(t2s, take)):
            for head in range(sizes.heads):
                follows[layer, head] += _followed(_gains(shares[head])) / len(tried)
    layer, head = max(heads, key=lambda each: follows[each])
    if follows[layer, head] < _LEAST_GAIN:
        return None
    return [
        _gains(next(shares for index, shares in enumerate(_attention(t2s, take)) if index == layer)[head])
        for take in takes
    ]


def _followed(gains: Array) -> float:
    """What a token gains along the best way."""
    path = token_phones(gains)
    return float(gains[np.arange(path.size), path].mean())


def _gains(shares: Array) -> Array:
    """Of attention [T, P] to phones."""
    of_text = np.maximum(shares.sum(axis=1, keepdims=True), 1e-9)
    return np.asarray(np.log(shares / of_text * shares.shape[1] + _FLOOR), dtype=np.float32)


@torch.no_grad()
def _attention(t2s: T2S, take: SpokenPhones) -> Iterator[Array]:
    """Of each layer how the row that draws a token shares its attention among the phones: [heads, T, P]."""
    num_phones, num_tokens = take.phones.size, take.tokens.size
    rows = num_phones + num_tokens
    phone_lengths, lengths = torch.tensor([num_phones]), torch.tensor([rows])
    phones = functional.pad(torch.from_numpy(take.phones), (0, num_tokens))[None]
    tokens = functional.pad(torch.from_numpy(take.tokens), (num_phones, 0))[None]
    x = t2s.embed_packed(phones, tokens, torch.zeros(1, rows, t2s.sizes.bert_dim), phone_lengths)
    hidden = ~visible_keys(phone_lengths, lengths, rows)[:, None]
    for layer in t2s.typed_layers:
        query, key, value = layer.project(x)
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        shares = scores.masked_fill(hidden, -math.inf).softmax(dim=-1)
        yield shares[0, :, num_phones - 1 : rows - 1, :num_phones].numpy()
        x = layer.finish(x, shares @ value)
