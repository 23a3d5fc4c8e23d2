"""ERes2NetV2: a reference's log-mel filter bank to a speaker embedding.

Source: Chen et al. 2024, "ERes2NetV2" (3D-Speaker), as upstream calls it: everything up to the fused feature map,
then the mean over time; the statistics pooling and the 192-dimensional head that follow in the paper are left out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gsv_build.sizes import SpeakerEncoderSizes

_ATTENTION_REDUCTION = 4
_CLIP = 20.0  # the activation inside blocks is a ReLU clipped here


def clipped_relu(x: Tensor) -> Tensor:
    """ReLU that also stops at 20."""
    return x.clamp(0.0, _CLIP)


class ConvNorm(nn.Module):
    """Convolution without bias, then batch norm."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, F] to [B, outputs, H/stride, F/stride]."""
        return self.norm(self.conv(x))


class AttentiveFusion(nn.Module):
    """Weighs two feature maps against each other, place by place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // _ATTENTION_REDUCTION
        self.squeeze = nn.Conv2d(2 * channels, inner, 1)
        self.squeeze_norm = nn.BatchNorm2d(inner)
        self.excite = nn.Conv2d(inner, channels, 1)
        self.excite_norm = nn.BatchNorm2d(channels)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Two [B, channels, H, F] to one: first·w + second·(2−w), w in (0, 2)."""
        squeezed = functional.silu(self.squeeze_norm(self.squeeze(torch.cat((first, second), dim=1))))
        weight = 1.0 + torch.tanh(self.excite_norm(self.excite(squeezed)))
        return first * weight + second * (2.0 - weight)


class Block(nn.Module):
    """Residual block whose middle is a cascade of `scale` narrow convolutions, each fed by the one before."""

    def __init__(self, inputs: int, planes: int, stride: int, sizes: SpeakerEncoderSizes, attentive: bool) -> None:
        super().__init__()
        self.width = planes * sizes.base_width // 64
        outputs = planes * sizes.expansion
        self.reduce = ConvNorm(inputs, self.width * sizes.scale, 1, stride)
        self.cascade = nn.ModuleList(ConvNorm(self.width, self.width, 3) for _ in range(sizes.scale))
        fusions = sizes.scale - 1 if attentive else 0
        self.fusions = nn.ModuleList(AttentiveFusion(self.width) for _ in range(fusions))
        self.restore = ConvNorm(self.width * sizes.scale, outputs, 1)
        self.shortcut = ConvNorm(inputs, outputs, 1, stride) if stride != 1 or inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, F] to [B, planes·expansion, H/stride, F/stride]."""
        parts = clipped_relu(self.reduce(x)).split(self.width, dim=1)
        done: list[Tensor] = []
        for index, conv in enumerate(self.cascade):
            part = parts[index]
            if index > 0:
                part = self.fusions[index - 1](done[-1], part) if len(self.fusions) else done[-1] + part
            done.append(clipped_relu(conv(part)))
        residual = x if self.shortcut is None else self.shortcut(x)
        return clipped_relu(self.restore(torch.cat(done, dim=1)) + residual)


class SpeakerEncoder(nn.Module):
    """Four stages, the last two fused, averaged over time."""

    def __init__(self, sizes: SpeakerEncoderSizes | None = None) -> None:
        super().__init__()
        self.sizes = sizes = sizes or SpeakerEncoderSizes()
        self.stem = ConvNorm(1, sizes.channels, 3)
        stages, inputs = [], sizes.channels
        for index, blocks in enumerate(sizes.blocks):
            planes = sizes.channels << index
            stage = nn.Sequential()
            for block in range(blocks):
                stride = 2 if index > 0 and block == 0 else 1
                stage.append(Block(inputs, planes, stride, sizes, attentive=index >= 2))
                inputs = planes * sizes.expansion
            stages.append(stage)
        self.stages = nn.ModuleList(stages)
        self.downsample = nn.Conv2d(inputs // 2, inputs, 3, stride=2, padding=1, bias=False)
        self.fusion = AttentiveFusion(inputs)

    def forward(self, fbank: Tensor) -> Tensor:
        """Filter bank to speaker embedding.

        Args:
            fbank: [B, F, 80] float32 Kaldi log-mel of unscaled samples, 100 frames a second, no mean removed.

        Returns:
            [B, channels·8·expansion·80/8]: officially [B, 20480].
        """
        x = functional.relu(self.stem(fbank.transpose(1, 2)[:, None]))
        outputs = []
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        fused = self.fusion(outputs[-1], self.downsample(outputs[-2]))
        return fused.flatten(1, 2).mean(dim=-1)
