"""Text-to-semantic transformer (s1): teacher-forced forward, prefill and decode step.

One sequence is its text rows followed by its token rows. A text row sees all text and no tokens; a token
row sees all text, itself and the tokens before it. Keys carry no rotation, so a cached key is final and the
order of the cache does not matter.

Axis letters: ``B`` sequences, ``P`` phones, ``T`` semantic tokens, ``L`` rows of a packed sequence
(phones, then tokens, then padding), ``S`` slots, ``V`` vocabulary.

Source: GPT-SoVITS 48b1a01, GPT_SoVITS/AR/models/t2s_model.py (`Text2SemanticDecoder`), for the facts; the cache
is preallocated here instead of grown, and sampling is left to `gsv_runtime.t2s.sampling`.
"""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from gsv_build.sizes import T2SSizes


def sinusoids(positions: Tensor, hidden: int) -> Tensor:
    """Encode positions as interleaved sines and cosines, base 10000.

    Args:
        positions: any shape, counted from 0.
        hidden: channels, even.

    Returns:
        That shape with an axis of `hidden` appended, float32.
    """
    steps = torch.arange(0, hidden, 2, dtype=torch.float32, device=positions.device)
    angles = positions.to(torch.float32).unsqueeze(-1) * torch.exp(steps * -(math.log(10000.0) / hidden))
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)


def visible_keys(phone_lengths: Tensor, lengths: Tensor, rows: int) -> Tensor:
    """Say which rows a row may attend to.

    Args:
        phone_lengths: `[B]` text rows of each sequence.
        lengths: `[B]` text and token rows of each sequence.
        rows: L.

    Returns:
        `[B, L, L]` bool, True where row i sees row j. Padded rows see the real ones, so that none is empty.
    """
    index = torch.arange(rows, device=lengths.device)
    causal = index[None, :] <= index[:, None]
    is_text = (index[None, :] < phone_lengths[:, None])[:, None, :]
    is_real = (index[None, :] < lengths[:, None])[:, None, :]
    return (is_text | causal) & is_real


