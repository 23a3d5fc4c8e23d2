"""Semantic tokens to waveform through the acoustic model and the vocoder, as the tokens arrive.

Pure but for the injected stages. Everything random comes from the sentence's seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gsv_runtime import contract
from gsv_runtime.contract import SAMPLES_PER_FRAME
from gsv_runtime.errors import InternalError
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.stages import Stages
from gsv_runtime.tensors import Array
from gsv_runtime.tts.synthesis.alignment import Alignment
from gsv_runtime.tts.synthesis.chunking import (
    CROSSFADE_FRAMES,
    ChunkSchedule,
    ReceptiveField,
    Window,
    crossfade,
    rounded_up,
    whole_window,
    window,
)

_NOISE_STREAM = 1  # second word of the Philox key; keeps the noise apart from t2s's own draws


@dataclass(frozen=True)
class Noise:
    """What is random in a sentence's latent frames."""

    seed: int
    scale: float


class SentenceLatents:
    """Turns one sentence's tokens into latent frames, window by window.

    Keeps the sentence's tokens and the noise of one window: memory does not grow with audio.
    """

    def __init__(
        self,
        phones: Array,
        global_condition: Array,
        noise: Noise,
        speed: float,
        facts: CheckpointFacts,
        stages: Stages,
        schedule: ChunkSchedule,
        with_past: bool = True,
    ) -> None:
        """Prepare; no stage is called before the windows of the first `push` are asked for.

        Args:
            phones: [P] int64, of the target only.
            global_condition: [1, global_dim] float32.
            noise: of this sentence.
            speed: 0.5 to 2; 1 is as spoken.
            facts: of the checkpoint.
            stages: the stages, for this request.
            schedule: where to cut.
            with_past: whether frames before a chunk are made again, for a vocoder that sees them.
        """
        self._with_past = with_past
        self._phones = phones
        self._global_condition = global_condition
        self._noise = NoiseFrames(noise, facts.latent_dim)
        self._speed = speed
        self._field = ReceptiveField(facts.flow_receptive_field_frames, facts.vocoder_receptive_field_frames)
        self._stages = stages
        self._schedule = schedule
        self._next_chunk = 0
        self.tokens = np.zeros(0, dtype=np.int64)  # [T], all that came

    def push(self, tokens: Array, finished: bool) -> Iterator[tuple[Window, Array]]:
        """Take tokens; the acoustic model is called as the windows are asked for.

        Args:
            tokens: [T] int64, those that follow the ones pushed before; may be empty.
            finished: whether the sentence has no more.

        Returns:
            Windows that can be decoded, each with the latents of its `vocoded` frames, [latent_dim, V] float32.

        Raises:
            InternalError: the sentence ended without a token.
        """
        self.tokens = np.concatenate([self.tokens, tokens])
        if finished and self.tokens.size == 0:
            raise InternalError("stage t2s ended a sentence without a token")
        return self._windows(finished)

    def _windows(self, finished: bool) -> Iterator[tuple[Window, Array]]:
        while found := window(self._schedule, self._field, self._speed, self._next_chunk, self.tokens.size, finished):
            self._next_chunk += 1
            found = found if self._with_past else found.without_past(self._field)
            noise = self._noise.take(found.latents.start, found.latents.stop)
            tokens, bucket = self.tokens[found.tokens.start : found.tokens.stop], self._schedule.bucket
            latents = window_latents(found, tokens, self._phones, noise, self._global_condition, self._stages, bucket)
            yield found, latents[:, found.vocoded.within(found.latents)]
            if found.last:
                return


class ChunkVocoder:
    """Turns the latents of one sentence's chunks into waveform; the pieces simply follow one another.

    Keeps the tail of one chunk, in which it goes over to the next.
    """

    def __init__(self, global_condition: Array, stages: Stages, bucket: int) -> None:
        """Prepare.

        Args:
            global_condition: [1, global_dim] float32.
            stages: the vocoder, for this request.
            bucket: frames are padded to a multiple of this.
        """
        self._global_condition = global_condition
        self._stages = stages
        self._bucket = bucket
        self._tail = np.zeros(0, dtype=np.float32)

    def piece(self, latents: Array, heard: slice) -> Array:
        """Make the waveform of one chunk and join it to the one before.

        Args:
            latents: [latent_dim, V] float32, of the chunk and what the vocoder sees around it.
            heard: frames of the chunk among them.

        Returns:
            [N] float32 in [-1, 1] at 32 kHz, N > 0.

        Raises:
            InternalError: the audio is not finite.
        """
        samples = vocoded(latents, self._global_condition, self._stages, self._bucket)
        start, stop = heard.start * SAMPLES_PER_FRAME, heard.stop * SAMPLES_PER_FRAME
        piece, tail = samples[start:stop], self._tail
        overlap = min(tail.size, piece.size)
        piece[:overlap] = crossfade(tail[:overlap], piece[:overlap])
        self._tail = samples[stop : stop + CROSSFADE_FRAMES * SAMPLES_PER_FRAME].copy()
        return piece


