"""HuBERT: 16 kHz audio to SSL features, 50 frames a second.

Source: Hsu et al. 2021, "HuBERT", in the form that the Hugging Face checkpoints store (post-norm encoder).
Different on purpose: the weight norm of the positional convolution is folded when a checkpoint is read, nothing
is masked at random, and a batch padded with zeros gives what single calls give when `sample_lengths` is passed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gsv_build.modules.post_norm import PostNormLayer
from gsv_build.sizes import HubertSizes

_BLOCKED = -1e4  # additive mask: exp() of it is exactly 0, and fp16 can hold it


class ChannelNorm(nn.Module):
    """Normalises each channel over time; with a mask, over the frames that are not padding."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise.

        Args:
            x: [B, channels, F].
            mask: [B, 1, F], 1 for a frame and 0 for padding; None when nothing is padded.

        Returns:
            [B, channels, F].
        """
        if mask is None:
            return functional.group_norm(x, x.shape[1], self.weight, self.bias, self.eps)
        count = mask.sum(dim=2, keepdim=True)
        centred = x - (x * mask).sum(dim=2, keepdim=True) / count
        variance = (centred.square() * mask).sum(dim=2, keepdim=True) / count
        return centred * torch.rsqrt(variance + self.eps) * self.weight[:, None] + self.bias[:, None]


class ConvLayer(nn.Module):
    """One layer of the waveform encoder: strided convolution, norm, GELU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, norm: str | None, bias: bool) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, stride, bias=bias)
        self.group_norm = ChannelNorm(outputs) if norm == "group" else None
        self.layer_norm = nn.LayerNorm(outputs) if norm == "layer" else None

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """[B, inputs, F] to [B, outputs, F'].

        Args:
            x: [B, inputs, F].
            mask: [B, 1, F'] of the output frames, or None.
        """
        x = self.conv(x)
        if self.group_norm is not None:
            x = self.group_norm(x, mask)
        if self.layer_norm is not None:
            x = self.layer_norm(x.transpose(1, 2)).transpose(1, 2)
        return functional.gelu(x)


class PositionConv(nn.Module):
    """Relative position by a wide grouped convolution, added to its input."""

    def __init__(self, hidden: int, kernel: int, groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(hidden, hidden, kernel, padding=kernel // 2, groups=groups)
        self.surplus = 1 - kernel % 2  # an even kernel yields one frame too many

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, hidden] to [B, F, hidden]."""
        y = self.conv(x.transpose(1, 2))
        if self.surplus:
            y = y[:, :, : -self.surplus]
        return x + functional.gelu(y).transpose(1, 2)


class Hubert(nn.Module):
    """Content encoder: audio in, last hidden state out."""

    def __init__(self, sizes: HubertSizes | None = None) -> None:
        super().__init__()
        self.sizes = sizes = sizes or HubertSizes()
        channels = (1, *sizes.conv_channels)
        self.convs = nn.ModuleList()
        for index, (kernel, stride) in enumerate(zip(sizes.conv_kernels, sizes.conv_strides, strict=True)):
            norm = sizes.conv_norm if sizes.conv_norm == "layer" or index == 0 else None
            layer = ConvLayer(channels[index], channels[index + 1], kernel, stride, norm, sizes.conv_bias)
            self.convs.append(layer)
        self.feature_norm = nn.LayerNorm(channels[-1], sizes.layer_norm_eps)
        self.projection = nn.Linear(channels[-1], sizes.hidden)
        self.position = PositionConv(sizes.hidden, sizes.position_kernel, sizes.position_groups)
        self.input_norm = nn.LayerNorm(sizes.hidden, sizes.layer_norm_eps)
        self.layers = nn.ModuleList(
            PostNormLayer(sizes.hidden, sizes.heads, sizes.feed_forward, sizes.layer_norm_eps)
            for _ in range(sizes.layers)
        )

    def frame_lengths(self, sample_lengths: Tensor) -> Tensor:
        """Frames that so many samples give.

        Args:
            sample_lengths: int64, any shape.

        Returns:
            int64, same shape: one frame per 320 samples, less the edges.
        """
        for length in self._conv_lengths(sample_lengths):
            sample_lengths = length
        return sample_lengths

    def _conv_lengths(self, lengths: Tensor) -> list[Tensor]:
        """Lengths after each convolution."""
        each = []
        for kernel, stride in zip(self.sizes.conv_kernels, self.sizes.conv_strides, strict=True):
            lengths = torch.div(lengths - kernel, stride, rounding_mode="floor") + 1
            each.append(lengths)
        return each

    def encode_waveform(self, audio_16k: Tensor, sample_lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Run the strided convolutions.

        Args:
            audio_16k: [B, N] float32, 16 kHz.
            sample_lengths: [B] int64 samples of each row, or None when no row is padded.

        Returns:
            frames [B, F, channels] and mask [B, F] (None without lengths), 1 for a frame and 0 for padding.
        """
        x = audio_16k[:, None, :]
        first_mask = mask = None
        if sample_lengths is not None:
            lengths = self._conv_lengths(sample_lengths)
            frames = self._conv_lengths(torch.tensor(audio_16k.shape[1]))
            first_mask = _mask(lengths[0], int(frames[0])).to(x)[:, None, :]
            mask = _mask(lengths[-1], int(frames[-1])).to(x)
        for layer in self.convs:
            x = layer(x, first_mask)
        return x.transpose(1, 2), mask

    def forward(self, audio_16k: Tensor, sample_lengths: Tensor | None = None) -> Tensor:
        """Audio to SSL features.

        Args:
            audio_16k: [B, N] float32 samples in [-1, 1] at 16 kHz, N at least 400; not normalised, as upstream.
            sample_lengths: [B] int64 samples of each row when rows are padded; None (the exported graph) when not.

        Returns:
            [B, ssl_dim, F], 50 frames a second; frames beyond `frame_lengths(sample_lengths)` mean nothing.
        """
        frames, mask = self.encode_waveform(audio_16k, sample_lengths)
        x = self.projection(self.feature_norm(frames))
        blocked = None
        if mask is not None:
            x = x * mask[:, :, None]
            blocked = (1.0 - mask)[:, None, None, :] * _BLOCKED
        x = self.input_norm(self.position(x))
        for layer in self.layers:
            x = layer(x, blocked)
        return x.transpose(1, 2)


def _mask(lengths: Tensor, size: int) -> Tensor:
    """[B] lengths to a [B, size] bool mask, true where an element exists."""
    return torch.arange(size, device=lengths.device)[None, :] < lengths[:, None]
