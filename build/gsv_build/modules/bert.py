"""BERT: characters to contextual features, cut after the layer that upstream reads.

Source: Devlin et al. 2019, in the form that the Hugging Face checkpoints store (post-norm, GELU, learned positions).
Different on purpose: only the first `layers_used` layers exist (hidden_states[-3] is their output); segment ids
are always 0 and their embedding is added to the positions when a checkpoint is read; a padded batch gives what
single calls give.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gsv_build.sizes import BertSizes

_BLOCKED = -1e4  # additive mask: exp() of it is exactly 0, and fp16 can hold it


class SelfAttention(nn.Module):
    """Multi-head self-attention over characters."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, hidden)

    def forward(self, x: Tensor, blocked: Tensor) -> Tensor:
        """[B, C, hidden] to [B, C, hidden]; `blocked` [B, 1, 1, C] is added to the scores."""
        batch, characters, hidden = x.shape
        head_dim = hidden // self.heads

        def split(y: Tensor) -> Tensor:
            return y.reshape(batch, characters, self.heads, head_dim).transpose(1, 2)

        scores = split(self.query(x) * head_dim**-0.5) @ split(self.key(x)).transpose(2, 3) + blocked
        context = scores.softmax(dim=-1) @ split(self.value(x))
        return self.out(context.transpose(1, 2).reshape(batch, characters, hidden))


class BertLayer(nn.Module):
    """Post-norm transformer layer with GELU."""

    def __init__(self, sizes: BertSizes) -> None:
        super().__init__()
        self.attention = SelfAttention(sizes.hidden, sizes.heads)
        self.attention_norm = nn.LayerNorm(sizes.hidden, sizes.layer_norm_eps)
        self.expand = nn.Linear(sizes.hidden, sizes.feed_forward)
        self.contract = nn.Linear(sizes.feed_forward, sizes.hidden)
        self.output_norm = nn.LayerNorm(sizes.hidden, sizes.layer_norm_eps)

    def forward(self, x: Tensor, blocked: Tensor) -> Tensor:
        """[B, C, hidden] to [B, C, hidden]; `blocked` as in `SelfAttention`."""
        x = self.attention_norm(x + self.attention(x, blocked))
        return self.output_norm(x + self.contract(functional.gelu(self.expand(x))))


class Bert(nn.Module):
    """Character encoder: token ids in, hidden states of layer `layers_used` out."""

    def __init__(self, sizes: BertSizes | None = None) -> None:
        super().__init__()
        self.sizes = sizes = sizes or BertSizes()
        self.characters = nn.Embedding(sizes.vocabulary, sizes.hidden)
        self.positions = nn.Embedding(sizes.max_positions, sizes.hidden)  # segment 0 is already added
        self.input_norm = nn.LayerNorm(sizes.hidden, sizes.layer_norm_eps)
        self.layers = nn.ModuleList(BertLayer(sizes) for _ in range(sizes.layers_used))

    def forward(self, bert_token_ids: Tensor, character_lengths: Tensor) -> Tensor:
        """Characters to features.

        Args:
            bert_token_ids: [B, C] int64 vocabulary ids, CLS first and SEP last, 0 beyond; C at most `max_positions`.
            character_lengths: [B, 1] int64 ids of each row, CLS and SEP counted.

        Returns:
            [B, C, bert_dim], the CLS and SEP rows included; rows beyond the length mean nothing.
        """
        position = torch.arange(bert_token_ids.shape[1], device=bert_token_ids.device)
        x = self.input_norm(self.characters(bert_token_ids) + self.positions(position)[None])
        padding = (position[None, :] >= character_lengths).to(x.dtype)
        blocked = padding[:, None, None, :] * _BLOCKED
        for layer in self.layers:
            x = layer(x, blocked)
        return x
