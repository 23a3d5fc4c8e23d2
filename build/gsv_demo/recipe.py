"""Every number of the demo voice's training: sizes of the networks, steps, batches. The one place.

`SHIPPED` is what the weights beside this package were trained with on two CPU cores, `SMOKE` runs the whole recipe in
seconds for the tests.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
        seconds: the training ends after so many, if the steps have not.
    """

    steps: int
    batch: int
    learning_rate: float
    warmup: int = 50
    final_share: float = 0.1
    seconds: float | None = None

    def rate_at(self, step: int, progress: float) -> float:
        """Learning rate of a step, counted from 0.

        Args:
            step: number of the step.
            progress: share of the training that is done, 0 to 1.
        """
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = min(1.0, progress)
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
    short_texts: tuple[tuple[int, int], ...] = ()  # likewise, of one to three words
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
    encoders_until: float = 0.3  # share of `autoencoder`
    adversary_from: float = 1.0  # share of `synthesis`
    first_adversary_from: float = 1.0  # share of `autoencoder`
    drawers: int = 0  # processes that draw batches beside the training
    steady: bool = False  # whether batches are widened to a few shapes, so that a GPU records each once
    jury_width: int = 12  # channels of the adversary's first layers
    t2s_dropout: float = 0.0
    wrong_tokens: float = 0.0  # share of the tokens that s1 reads
    masked_characters: Stage = field(default_factory=lambda: Stage(300, 32, 3e-3))
    sharpness: float = 4.0  # factor on s1's logits in the shipped file: sampling at temperature 1 / sharpness
    spread: float = 0.3  # factor on the prior's standard deviation in the shipped file: noise_scale times this
    segment_frames: int = 32  # of waveform decoded for each utterance of a batch
    reference_frames: int = 60
    seed: int = 1
    natural: bool = False  # whether the teachers of `harvest.PARTS` speak, or flite
    cuda: Mapping[str, Any] = field(default_factory=dict, hash=False)  # what differs where a GPU trains

    def on(self, device: str) -> Recipe:
        """The recipe as it is trained on "cpu" or "cuda"."""
        return dataclasses.replace(self, cuda={}, **self.cuda) if device == "cuda" else self

    def within(self, seconds: float) -> Recipe:
        """The same, each stage ending after its share of so many seconds of training."""
        stages = {
            name: dataclasses.replace(getattr(self, name), seconds=share * seconds)
            for name, share in TIME_SHARES.items()
        }
        return dataclasses.replace(self, **stages)


# Stages side by side share the same time: content beside autoencoder, then language_model beside prior and synthesis.
TIME_SHARES = {
    "content": 0.24, "autoencoder": 0.24, "masked_characters": 0.03, "prior": 0.1, "synthesis": 0.66,
    "language_model": 0.76,
}  # fmt: skip

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
    autoencoder=Stage(12, 2, 1e-3, warmup=2),
    prior=Stage(12, 4, 1e-3, warmup=2),
    synthesis=Stage(12, 2, 1e-3, warmup=2),
    language_model=Stage(12, 4, 1e-3, warmup=2),
    masked_characters=Stage(12, 4, 1e-3, warmup=2),
    encoders_until=0.5,
    adversary_from=0.5,
    first_adversary_from=0.5,
    jury_width=4,
)  # fmt: skip

# Natural speech of many speakers. On two cores it takes days, on a GPU ten minutes: `--seconds` ends it in time.
NATURAL = dataclasses.replace(
    SHIPPED,
    natural=True,
    hubert=dataclasses.replace(_HUBERT, layers=4),
    sovits=dataclasses.replace(
        _SOVITS, upsample_channels=192, resblock_kernels=(3, 7), resblock_dilations=((1, 3, 9), (1, 3, 9))
    ),
    t2s=T2SSizes(hidden=256, heads=4, layers=4, feed_forward=896, bert_dim=32),
    content=Stage(20_000, 16, 1.2e-3, final_share=0.03),
    autoencoder=Stage(30_000, 16, 1.2e-3, final_share=0.4),
    encoders_until=0.6,
    prior=Stage(10_000, 16, 1.2e-3),
    synthesis=Stage(120_000, 12, 6e-4, warmup=200, final_share=0.05),
    t2s_dropout=0.1,
    wrong_tokens=0.06,
    adversary_from=0.02,
    first_adversary_from=0.4,
    jury_width=32,
    language_model=Stage(60_000, 12, 1.2e-3, warmup=200, final_share=0.03),
    cuda={
        "content": Stage(40_000, 64, 1.5e-3, warmup=300, final_share=0.03),
        "autoencoder": Stage(60_000, 64, 1e-3, warmup=300, final_share=0.5),
        "prior": Stage(20_000, 64, 1.5e-3, warmup=200),
        "synthesis": Stage(240_000, 64, 5e-4, warmup=200, final_share=0.04),
        "language_model": Stage(60_000, 128, 1.5e-3, warmup=300, final_share=0.03),
        "drawers": 7,  # a lent machine has 16 cores for three stages at a time
        "steady": True,
    },
)

# The shipped s1 goes on with single words among its sentences: `train --from-weights` and stages data, codes,
# language_model, export. Codes and s2 stay as they are.
WORDS = dataclasses.replace(
    SHIPPED,
    english_texts=((4500, 61),),
    short_texts=((3600, 62),),
    language_model=Stage(5000, 6, 6e-4, warmup=100, final_share=0.02),
    wrong_tokens=0.03,
)

RECIPES = {"natural": NATURAL, "shipped": SHIPPED, "words": WORDS, "smoke": SMOKE}
