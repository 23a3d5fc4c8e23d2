"""Latent frames in few bits: a residual vector quantiser over what the vocoder hears. Pure.

A frame is projected to a space in which equal distances sound equally far apart, and written there as a sum of vectors,
one from each of several tables, a byte each. Every table adds 0.4 kbit/s, and the first ones alone are a codec of fewer
bits. A frame is written by itself, so a stream can begin anywhere and loses nothing with a lost frame but that.

Source: Zeghidour et al. 2021, "SoundStream", for the residual quantiser. Deliberately different: it works on the
latents of the voice model instead of learned ones; the projection comes from the vocoder's own sensitivity
(`gsv_compress.latent_codec`).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gsv_runtime.contract import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from gsv_runtime.tensors import Array

ENTRIES = 256  # of a table: a byte each
KBIT_S_PER_STAGE = 8 * SAMPLE_RATE_HZ / SAMPLES_PER_FRAME / 1000  # 0.4
_ONE_THREAD = 1 << 18  # multiplications that OpenBLAS does not share out
MOST_STAGES = round(12 / KBIT_S_PER_STAGE)


@dataclass(frozen=True)
class LatentCodec:
    """A trained codec; `ARRAYS` names what its file holds."""

    mean: Array  # [D] float32, of the latents
    enter: Array  # [D, K] float32, to the space of the tables
    leave: Array  # [K, D] float32, and back
    tables: Array  # [Q, 256, K] float32
    weights_digest: str  # of the checkpoints whose latents it was trained on
    digest: str  # of its file

    ARRAYS = ("mean", "enter", "leave", "tables")

    @classmethod
    def of(cls, arrays: Mapping[str, Any], digest: str) -> LatentCodec:
        """Take the arrays of a file.

        Raises:
            ValueError: one is missing, or their shapes do not belong together.
        """
        missing = [name for name in (*cls.ARRAYS, "weights_digest") if name not in arrays]
        if missing:
            raise ValueError(f"the latent codec has no {', '.join(missing)}; run `make codec`")
        mean, enter, leave, tables = (np.asarray(arrays[name], dtype=np.float32) for name in cls.ARRAYS)
        inner = tables.shape[-1]
        shapes = (enter.shape, leave.shape, tables.shape[1:])
        if shapes != ((mean.size, inner), (inner, mean.size), (ENTRIES, inner)):
            raise ValueError(f"the latent codec's arrays have shapes {shapes}, which do not fit; run `make codec`")
        return cls(mean, enter, leave, tables, str(arrays["weights_digest"]), digest)

    @functools.cached_property
    def _halves(self) -> Array:
        """Half of each entry's length squared, [Q, 256]."""
        return 0.5 * np.square(self.tables).sum(axis=2)

    def stages_for(self, kbit_s: float) -> int:
        """Tables that come nearest to a rate; at least one."""
        return min(max(round(kbit_s / KBIT_S_PER_STAGE), 1), len(self.tables))

    def encode(self, latents: Array, stages: int) -> Array:
        """Write frames as bytes.

        Args:
            latents: [D, F] float32.
            stages: tables to use.

        Returns:
            [F, stages] uint8.
        """
        frames = latents.T - self.mean
        tables, halves = self.tables[:stages], self._halves[:stages]
        codes = [nearest_sums(block @ self.enter, tables, halves) for block in self._blocks(frames)]
        return np.concatenate(codes) if codes else np.zeros((0, stages), dtype=np.uint8)

    def decode(self, codes: Array) -> Array:
        """Read frames from bytes; [F, stages] uint8 to [D, F] float32."""
        inner = np.zeros((codes.shape[0], self.tables.shape[2]), dtype=np.float32)
        for stage, table in enumerate(self.tables[: codes.shape[1]]):
            inner += table[codes[:, stage]]
        frames = [block @ self.leave for block in self._blocks(inner)]
        return np.asarray(np.concatenate([*frames, inner[:0] @ self.leave]).T + self.mean[:, np.newaxis], np.float32)

    def _blocks(self, frames: Array) -> Iterator[Array]:
        """Few frames at a time, so that a product is left to one thread: waiting for others takes longer than it."""
        rows = max(1, _ONE_THREAD // self.tables[0].size)
        return (frames[start : start + rows] for start in range(0, len(frames), rows))


def nearest_sums(frames: Array, tables: Array, halves: Array) -> Array:
    """Take the entry of each table that is nearest to what those before it leave of a frame.

    Args:
        frames: [F, K] float32.
        tables: [Q, E, K] float32.
        halves: [Q, E] float32, half of each entry's length squared.

    Returns:
        [F, Q] uint8.
    """
    residual = frames.copy()
    chosen = np.zeros((len(frames), len(tables)), dtype=np.uint8)
    for stage, table in enumerate(tables):
        nearest = (residual @ table.T - halves[stage]).argmax(axis=1)
        residual -= table[nearest]
        chosen[:, stage] = nearest
    return chosen
