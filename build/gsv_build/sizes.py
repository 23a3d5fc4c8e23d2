"""Sizes of every network, as frozen dataclasses. Defaults are the official ones; a checkpoint overrides them.

Source: the facts in the GPT-SoVITS, HuBERT, RoBERTa and ERes2NetV2 configurations.
"""

from __future__ import annotations

from dataclasses import dataclass

from gsv_runtime.t2s.request import HARD_LIMIT_TOKENS
from gsv_runtime.versions import ModelVersion


@dataclass(frozen=True)
class T2SSizes:
    """Text-to-semantic transformer (s1)."""

    hidden: int = 512
    heads: int = 16
    layers: int = 24
    feed_forward: int = 2048
    num_phones: int = 732
    vocabulary: int = 1025  # semantic tokens and, last, EOS
    bert_dim: int = 1024
    max_tokens: int = HARD_LIMIT_TOKENS  # of a sentence; less where training had shorter ones (max_sec)
    pruned_heads: int = 0  # of a layer, beside the heads that it has; they keep their width

    @property
    def head_dim(self) -> int:
        """Channels of a head: hidden is divided among the heads before any is pruned."""
        return self.hidden // (self.heads + self.pruned_heads)

    @property
    def attention(self) -> int:
        """Channels of all heads of a layer; hidden, where none is pruned."""
        return self.heads * self.head_dim


@dataclass(frozen=True)
class SovitsSizes:
    """Quantizer, reference encoder, acoustic model and vocoder (s2)."""

    version: ModelVersion = ModelVersion.V2
    latent: int = 192  # inter_channels and hidden_channels
    filter: int = 768
    heads: int = 2
    layers: int = 6
    kernel: int = 3
    global_dim: int = 512  # gin_channels
    ssl_dim: int = 768
    codebook: int = 1024
    num_phones: int = 732
    mrte_hidden: int = 512
    mrte_heads: int = 4
    style_hidden: int = 128
    flow_layers: int = 4  # coupling layers
    wavenet_layers: int = 4
    wavenet_kernel: int = 5
    upsample_rates: tuple[int, ...] = (10, 8, 2, 2, 2)
    upsample_kernels: tuple[int, ...] = (16, 16, 8, 2, 2)
    upsample_channels: int = 512
    resblock_kernels: tuple[int, ...] = (3, 7, 11)
    resblock_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))


@dataclass(frozen=True)
class LightVocoderSizes:
    """A vocoder of ConvNeXt blocks at the rate of the frames; 25 times less arithmetic than HiFi-GAN."""

    latent: int = 192
    global_dim: int = 512
    channels: int = 512
    expanded: int = 1536
    blocks: int = 8
    kernel: int = 3


@dataclass(frozen=True)
class WaveGanSizes:
    """Parallel WaveGAN's generator, with the channels of its paper."""

    latent: int = 192
    global_dim: int = 512
    channels: int = 64
    heard: int = 80  # channels in which every layer hears the latents
    layers_of_stack: int = 10
    stacks: int = 3
    kernel: int = 3


@dataclass(frozen=True)
class HubertSizes:
    """HuBERT content encoder."""

    hidden: int = 768
    layers: int = 12
    heads: int = 12
    feed_forward: int = 3072
    conv_channels: tuple[int, ...] = (512,) * 7
    conv_kernels: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    conv_strides: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    conv_norm: str = "group"  # group: per channel over time, first layer only; layer: over channels, every layer
    conv_bias: bool = False
    position_kernel: int = 128
    position_groups: int = 16
    layer_norm_eps: float = 1e-5


@dataclass(frozen=True)
class BertSizes:
    """Chinese RoBERTa; only the layers up to the third from last are kept."""

    vocabulary: int = 21128
    hidden: int = 1024
    layers: int = 24
    heads: int = 16
    feed_forward: int = 4096
    max_positions: int = 512
    layer_norm_eps: float = 1e-12

    @property
    def layers_used(self) -> int:
        """hidden_states[-3] is the output of this many layers."""
        return self.layers - 2


@dataclass(frozen=True)
class TextStudentSizes:
    """A student of BERT; with these sizes it has 27 MB."""

    pieces: int = 10_000
    hidden: int = 256
    heads: int = 4
    feed_forward: int = 1024
    layers: int = 4
    places: int = 4  # characters of a piece
    max_positions: int = 512
    bert_dim: int = 1024


@dataclass(frozen=True)
class SpeakerEncoderSizes:
    """ERes2NetV2."""

    channels: int = 64
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    base_width: int = 24
    scale: int = 4
    expansion: int = 4
