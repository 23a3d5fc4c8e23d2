"""Every number of the demo voice's training: sizes of the networks, steps, batches. The one place.

`SHIPPED` is what the weights beside this package were trained with on two CPU cores, `SMOKE` runs the whole recipe in
seconds for the tests.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field

from gsv_build.sizes import BertSizes, HubertSizes, SovitsSizes, T2SSizes


@dataclass(frozen=True)
class Stage:
    """How long and how hard one stage trains.

    Attributes:
        steps: optimiser steps.
        batch: utterances (or segments) a step.
        learning_rate: highest, reached after `warmup` steps and left along a half cosine.
        warmup: steps of linear rise.
        final_share: share of `learning_rate` left at the last step.
    """

    steps: int
    batch: int
    learning_rate: float
    warmup: int = 50
    final_share: float = 0.1

    def rate_at(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = min(1.0, (step - self.warmup) / max(1, self.steps - self.warmup))
        floor = self.final_share
        return self.learning_rate * (floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * done)))


_HUBERT = HubertSizes(
    hidden=192, layers=3, heads=4, feed_forward=512, conv_channels=(48, 64, 64, 96, 128, 160, 192), position_kernel=33,
    position_groups=8,
)  # fmt: skip
_SOVITS = SovitsSizes(
    latent=96, filter=192, heads=2, layers=4, global_dim=128, ssl_dim=192, mrte_hidden=128, mrte_heads=4,
    style_hidden=96, wavenet_layers=3, wavenet_kernel=3, upsample_rates=(5, 4, 4, 8), upsample_kernels=(11, 8, 8, 16),
    upsample_channels=256, resblock_kernels=(3,), resblock_dilations=((1, 3, 9),),
)  # fmt: skip
_T2S = T2SSizes(hidden=192, heads=4, layers=4, feed_forward=768, bert_dim=32)
_BERT = BertSizes(vocabulary=0, hidden=32, layers=3, heads=2, feed_forward=64, max_positions=512)


@dataclass(frozen=True)
class Recipe:
    """One training, from texts to weights."""

    english_texts: tuple[tuple[int, int], ...] = ((12_200, 31), (5000, 1))  # how many, and the seed they are drawn with
    held_out_texts: int = 100
    hubert: HubertSizes = _HUBERT
    sovits: SovitsSizes = _SOVITS
    t2s: T2SSizes = _T2S
    bert: BertSizes = _BERT
    content: Stage = field(default_factory=lambda: Stage(3600, 12, 1.5e-3, final_share=0.03))
    autoencoder: Stage = field(default_factory=lambda: Stage(1493, 16, 1.5e-3, final_share=0.4))
    prior: Stage = field(default_factory=lambda: Stage(337, 12, 1.5e-3))
    synthesis: Stage = field(default_factory=lambda: Stage(8000, 8, 8e-4, warmup=60, final_share=0.02))
    language_model: Stage = field(default_factory=lambda: Stage(15_500, 6, 1.6e-3, warmup=80, final_share=0.02))
    encoders_until: int = 400  # step of `autoencoder`
    adversary_from: int = 8000  # step of `synthesis`
    masked_characters: Stage = field(default_factory=lambda: Stage(300, 32, 3e-3))
    sharpness: float = 4.0  # factor on s1's logits in the shipped file: sampling at temperature 1 / sharpness
    spread: float = 0.3  # factor on the prior's standard deviation in the shipped file: noise_scale times this
    segment_frames: int = 32  # of waveform decoded for each utterance of a batch
    reference_frames: int = 60
    seed: int = 1


SHIPPED = Recipe()

SMOKE = Recipe(
    english_texts=((16, 1), (8, 2)),
    held_out_texts=4,
    hubert=HubertSizes(
        hidden=16, layers=1, heads=2, feed_forward=16, conv_channels=(8,) * 7, position_kernel=5, position_groups=2
    ),
    sovits=SovitsSizes(
        latent=8, filter=8, heads=2, layers=2, global_dim=8, ssl_dim=16, codebook=64, mrte_hidden=8, mrte_heads=4,
        style_hidden=8, wavenet_layers=1, wavenet_kernel=3, upsample_rates=(5, 4, 4, 8),
        upsample_kernels=(11, 8, 8, 16), upsample_channels=32, resblock_kernels=(3,), resblock_dilations=((1,),),
    ),
    t2s=T2SSizes(hidden=16, heads=2, layers=2, feed_forward=16, vocabulary=65, bert_dim=8),
    bert=BertSizes(vocabulary=0, hidden=8, layers=3, heads=2, feed_forward=8, max_positions=64),
    content=Stage(12, 4, 1e-3, warmup=2),
    autoencoder=Stage(12, 4, 1e-3, warmup=2),
    prior=Stage(12, 4, 1e-3, warmup=2),
    synthesis=Stage(12, 4, 1e-3, warmup=2),
    language_model=Stage(12, 4, 1e-3, warmup=2),
    masked_characters=Stage(12, 4, 1e-3, warmup=2),
    encoders_until=6,
    adversary_from=6,
)  # fmt: skip

LONG = dataclasses.replace(  # the same networks with time to learn: hours on a CPU, well under one on a GPU
    SHIPPED,
    content=Stage(4000, 16, 1.5e-3),
    autoencoder=Stage(20_000, 16, 1.5e-3, final_share=0.5),
    encoders_until=10_000,
    prior=Stage(6000, 16, 1.5e-3),
    synthesis=Stage(40_000, 16, 5e-4, final_share=0.05),
    adversary_from=8000,
    language_model=Stage(12_000, 16, 1.2e-3, warmup=80, final_share=0.05),
)

RECIPES = {"shipped": SHIPPED, "long": LONG, "smoke": SMOKE}
