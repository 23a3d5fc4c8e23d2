"""BERT: characters to contextual features, cut after the layer that upstream reads.

Source: Devlin et al. 2019, in the form that the Hugging Face checkpoints store (post-norm, GELU, learned positions).
Different on purpose: only the first `layers_used` layers exist (hidden_states[-3] is their output); segment ids
are always 0 and their embedding is added to the positions when a checkpoint is read; a padded batch gives what
single calls give.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gsv_build.modules.post_norm import PostNormLayer
from gsv_build.sizes import BertSizes

_BLOCKED = -1e4  # additive mask: exp() of it is exactly 0, and fp16 can hold it


class Bert(nn.Module):
    """Character encoder: token ids in, hidden states of layer `layers_used` out."""

    def __init__(self, sizes: BertSizes | None = None) -> None:
        super().__init__()
        self.sizes = sizes = sizes or BertSizes()
        self.characters = nn.Embedding(sizes.vocabulary, sizes.hidden)
        self.positions = nn.Embedding(sizes.max_positions, sizes.hidden)  # segment 0 is already added
        self.input_norm = nn.LayerNorm(sizes.hidden, sizes.layer_norm_eps)
        self.layers = nn.ModuleList(
            PostNormLayer(sizes.hidden, sizes.heads, sizes.feed_forward, sizes.layer_norm_eps)
            for _ in range(sizes.layers_used)
        )

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
