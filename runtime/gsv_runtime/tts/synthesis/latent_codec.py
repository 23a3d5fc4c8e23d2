"""Latent frames in few bits: a residual vector quantiser over what the vocoder hears. Pure.

A frame is projected to a space in which equal distances sound equally far apart, and written there as a sum of vectors,
one from each of several tables, a byte each. Every table adds 0.4 kbit/s, and the first ones alone are a codec of fewer
bits. A frame is written by itself, so a stream can begin anywhere and loses nothing with a lost frame but that.

Source: Zeghidour et al. 2021, "SoundStream", for the residual quantiser. Deliberately different: it works on the
latents of the voice model instead of learned ones; the projection comes from the vocoder's own sensitivity
(`gsv_compress.latent_codec`); several candidates are followed through the tables instead of the nearest one alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gsv_runtime.contract import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from gsv_runtime.tensors import Array

ENTRIES = 256  # of a table: a byte each
KBIT_S_PER_STAGE = 8 * SAMPLE_RATE_HZ / SAMPLES_PER_FRAME / 1000  # 0.4
MOST_STAGES = round(12 / KBIT_S_PER_STAGE)
_CANDIDATES = 4


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
        inner = (latents.T - self.mean) @ self.enter
        return nearest_sums(inner, self.tables[:stages], _CANDIDATES)

    def decode(self, codes: Array) -> Array:
        """Read frames from bytes; [F, stages] uint8 to [D, F] float32."""
        inner = np.zeros((codes.shape[0], self.tables.shape[2]), dtype=np.float32)
        for stage, table in enumerate(self.tables[: codes.shape[1]]):
            inner += table[codes[:, stage]]
        return np.asarray((inner @ self.leave + self.mean).T, dtype=np.float32)


def nearest_sums(frames: Array, tables: Array, candidates: int) -> Array:
    """Find one entry of each table so that their sum comes near a frame.

    Args:
        frames: [F, K] float32.
        tables: [Q, E, K] float32.
        candidates: sums that are followed from table to table; 1 takes the nearest entry each time.

    Returns:
        [F, Q] uint8.
    """
    count, rows = frames.shape[0], np.arange(frames.shape[0])[:, np.newaxis]
    residual = frames[:, np.newaxis]  # [F, M, K] of each candidate
    chosen = np.zeros((count, 1, 0), dtype=np.uint8)
    for table in tables:
        lengths = np.square(table).sum(axis=1)
        gains = lengths - 2 * residual @ table.T + np.square(residual).sum(axis=2, keepdims=True)  # [F, M, E]
        flat = gains.reshape(count, gains.shape[1] * gains.shape[2])
        kept = min(candidates, flat.shape[1])
        best = np.argpartition(flat, kept - 1, axis=1)[:, :kept]
        before, entry = np.divmod(best, len(table))
        residual = residual[rows, before] - table[entry]
        chosen = np.concatenate([chosen[rows, before], entry[:, :, np.newaxis].astype(np.uint8)], axis=2)
    last = np.square(residual).sum(axis=2).argmin(axis=1)
    return np.asarray(chosen[rows[:, 0], last])
