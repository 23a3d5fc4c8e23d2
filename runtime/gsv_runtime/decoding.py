"""Semantic tokens to waveform through the acoustic model and the vocoder, as the tokens arrive.

Pure but for the injected stages. Everything random comes from the sentence's seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gsv_runtime import contract
from gsv_runtime.chunking import ChunkSchedule
from gsv_runtime.contract import FRAMES_PER_TOKEN
from gsv_runtime.errors import InternalError
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.stages import Stages
from gsv_runtime.tensors import Array

_NOISE_STREAM = 1  # second word of the Philox key; keeps the noise apart from t2s's own draws


@dataclass(frozen=True)
class Noise:
    """What is random in a sentence's latent frames."""

    seed: int
    scale: float


class SentenceDecoder:
    """Turns one sentence's tokens into waveform, piece by piece; the pieces simply follow one another."""

    def __init__(
        self,
        phones: Array,
        global_condition: Array,
        noise: Noise,
        speed: float,
        facts: CheckpointFacts,
        stages: Stages,
        schedule: ChunkSchedule,
    ) -> None:
        """Prepare; no stage is called before the first `push`.

        Args:
            phones: [P] int64, of the target only.
            global_condition: [1, global_dim] float32.
            noise: of this sentence.
            speed: 0.5 to 2; 1 is as spoken.
            facts: of the checkpoint.
            stages: the stages, for this request.
            schedule: where to cut.
        """
        self._phones = phones
        self._global_condition = global_condition
        self._noise = noise
        self._speed = speed
        self._facts = facts
        self._stages = stages
        self._schedule = schedule
        self._tokens = np.zeros(0, dtype=np.int64)

    @property
    def tokens_wanted(self) -> int:
        """How many more tokens the next piece needs; it comes earlier if the sentence ends earlier."""
        chunk = self._schedule.tokens_for_chunk(0) + self._schedule.lookahead_tokens
        return max(chunk - self._tokens.size, 0)

    def push(self, tokens: Array, finished: bool) -> Iterator[Array]:
        """Takes tokens and decodes what can be decoded; the stages are called as the iterator is driven.

        Args:
            tokens: [T] int64, those that follow the ones pushed before; may be empty.
            finished: whether the sentence has no more.

        Yields:
            [N] float32 in [-1, 1] at 32 kHz, N > 0.

        Raises:
            InternalError: the audio is not finite, or the sentence ended without a token.
        """
        self._tokens = np.concatenate([self._tokens, tokens])
        if not finished:
            return
        if self._tokens.size == 0:
            raise InternalError("stage t2s ended a sentence without a token")
        frames = num_frames(self._tokens.size, self._speed)
        noise = self._noise.scale * standard_noise(self._noise.seed, self._facts.latent_dim, frames)
        yield decode_tokens(self._tokens, self._phones, noise, self._global_condition, self._stages)


def num_frames(num_tokens: int, speed: float) -> int:
    """Latent frames for `num_tokens` tokens: two each, or as many as upstream interpolates to at another speed."""
    frames = FRAMES_PER_TOKEN * num_tokens
    return frames if speed == 1.0 else int(frames / speed) + 1


def standard_noise(seed: int, latent_dim: int, frames: int) -> Array:
    """Standard normal noise [latent_dim, frames] float32; a frame's values do not depend on how many follow."""
    generator = np.random.Generator(np.random.Philox(key=[seed, _NOISE_STREAM]))
    return generator.standard_normal((frames, latent_dim), dtype=np.float32).T


def decode_tokens(tokens: Array, phones: Array, noise: Array, global_condition: Array, stages: Stages) -> Array:
    """Decodes semantic tokens to a waveform through the acoustic model and the vocoder.

    Args:
        tokens: [T] int64.
        phones: [P] int64, of the target only.
        noise: [latent_dim, F] float32, already scaled; F decides the length.
        global_condition: [1, global_dim] float32.
        stages: the stages.

    Returns:
        [640 F] float32 in [-1, 1].

    Raises:
        InternalError: the audio is not finite (never silence instead of an error).
    """
    frame_lengths = np.array([[noise.shape[1]]], dtype=np.int64)
    latents = stages.call(
        contract.ACOUSTIC,
        semantic_tokens=tokens[np.newaxis],
        token_lengths=[[tokens.size]],
        phones=phones[np.newaxis],
        phone_lengths=[[phones.size]],
        global_condition=global_condition,
        noise=noise[np.newaxis],
        frame_lengths=frame_lengths,
    )["latents"]
    waveform = stages.call(
        contract.VOCODER, latents=latents, frame_lengths=frame_lengths, global_condition=global_condition
    )["waveform"][0]
    if not np.isfinite(waveform).all():
        raise InternalError("stage vocoder answered with samples that are not finite")
    peak = float(np.abs(waveform).max(initial=0.0))
    return waveform / peak if peak > 1 else waveform
