"""What the stage table times: 3 s of speech of one stream, and its first chunk, at the shapes that serving captures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gsv_build.size_presets import NetworkSizes
from gsv_runtime import contract
from gsv_runtime.contract import FRAMES_PER_TOKEN, SAMPLES_PER_TOKEN
from gsv_runtime.tensors import Array

NUM_TOKENS, NUM_PHONES = 75, 30  # 3 s
FIRST_TOKENS = 22  # known before the first chunk is decoded by preset cuda: 10 and a lookahead of 12

Inputs = Mapping[str, Mapping[str, Array]]  # by stage


def decoding_inputs(sizes: NetworkSizes, tokens: int, rows: int = 1) -> dict[str, dict[str, Array]]:
    """Inputs of `acoustic` and `vocoder` for `rows` sentences of so many tokens, drawn at random."""
    generator, sovits, frames = np.random.default_rng(1), sizes.sovits, FRAMES_PER_TOKEN * tokens
    condition = generator.standard_normal((rows, sovits.global_dim)).astype(np.float32)

    def normal(*shape: int) -> Array:
        return generator.standard_normal(shape).astype(np.float32)

    def lengths(length: int) -> Array:
        return np.full((rows, 1), length, dtype=np.int64)

    return {
        contract.ACOUSTIC.name: {
            "semantic_tokens": generator.integers(0, sovits.codebook, (rows, tokens)),
            "token_lengths": lengths(tokens),
            "phones": generator.integers(0, sovits.num_phones, (rows, NUM_PHONES)),
            "phone_lengths": lengths(NUM_PHONES),
            "global_condition": condition,
            "noise": normal(rows, sovits.latent, frames),
            "frame_positions": np.tile(np.arange(frames, dtype=np.float32), (rows, 1)),
            "frame_lengths": lengths(frames),
        },
        contract.VOCODER.name: {
            "latents": normal(rows, sovits.latent, frames),
            "frame_lengths": lengths(frames),
            "global_condition": condition,
        },
    }


def seconds_of(tokens: int) -> float:
    """Of speech."""
    return tokens * SAMPLES_PER_TOKEN / contract.SAMPLE_RATE_HZ