class SentenceDecoder:
    """Turns one sentence's tokens into waveform, piece by piece."""

    def __init__(
        self,
        phones: Array,
        global_condition: Array,
        noise: Noise,
        speed: float,
        facts: CheckpointFacts,
        stages: Stages,
        schedule: ChunkSchedule,
        alignment: Alignment | None = None,
    ) -> None:
        """Prepare; arguments as `SentenceLatents`.

        Args:
            alignment: finds which phone each token speaks; None: nobody asks.
        """
        self._latents = SentenceLatents(phones, global_condition, noise, speed, facts, stages, schedule)
        self._vocoder = ChunkVocoder(global_condition, stages, schedule.bucket)
        self._is_complete = False
        self._alignment = alignment
        self.token_phones: Array | None = None  # [T] of the piece handed out last, if they are looked for

    @property
    def is_complete(self) -> bool:
        """Whether the piece handed out last was the sentence's last."""
        return self._is_complete

    def push(self, tokens: Array, finished: bool) -> Iterator[Array]:
        """Take tokens; the stages are called as the pieces are asked for.

        Args:
            tokens: [T] int64, those that follow the ones pushed before; may be empty.
            finished: whether the sentence has no more.

        Returns:
            Pieces, to be taken before the next push: [N] float32 in [-1, 1] at 32 kHz, N > 0.

        Raises:
            InternalError: the sentence ended without a token; from the iterator: the audio is not finite.
        """
        return self._pieces(self._latents.push(tokens, finished))

    def _pieces(self, windows: Iterator[tuple[Window, Array]]) -> Iterator[Array]:
        for found, latents in windows:
            piece = self._vocoder.piece(latents, found.chunk.within(found.vocoded))
            self._is_complete = found.last
            self.token_phones = self._aligned(found)
            yield piece

    def _aligned(self, found: Window) -> Array | None:
        """The phone of each token of the chunk just decoded."""
        if self._alignment is None:
            return None
        return self._alignment.advance(self._latents.tokens[: found.tokens.stop], found.last)


class NoiseFrames:
    """The noise of a sentence's latent frames, made as it is needed; windows may overlap but not go back further."""

    def __init__(self, noise: Noise, latent_dim: int) -> None:
        self._generator = noise_generator(noise.seed)
        self._scale = np.float32(noise.scale)
        self._start = 0
        self._rows = np.zeros((0, latent_dim), dtype=np.float32)

    def take(self, start: int, stop: int) -> Array:
        """Noise of frames `start` to before `stop`, [latent_dim, F] float32; forgets those before `start`."""
        missing = stop - self._start - self._rows.shape[0]
        if missing > 0:
            fresh = self._generator.standard_normal((missing, self._rows.shape[1]), dtype=np.float32)
            self._rows = np.concatenate([self._rows, fresh])
        self._rows, self._start = self._rows[start - self._start :], start
        return self._scale * self._rows[: stop - start].T


def noise_generator(seed: int) -> np.random.Generator:
    """The source of a sentence's noise."""
    return np.random.Generator(np.random.Philox(key=[seed, _NOISE_STREAM]))


def standard_noise(seed: int, latent_dim: int, frames: int) -> Array:
    """Standard normal noise [latent_dim, frames] float32; a frame's values do not depend on how many follow."""
    return noise_generator(seed).standard_normal((frames, latent_dim), dtype=np.float32).T


def decode_tokens(tokens: Array, phones: Array, noise: Array, global_condition: Array, stages: Stages) -> Array:
    """Decode a whole sentence at once, as upstream does.

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
    whole = whole_window(tokens.size, noise.shape[1])
    latents = window_latents(whole, tokens, phones, noise, global_condition, stages, bucket=1)
    return vocoded(latents, global_condition, stages, bucket=1)


def window_latents(
    found: Window,
    tokens: Array,
    phones: Array,
    noise: Array,
    global_condition: Array,
    stages: Stages,
    bucket: int,
) -> Array:
    """Make the latent frames of one window.

    Args:
        found: the window.
        tokens: [T] int64, those of `found.tokens`.
        phones: [P] int64, of the whole target.
        noise: [latent_dim, F] float32 of `found.latents`, already scaled.
        global_condition: [1, global_dim] float32.
        stages: the acoustic model.
        bucket: each axis is padded to a multiple of this.

    Returns:
        [latent_dim, F] float32 of `found.latents`; padding may follow.
    """
    latents: Array = stages.call(
        contract.ACOUSTIC,
        semantic_tokens=_padded(tokens, bucket),
        token_lengths=[[tokens.size]],
        phones=_padded(phones, bucket),
        phone_lengths=[[phones.size]],
        global_condition=global_condition,
        noise=_padded(noise, bucket),
        frame_positions=_padded(found.frame_positions, bucket),
        frame_lengths=[[len(found.latents)]],
    )["latents"][0]
    return latents


def vocoded(latents: Array, global_condition: Array, stages: Stages, bucket: int) -> Array:
    """Make the waveform of latent frames.

    Args:
        latents: [latent_dim, F] float32.
        global_condition: [1, global_dim] float32.
        stages: the vocoder.
        bucket: frames are padded to a multiple of this.

    Returns:
        [640 F] float32 in [-1, 1].

    Raises:
        InternalError: the audio is not finite (never silence instead of an error).
    """
    frames = latents.shape[1]
    waveform = stages.call(
        contract.VOCODER,
        latents=_padded(latents, bucket),
        frame_lengths=[[frames]],
        global_condition=global_condition,
    )["waveform"][0, : frames * SAMPLES_PER_FRAME]
    if not np.isfinite(waveform).all():
        raise InternalError("stage vocoder answered with samples that are not finite")
    return np.clip(waveform, -1.0, 1.0)  # changes nothing after the vocoder's tanh, but for a runtime that rounds


def _padded(row: Array, multiple: int) -> Array:
    """A batch of one row whose last axis is padded with zeros to a multiple."""
    surplus = rounded_up(row.shape[-1], multiple) - row.shape[-1]
    padded = np.pad(row, [(0, 0)] * (row.ndim - 1) + [(0, surplus)]) if surplus else row
    return padded[np.newaxis]
