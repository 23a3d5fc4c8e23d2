"""SSL features to semantic tokens.

Source: GPT_SoVITS/module/{quantize,core_vq}.py and models.py, `extract_latent`, at 48b1a01. Upstream's squared distance
is compared here without the term |x|^2 that all codes share.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gsv_build.sizes import SovitsSizes


class Quantizer(nn.Module):
    """The `speech_tokenizer` stage: halve the frame rate, then name the nearest code."""

    codebook: Tensor

    def __init__(self, sizes: SovitsSizes) -> None:
        super().__init__()
        self.projection = nn.Conv1d(sizes.ssl_dim, sizes.ssl_dim, 2, stride=2)
        self.register_buffer("codebook", torch.randn(sizes.codebook, sizes.ssl_dim))

    def forward(self, ssl_features: Tensor) -> Tensor:
        """Tokenize.

        Args:
            ssl_features: [B, ssl_dim, F], 50 frames a second.

        Returns:
            prompt_tokens: [B, F // 2] int64, 25 a second.
        """
        return self.nearest(self.projection(ssl_features))

    def nearest(self, projected: Tensor) -> Tensor:
        """Index [B, T] of the code nearest to each column of [B, ssl_dim, T]."""
        codes = self.codebook
        likeness = 2.0 * torch.matmul(codes, projected) - codes.square().sum(dim=1).unsqueeze(1)
        return likeness.argmax(dim=1)
