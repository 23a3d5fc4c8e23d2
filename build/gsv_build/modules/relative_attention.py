"""Self-attention with a window of relative positions, and the encoder made of it.

Source: Shaw et al. 2018, "Self-Attention with Relative Position Representations", as VITS uses it
(GPT_SoVITS/module/attentions.py at 48b1a01). Upstream shifts between relative and absolute positions by
padding and reshaping; here one index per pair of positions does both, so that the graph has no
shape that depends on the length in more than one way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

MASKED_SCORE = -1e4  # exp of it is 0 in float32 and float16, and it is finite in both


@dataclass(frozen=True)
class RelativeBand:
    """Where the diagonal band of a [L, L] score matrix lies; W is 2 * window + 1.

    Attributes:
        spread: [L * L] int64, for each pair (i, j) the place of its offset in a flat [L, W] table.
        inside: [L, L] float32, 1 where |j - i| is at most the window.
        collect: [L * W] int64, for each (i, offset) the place of its pair in a flat [L, L] table.
        exists: [L, W] float32, 1 where i + offset is a position.
    """

    spread: Tensor
    inside: Tensor
    collect: Tensor
    exists: Tensor

    @staticmethod
    def of(length: int, window: int, device: torch.device) -> RelativeBand:
        """Lay out the band of a square of `length` positions."""
        positions = torch.arange(length, device=device)
        offsets = torch.arange(-window, window + 1, device=device)
        width = 2 * window + 1
        distance = positions.unsqueeze(0) - positions.unsqueeze(1)
        column = distance.clamp(-window, window) + window
        key = positions.unsqueeze(1) + offsets.unsqueeze(0)
        return RelativeBand(
            spread=(positions.unsqueeze(1) * width + column).reshape(-1),
            inside=(distance.abs() <= window).to(torch.float32),
            collect=(positions.unsqueeze(1) * length + key.clamp(min=0).clamp(max=length - 1)).reshape(-1),
            exists=((key >= 0) & (key < length)).to(torch.float32),
        )


def split_heads(features: Tensor, heads: int) -> Tensor:
    """Reshape [B, L, heads * D] to [B, heads, L, D]."""
    batch, length, width = features.shape
    return features.reshape(batch, length, heads, width // heads).transpose(1, 2)


def join_heads(features: Tensor) -> Tensor:
    """Reshape [B, heads, L, D] to [B, L, heads * D]."""
    batch, heads, length, width = features.shape
    return features.transpose(1, 2).reshape(batch, length, heads * width)


def key_bias(mask: Tensor) -> Tensor:
    """Turn a [B, 1, L] mask of keys into scores to add, [B, 1, 1, L]."""
    return ((1.0 - mask) * MASKED_SCORE).unsqueeze(1)


class RelativeAttention(nn.Module):
    """Multi-head self-attention that also sees how far apart two positions are, up to a window."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        head_width = width // heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.relative_key = nn.Parameter(torch.randn(2 * window + 1, head_width) * head_width**-0.5)
        self.relative_value = nn.Parameter(torch.randn(2 * window + 1, head_width) * head_width**-0.5)

    def forward(self, features: Tensor, bias: Tensor, band: RelativeBand) -> Tensor:
        """Attend from every position to every unmasked one.

        Args:
            features: [B, L, width].
            bias: [B, 1, 1, L], added to the scores.
            band: of the same L.

        Returns:
            [B, L, width]; rows beyond a row's length are meaningless.
        """
        query = split_heads(self.query(features), self.heads)
        key = split_heads(self.key(features), self.heads)
        value = split_heads(self.value(features), self.heads)
        batch, heads, length, head_width = query.shape
        query = query * head_width**-0.5
        relative = torch.matmul(query, self.relative_key.transpose(0, 1)).flatten(2)
        local = relative.index_select(2, band.spread).reshape(batch, heads, length, length) * band.inside
        weights = torch.softmax(torch.matmul(query, key.transpose(2, 3)) + local + bias, dim=-1)
        width = self.relative_value.shape[0]
        near = weights.flatten(2).index_select(2, band.collect).reshape(batch, heads, length, width) * band.exists
        return self.output(join_heads(torch.matmul(weights, value) + torch.matmul(near, self.relative_value)))


class CrossAttention(nn.Module):
    """Multi-head attention from one sequence to another, without positions."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(self, features: Tensor, context: Tensor, bias: Tensor) -> Tensor:
        """Attend from `features` [B, L, width] to `context` [B, M, width] with `bias` [B, 1, 1, M]."""
        query = split_heads(self.query(features), self.heads)
        key = split_heads(self.key(context), self.heads)
        value = split_heads(self.value(context), self.heads)
        scores = torch.matmul(query / math.sqrt(query.shape[-1]), key.transpose(2, 3)) + bias
        return self.output(join_heads(torch.matmul(torch.softmax(scores, dim=-1), value)))


class FeedForward(nn.Module):
    """Two convolutions over time with a ReLU between."""

    def __init__(self, width: int, inner: int, kernel: int) -> None:
        super().__init__()
        # An even kernel pads one more on the right, as upstream.
        self.padding = ((kernel - 1) // 2, kernel // 2)
        self.expand = nn.Conv1d(width, inner, kernel)
        self.contract = nn.Conv1d(inner, width, kernel)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Map [B, L, width] to [B, L, width]; `mask` is [B, 1, L]."""
        inner = self.expand(functional.pad(features.transpose(1, 2) * mask, self.padding))
        inner = torch.relu(inner) * mask
        return self.contract(functional.pad(inner, self.padding)).transpose(1, 2)


class EncoderLayer(nn.Module):
    """Attention and feed-forward, each followed by a residual sum and a layer norm."""

    def __init__(self, width: int, inner: int, heads: int, kernel: int, window: int) -> None:
        super().__init__()
        self.attention = RelativeAttention(width, heads, window)
        self.attention_norm = nn.LayerNorm(width)
        self.feed_forward = FeedForward(width, inner, kernel)
        self.feed_forward_norm = nn.LayerNorm(width)

    def forward(self, features: Tensor, mask: Tensor, bias: Tensor, band: RelativeBand) -> Tensor:
        """Map [B, L, width] to [B, L, width]."""
        features = self.attention_norm(features + self.attention(features, bias, band))
        return self.feed_forward_norm(features + self.feed_forward(features, mask))


class Encoder(nn.Module):
    """A stack of encoder layers over one sequence."""

    def __init__(self, width: int, inner: int, heads: int, layers: int, kernel: int, window: int = 4) -> None:
        super().__init__()
        self.window = window
        self.layers = nn.ModuleList(EncoderLayer(width, inner, heads, kernel, window) for _ in range(layers))

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Encode a padded batch.

        Args:
            features: [B, L, width].
            mask: [B, 1, L], 1 at real positions.

        Returns:
            [B, L, width], zero at padding.
        """
        band = RelativeBand.of(features.shape[1], self.window, features.device)
        bias = key_bias(mask)
        keep = mask.transpose(1, 2)
        features = features * keep
        for layer in self.layers:
            features = layer(features, mask, bias, band)
        return features * keep
