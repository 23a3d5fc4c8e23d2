"""A small voice, and what it might have said."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from gsv_build.modules.t2s import T2S
from gsv_build.sizes import LightVocoderSizes, T2SSizes
from gsv_compress.teacher import Sentence

T2S_SIZES = T2SSizes(hidden=32, heads=4, layers=4, feed_forward=96, num_phones=40, vocabulary=33, bert_dim=8)
LATENT, GLOBAL = 12, 16


def sentence(seed: int, tokens: int = 40) -> Sentence:
    """A sentence of hummed noise."""
    rng = np.random.default_rng(seed)
    phones, frames = int(rng.integers(6, 12)), 2 * tokens
    times = np.arange(640 * frames) / 32_000
    return Sentence(
        phones=rng.integers(0, T2S_SIZES.num_phones, phones),
        num_target_phones=phones // 2,
        bert_features=np.zeros((T2S_SIZES.bert_dim, phones), dtype=np.float32),
        prompt_tokens=rng.integers(0, T2S_SIZES.vocabulary - 1, 5),
        tokens=rng.integers(0, T2S_SIZES.vocabulary - 1, tokens),
        latents=rng.standard_normal((LATENT, frames)).astype(np.float32),
        condition=rng.standard_normal(GLOBAL).astype(np.float32),
        waveform=(0.3 * np.sin(2 * np.pi * 200 * times)).astype(np.float32),
    )


@pytest.fixture(scope="session")
def t2s_sizes() -> T2SSizes:
    """Sizes of the voice's T2S."""
    return T2S_SIZES


@pytest.fixture(scope="session")
def light_vocoder_sizes() -> LightVocoderSizes:
    """Sizes of a light vocoder for it."""
    return LightVocoderSizes(LATENT, GLOBAL, channels=16, expanded=32, blocks=2)


@pytest.fixture(scope="session")
def say() -> Callable[[int], Sentence]:
    """A sentence for each number."""
    return sentence


@pytest.fixture(scope="session")
def sentences() -> list[Sentence]:
    """Twelve sentences."""
    return [sentence(seed) for seed in range(12)]


@pytest.fixture
def teacher(t2s_sizes: T2SSizes) -> T2S:
    """A T2S, the weights of every layer drawn on their own."""
    torch.manual_seed(0)
    model = T2S(t2s_sizes).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    return model
