"""Latent frames in few bits: a residual vector quantiser over what the vocoder hears. Pure.

A frame is projected to a space in which equal distances sound equally far apart, and written there as a sum of vectors,
one from each of several tables, a byte each. Every table adds 0.4 kbit/s, and the first ones alone are a codec of fewer
bits. Most tables are zero but for some columns, and only those are searched. A frame is written by itself, so a stream
can begin anywhere and loses nothing with a lost frame but that.

Source: Zeghidour et al. 2021, "SoundStream", for the residual quantiser. Deliberately different: it works on the
latents of the voice model instead of learned ones; the projection comes from the vocoder's own sensitivity
(`gsv_compress.latent_codec`).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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
    def _searches(self) -> tuple[TableSearch, ...]:
        return tuple(map(table_search, self.tables))

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
        return nearest_sums(_product(latents.T - self.mean, self.enter), self._searches[:stages])

    def decode(self, codes: Array) -> Array:
        """Read frames from bytes; [F, stages] uint8 to [D, F] float32."""
        inner = np.zeros((codes.shape[0], self.tables.shape[2]), dtype=np.float32)
        for chosen, search in zip(codes.T, self._searches, strict=False):
            inner[:, search.columns] += search.entries[chosen]
        return np.asarray(_product(inner, self.leave).T + self.mean[:, np.newaxis], np.float32)


class TableSearch(NamedTuple):
    """What is looked at to find the nearest entry of a table."""

    columns: slice  # of a frame, outside which every entry is zero
    entries: Array  # [E, W] float32
    halves: Array  # [E] float32, half of each entry's length squared


def table_search(table: Array) -> TableSearch:
    """Prepare the search of a table, [E, K] float32."""
    used = np.flatnonzero(table.any(axis=0))
    columns = slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 1)
    entries = np.ascontiguousarray(table[:, columns])
    return TableSearch(columns, entries, 0.5 * np.square(entries).sum(axis=1))


def nearest_sums(frames: Array, searches: Sequence[TableSearch]) -> Array:
    """Take the entry of each table that is nearest to what those before it leave of a frame.

    Args:
        frames: [F, K] float32.
        searches: of Q tables.

    Returns:
        [F, Q] uint8.
    """
    residual = _stacked(frames, max(search.entries.size for search in searches))
    chosen = np.zeros((*residual.shape[:2], len(searches)), dtype=np.uint8)
    for stage, (columns, entries, halves) in enumerate(searches):
        left = residual[:, :, columns]
        nearest: Array = (np.ascontiguousarray(left) @ entries.T - halves).argmax(axis=2)
        left -= entries[nearest]
        chosen[:, :, stage] = nearest
    return chosen.reshape(-1, len(searches))[: len(frames)]


def _product(frames: Array, matrix: Array) -> Array:
    """Multiply [F, K] by [K, N] on one thread."""
    made = _stacked(frames, matrix.size) @ matrix
    return made.reshape(-1, matrix.shape[1])[: len(frames)]


def _stacked(frames: Array, multiplications: int) -> Array:
    """Cut [F, K] into blocks [B, R, K], zeros at the end, for a product that is left to one thread.

    NumPy hands the blocks to BLAS one after the other, and each is so small that it is not shared out: waiting for
    other threads takes longer than the work.

    Args:
        frames: [F, K] float32.
        multiplications: of a frame.
    """
    most_rows = max(1, _ONE_THREAD // multiplications)
    num_blocks = max(1, -(-len(frames) // most_rows))
    rows = -(-len(frames) // num_blocks)  # as even as can be: zeros cost as much as frames
    blocks = np.zeros((num_blocks, rows, frames.shape[1]), dtype=np.float32)
    blocks.reshape(-1, frames.shape[1])[: len(frames)] = frames
    return blocks
