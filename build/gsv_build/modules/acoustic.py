"""Semantic tokens and phones to latent frames.

Source: GPT_SoVITS/module/models.py, classes TextEncoder and SynthesizerTrn, and mrte_model.py, at 48b1a01.
Deliberately different: noise and the places of the frames are inputs, so that a window of a sentence can be asked for;
the 1x1 projection of the codes runs before they are repeated, not after; everything is masked, so that a padded batch
gives what single calls give.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from gsv_build.modules.flow import Flow
from gsv_build.modules.masks import length_mask
from gsv_build.modules.relative_attention import CrossAttention, Encoder, key_bias
from gsv_build.sizes import SovitsSizes
from gsv_runtime.contract import FRAMES_PER_TOKEN


class Encoded(NamedTuple):
    """What text and tokens say about the latent frames.

    Attributes:
        hidden: [B, latent, F], before the last projection.
        mean: [B, latent, F] of the prior.
        log_std: [B, latent, F] of the prior.
        mask: [B, 1, F].
    """

    hidden: Tensor
    mean: Tensor
    log_std: Tensor
    mask: Tensor


def resample_frames(frames: Tensor, lengths: Tensor, positions: Tensor) -> Tensor:
    """Read each row at the places given, by linear interpolation: another speed, or a part of the row.

    Args:
        frames: [B, C, L].
        lengths: [B, 1] int64, frames of each row.
        positions: [B, F] float32, in frames; beyond either end of a row its end is read. Whole ones change nothing.

    Returns:
        [B, C, F].
    """
    last = lengths - 1
    place = positions.clamp(min=0.0)
    left = torch.minimum(place.to(torch.int64), last)
    right = torch.minimum(left + 1, last)
    part = (place - left.to(torch.float32)).clamp(max=1.0).unsqueeze(1)
    shape = (-1, frames.shape[1], -1)
    left_frames = frames.gather(2, left.unsqueeze(1).expand(shape))
    right_frames = frames.gather(2, right.unsqueeze(1).expand(shape))
    return left_frames * (1.0 - part) + right_frames * part


class TimbreMixer(nn.Module):
    """Let every frame look at the phones, and add the speaker."""

    def __init__(self, sizes: SovitsSizes) -> None:
        super().__init__()
        self.frames_enter = nn.Linear(sizes.latent, sizes.mrte_hidden)
        self.phones_enter = nn.Linear(sizes.latent, sizes.mrte_hidden)
        self.attention = CrossAttention(sizes.mrte_hidden, sizes.mrte_heads)
        self.leave = nn.Linear(sizes.mrte_hidden, sizes.latent)

    def forward(self, frames: Tensor, phones: Tensor, phone_mask: Tensor, text_condition: Tensor) -> Tensor:
        """Map frames [B, F, latent], phones [B, P, latent] and text_condition [B, mrte_hidden] to [B, F, latent]."""
        entered = self.frames_enter(frames)
        looked = self.attention(entered, self.phones_enter(phones), key_bias(phone_mask))
        return self.leave(entered + looked + text_condition.unsqueeze(1))


class Acoustic(nn.Module):
    """The `acoustic` stage: text encoder, prior, and the flow in reverse."""

    codebook: Tensor

    def __init__(self, sizes: SovitsSizes) -> None:
        super().__init__()
        self.register_buffer("codebook", torch.randn(sizes.codebook, sizes.ssl_dim))
        self.content_enter = nn.Linear(sizes.ssl_dim, sizes.latent)
        self.content_encoder = self._encoder(sizes, sizes.layers // 2)
        self.phone_embedding = nn.Embedding(sizes.num_phones, sizes.latent)
        self.phone_encoder = self._encoder(sizes, sizes.layers)
        self.timbre_mixer = TimbreMixer(sizes)
        self.joint_encoder = self._encoder(sizes, sizes.layers // 2)
        self.prior = nn.Linear(sizes.latent, 2 * sizes.latent)
        self.text_condition: nn.Module = nn.Identity()
        if sizes.version.uses_speaker_embedding:
            self.text_condition = nn.Linear(sizes.global_dim, sizes.mrte_hidden)
        self.flow = Flow(
            sizes.latent,
            sizes.latent,
            sizes.wavenet_kernel,
            sizes.wavenet_layers,
            sizes.flow_layers,
            sizes.global_dim,
        )

    @staticmethod
    def _encoder(sizes: SovitsSizes, layers: int) -> Encoder:
        return Encoder(sizes.latent, sizes.filter, sizes.heads, layers, sizes.kernel)

    def forward(
        self,
        semantic_tokens: Tensor,
        token_lengths: Tensor,
        phones: Tensor,
        phone_lengths: Tensor,
        global_condition: Tensor,
        noise: Tensor,
        frame_positions: Tensor,
        frame_lengths: Tensor,
    ) -> Tensor:
        """Decode tokens to latent frames: the exported stage.

        Args:
            semantic_tokens: [B, T] int64, of a sentence or of a window of it; padding may be any valid token.
            token_lengths: [B, 1] int64.
            phones: [B, P] int64, of the whole target text only.
            phone_lengths: [B, 1] int64.
            global_condition: [B, global_dim].
            noise: [B, latent, F], standard normal times noise_scale.
            frame_positions: [B, F] float32, where each wanted frame lies among the frames of the tokens, 2 a token.
            frame_lengths: [B, 1] int64, frames wanted.

        Returns:
            latents: [B, latent, F], zero beyond frame_lengths.
        """
        content = functional.embedding(semantic_tokens, self.codebook)
        hidden = self.encode(content, token_lengths, phones, phone_lengths, global_condition)
        mask = length_mask(frame_lengths, noise.shape[2])
        hidden = resample_frames(hidden, token_lengths * FRAMES_PER_TOKEN, frame_positions)
        mean, log_std = self.statistics(hidden, mask)
        return self.flow.reverse((mean + noise * torch.exp(log_std)) * mask, mask, global_condition)

    def encode_text_and_tokens(
        self,
        semantic_tokens: Tensor,
        token_lengths: Tensor,
        phones: Tensor,
        phone_lengths: Tensor,
        global_condition: Tensor,
    ) -> Encoded:
        """Prior of the latent frames at speed 1, for training; arguments as those of `forward`."""
        content = functional.embedding(semantic_tokens, self.codebook)
        return self.encode_text_and_content(content, token_lengths, phones, phone_lengths, global_condition)

    def encode_text_and_content(
        self, content: Tensor, token_lengths: Tensor, phones: Tensor, phone_lengths: Tensor, global_condition: Tensor
    ) -> Encoded:
        """As `encode_text_and_tokens`, from quantized features [B, T, ssl_dim], so that gradients can pass them."""
        hidden = self.encode(content, token_lengths, phones, phone_lengths, global_condition)
        mask = length_mask(token_lengths * FRAMES_PER_TOKEN, hidden.shape[2])
        mean, log_std = self.statistics(hidden, mask)
        return Encoded(hidden, mean, log_std, mask)

    def encode(
        self, content: Tensor, token_lengths: Tensor, phones: Tensor, phone_lengths: Tensor, global_condition: Tensor
    ) -> Tensor:
        """Join codes [B, T, ssl_dim], phones [B, P] and speaker to [B, latent, 2 * T]."""
        frames = self.content_enter(content)
        batch, tokens, width = frames.shape
        frames = (
            frames.unsqueeze(2).expand(-1, -1, FRAMES_PER_TOKEN, -1).reshape(batch, tokens * FRAMES_PER_TOKEN, width)
        )
        frame_mask = length_mask(token_lengths * FRAMES_PER_TOKEN, frames.shape[1])
        phone_mask = length_mask(phone_lengths, phones.shape[1])
        frames = self.content_encoder(frames, frame_mask)
        encoded_phones = self.phone_encoder(self.phone_embedding(phones), phone_mask)
        condition = self.text_condition(global_condition)
        frames = self.timbre_mixer(frames, encoded_phones, phone_mask, condition)
        return self.joint_encoder(frames, frame_mask).transpose(1, 2)

    def statistics(self, hidden: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the standard deviation, each [B, latent, F], from hidden [B, latent, F]."""
        mean, log_std = (self.prior(hidden.transpose(1, 2)).transpose(1, 2) * mask).chunk(2, dim=1)
        return mean, log_std
