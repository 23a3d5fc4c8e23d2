"""Transformer encoder layer that normalises after each sum: HuBERT's and BERT's are the same.

Source: Vaswani et al. 2017, "Attention Is All You Need", with GELU.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class SelfAttention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, hidden)

    def forward(self, x: Tensor, blocked: Tensor | None) -> Tensor:
        """Attend.

        Args:
            x: [B, L, hidden].
            blocked: [B, 1, 1, L] added to the scores, or None.

        Returns:
            [B, L, hidden].
        """
        batch, length, hidden = x.shape
        head_dim = hidden // self.heads

        def split(y: Tensor) -> Tensor:
            return y.reshape(batch, length, self.heads, head_dim).transpose(1, 2)

        scores = split(self.query(x) * head_dim**-0.5) @ split(self.key(x)).transpose(2, 3)
        if blocked is not None:
            scores = scores + blocked
        context = scores.softmax(dim=-1) @ split(self.value(x))
        return self.out(context.transpose(1, 2).reshape(batch, length, hidden))


class PostNormLayer(nn.Module):
    """Self-attention and feed-forward, each added and then normalised."""

    def __init__(self, hidden: int, heads: int, feed_forward: int, eps: float) -> None:
        super().__init__()
        self.attention = SelfAttention(hidden, heads)
        self.attention_norm = nn.LayerNorm(hidden, eps)
        self.expand = nn.Linear(hidden, feed_forward)
        self.contract = nn.Linear(feed_forward, hidden)
        self.output_norm = nn.LayerNorm(hidden, eps)

    def forward(self, x: Tensor, blocked: Tensor | None) -> Tensor:
        """[B, L, hidden] to [B, L, hidden]; `blocked` as in `SelfAttention`."""
        x = self.attention_norm(x + self.attention(x, blocked))
        return self.output_norm(x + self.contract(functional.gelu(self.expand(x))))