class TransformerLayer(nn.Module):
    """Post-norm transformer layer, split where the cache stands between projection and attention."""

    def __init__(self, sizes: T2SSizes) -> None:
        super().__init__()
        self.heads, self.head_dim = sizes.heads, sizes.head_dim
        self.qkv = nn.Linear(sizes.hidden, 3 * sizes.attention)
        self.attention_output = nn.Linear(sizes.attention, sizes.hidden)
        self.attention_norm = nn.LayerNorm(sizes.hidden)
        self.expand = nn.Linear(sizes.hidden, sizes.feed_forward)
        self.contract = nn.Linear(sizes.feed_forward, sizes.hidden)
        self.feed_forward_norm = nn.LayerNorm(sizes.hidden)
        nn.init.xavier_uniform_(self.qkv.weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.attention_output.bias)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Project rows `[B, L, hidden]` to queries, keys and values, each `[B, heads, L, head_dim]`."""
        batch, rows, _ = x.shape
        split = self.qkv(x).view(batch, rows, 3, self.heads, self.head_dim)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        return query, key, value

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """Add attention `[B, heads, L, head_dim]` and feed-forward to rows x `[B, L, hidden]`."""
        merged = attended.transpose(1, 2).flatten(2)
        x = self.attention_norm(x + self.attention_output(merged))
        result: Tensor = self.feed_forward_norm(x + self.contract(F.relu(self.expand(x))))
        return result


class T2S(nn.Module):
    """Phones and semantic tokens to the distribution of the next semantic token."""

    def __init__(self, sizes: T2SSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.bert_projection = nn.Linear(sizes.bert_dim, sizes.hidden)
        self.phone_embedding = nn.Embedding(sizes.num_phones, sizes.hidden)
        self.phone_position_scale = nn.Parameter(torch.ones(1))
        self.token_embedding = nn.Embedding(sizes.vocabulary, sizes.hidden)
        self.token_position_scale = nn.Parameter(torch.ones(1))
        self.layers = nn.ModuleList(TransformerLayer(sizes) for _ in range(sizes.layers))
        self.head = nn.Linear(sizes.hidden, sizes.vocabulary, bias=False)

    @property
    def typed_layers(self) -> list[TransformerLayer]:
        """The layers, first to last."""
        return cast("list[TransformerLayer]", list(self.layers))

    def forward(
        self, phones: Tensor, phone_lengths: Tensor, bert_features: Tensor, tokens: Tensor, token_lengths: Tensor
    ) -> Tensor:
        """Score every token of right-padded sequences, teacher-forced; differentiable.

        Args:
            phones: `[B, P]` int64, prompt and target phones; padding is any valid id.
            phone_lengths: `[B]` int64, at least 1.
            bert_features: `[B, bert_dim, P]` float32.
            tokens: `[B, T]` int64 without EOS; padding is any valid id; T may be 0.
            token_lengths: `[B]` int64.

        Returns:
            `[B, T + 1, V]` logits. Row t is the distribution of token t given tokens 0 to t - 1 (row 0 comes from
            the last phone), so the target of row `token_lengths[b]` is EOS and later rows are padding.
        """
        rows, lengths = phones.shape[1] + tokens.shape[1], phone_lengths + token_lengths
        index = torch.arange(rows, device=phones.device)
        token_index = (index[None, :] - phone_lengths[:, None]).clamp(min=0)
        packed_phones = F.pad(phones, (0, tokens.shape[1]))
        padded_tokens = F.pad(tokens, (0, phones.shape[1]))
        packed_tokens = padded_tokens.gather(1, token_index)
        packed_bert = F.pad(bert_features, (0, tokens.shape[1])).transpose(1, 2)
        x = self.embed_packed(packed_phones, packed_tokens, packed_bert, phone_lengths)
        x, _, _ = self._attend_packed(x, phone_lengths, lengths)
        scored = torch.arange(-1, tokens.shape[1], device=phones.device)[None, :] + phone_lengths[:, None]
        result: Tensor = self.head(x.gather(1, scored[..., None].expand(-1, -1, x.shape[-1])))
        return result

    def embed_packed(self, phones: Tensor, tokens: Tensor, bert_features: Tensor, phone_lengths: Tensor) -> Tensor:
        """Embed packed rows; positions start at 0 for text and again at 0 for tokens.

        Args:
            phones: `[B, L]` int64, read in text rows only.
            tokens: `[B, L]` int64, read in the other rows only.
            bert_features: `[B, L, bert_dim]` float32, read in text rows only.
            phone_lengths: `[B]` int64.

        Returns:
            `[B, L, hidden]` float32.
        """
        index = torch.arange(phones.shape[1], device=phones.device)
        is_text = index[None, :] < phone_lengths[:, None]
        positions = torch.where(is_text, index[None, :], index[None, :] - phone_lengths[:, None])
        encoding = sinusoids(positions, self.sizes.hidden)
        text = self.phone_embedding(phones) + self.bert_projection(bert_features) + self.phone_position_scale * encoding
        audio = self.token_embedding(tokens) + self.token_position_scale * encoding
        return torch.where(is_text[..., None], text, audio)

    def prefill(
        self, phones: Tensor, tokens: Tensor, bert_features: Tensor, phone_lengths: Tensor, lengths: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Run packed prompts and return what a decode loop starts from.

        Args:
            phones: `[B, L]` int64, as in `embed_packed`.
            tokens: `[B, L]` int64.
            bert_features: `[B, L, bert_dim]` float32.
            phone_lengths: `[B]` int64 text rows.
            lengths: `[B]` int64 text and token rows.

        Returns:
            Logits `[B, V]` of the next token; keys and values, each `[layers, B, heads, L, head_dim]`, meaningless
            beyond `lengths`.
        """
        x = self.embed_packed(phones, tokens, bert_features, phone_lengths)
        x, keys, values = self._attend_packed(x, phone_lengths, lengths)
        last = (lengths - 1)[:, None, None].expand(-1, 1, x.shape[-1])
        return self.head(x.gather(1, last)[:, 0]), keys, values

    def decode_step(
        self, tokens: Tensor, token_positions: Tensor, lengths: Tensor, key_cache: Tensor, value_cache: Tensor
    ) -> Tensor:
        """Append one token to each slot and score the next.

        Args:
            tokens: `[S]` int64, the token sampled last.
            token_positions: `[S]` int64, its position among the tokens (the prompt's count).
            lengths: `[S]` int64, rows written to each slot before this step.
            key_cache: `[layers, S, heads, max_tokens, head_dim]` float32, written in place at `lengths`.
            value_cache: the same.

        Returns:
            `[S, V]` logits.
        """
        slots = torch.arange(tokens.shape[0], device=tokens.device)
        read = int(lengths.max()) + 1
        visible = (torch.arange(read, device=tokens.device)[None, :] <= lengths[:, None])[:, None, None, :]
        x = self.token_embedding(tokens) + self.token_position_scale * sinusoids(token_positions, self.sizes.hidden)
        x = x[:, None, :]
        for index, layer in enumerate(self.typed_layers):
            query, key, value = layer.project(x)
            key_cache[index][slots, :, lengths] = key[:, :, 0]
            value_cache[index][slots, :, lengths] = value[:, :, 0]
            keys, values = key_cache[index][:, :, :read], value_cache[index][:, :, :read]
            x = layer.finish(x, F.scaled_dot_product_attention(query, keys, values, attn_mask=visible))
        result: Tensor = self.head(x[:, 0])
        return result

    def _attend_packed(self, x: Tensor, phone_lengths: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Run all layers over packed rows; also return every layer's keys and values."""
        visible = visible_keys(phone_lengths, lengths, x.shape[1])[:, None]
        keys, values = [], []
        for layer in self.typed_layers:
            query, key, value = layer.project(x)
            keys.append(key)
            values.append(value)
            x = layer.finish(x, F.scaled_dot_product_attention(query, key, value, attn_mask=visible))
        return x, torch.stack(keys), torch.stack(values)
