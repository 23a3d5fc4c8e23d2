"""How far the answers of two engines are apart. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gsv_runtime.tensors import Arrays

SAME_DB = 200.0  # of answers that are equal, bit for bit


def deviation_db(exact: Sequence[Arrays], other: Sequence[Arrays]) -> float:
    """Signal over difference, over all arrays of all answers, in decibels."""
    signal = sum(float(np.square(array, dtype=np.float64).sum()) for each in exact for array in each.values())
    noise = sum(
        float(np.square(array.astype(np.float64) - theirs[name]).sum())
        for each, theirs in zip(exact, other, strict=True)
        for name, array in each.items()
    )
    return 10.0 * float(np.log10(signal / noise)) if noise > 0 else SAME_DB
