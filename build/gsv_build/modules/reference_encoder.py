"""Reference spectrogram to global condition.

Source: Min et al. 2021, "Meta-StyleSpeech" (MelStyleEncoder), as in GPT_SoVITS/module/modules.py at 48b1a01. Attention
scores are divided by sqrt(width), not sqrt(head width): a trait of the trained weights, kept. Deliberately different:
padding is masked before every convolution, so that a padded batch gives what single calls give.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from gsv_build.modules.masks import length_mask
from gsv_build.modules.relative_attention import join_heads, key_bias, split_heads
from gsv_build.sizes import SovitsSizes
from gsv_runtime.contract import SPEAKER_EMBEDDING_DIM

HEADS = 2
TEMPORAL_LAYERS = 2
TEMPORAL_KERNEL = 5


class ReferenceEncoder(nn.Module):
    """The `reference_encoder` stage: spectrum, time, attention, then one mean over time."""

    def __init__(self, sizes: SovitsSizes) -> None:
        super().__init__()
        width = sizes.style_hidden
        self.bins = sizes.version.reference_bins
        self.spectral_enter = nn.Linear(self.bins, width)
        self.spectral_leave = nn.Linear(width, width)
        self.temporal = nn.ModuleList(
            nn.Conv1d(width, 2 * width, TEMPORAL_KERNEL, padding=TEMPORAL_KERNEL // 2) for _ in range(TEMPORAL_LAYERS)
        )
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.projection = nn.Linear(width, sizes.global_dim)
        if sizes.version.uses_speaker_embedding:
            self.speaker_projection = nn.Linear(SPEAKER_EMBEDDING_DIM, sizes.global_dim)
            self.activation = nn.PReLU(sizes.global_dim)

    def forward(
        self, linear_spectrogram: Tensor, speaker_embedding: Tensor | None = None, frame_lengths: Tensor | None = None
    ) -> Tensor:
        """Encode the timbre of a reference.

        Args:
            linear_spectrogram: [B, 1025, F] magnitudes; later versions than v1 read the first 704 bins.
            speaker_embedding: [B, 20480], v2Pro and v2ProPlus only.
            frame_lengths: [B, 1] int64; None (the exported stage) takes every frame.

        Returns:
            global_condition: [B, global_dim].
        """
        if frame_lengths is None:
            mask = torch.ones_like(linear_spectrogram[:, :1])
        else:
            mask = length_mask(frame_lengths, linear_spectrogram.shape[2])
        style = self.style(linear_spectrogram[:, : self.bins], mask)
        if speaker_embedding is None:
            return style
        return self.activation(style + self.speaker_projection(speaker_embedding))

    def style(self, spectrum: Tensor, mask: Tensor) -> Tensor:
        """Mean over time [B, global_dim] of the encoded spectrum [B, bins, F]; `mask` is [B, 1, F]."""
        features = functional.mish(self.spectral_enter(spectrum.transpose(1, 2)))
        features = functional.mish(self.spectral_leave(features)).transpose(1, 2)
        for convolution in self.temporal:
            signal, opening = convolution(features * mask).chunk(2, dim=1)
            features = features + signal * torch.sigmoid(opening)
        features = self.projection(self.attend((features * mask).transpose(1, 2), mask))
        return (features * mask.transpose(1, 2)).sum(dim=1) / mask.sum(dim=2)

    def attend(self, features: Tensor, mask: Tensor) -> Tensor:
        """Self-attention over [B, F, width] with a residual sum."""
        query = split_heads(self.query(features), HEADS) / math.sqrt(features.shape[-1])
        key = split_heads(self.key(features), HEADS)
        value = split_heads(self.value(features), HEADS)
        weights = torch.softmax(torch.matmul(query, key.transpose(2, 3)) + key_bias(mask), dim=-1)
        return features + self.output(join_heads(torch.matmul(weights, value)))
