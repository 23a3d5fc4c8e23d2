"""How far apart voices are: similarities of pairs of clips of one speaker and of two."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Pairs:
    """What similarities mean on this set of clips.

    Attributes:
        same: mean over pairs of clips of one speaker; nan where no speaker has two.
        other: mean over pairs of two speakers; nan where there is but one.
        same_low: of the pairs of one speaker, 5 % are less alike.
        other_high: of the pairs of two speakers, 5 % are more alike.
    """

    same: float
    other: float
    same_low: float
    other_high: float


def pairs(vectors: Sequence[tuple[str, Vector]]) -> Pairs:
    """Compare all clips with each other.

    Args:
        vectors: speaker and vector [D] of length 1 of each clip.
    """
    same: list[float] = []
    other: list[float] = []
    for (one, a), (two, b) in itertools.combinations(vectors, 2):
        (same if one == two else other).append(float(a @ b))
    return Pairs(_mean(same), _mean(other), _quantile(same, 0.05), _quantile(other, 0.95))


def to_references(
    vectors: Sequence[tuple[str, Vector]], references: Mapping[str, Vector]
) -> dict[str, dict[str, float]]:
    """Mean similarity of each speaker's clips to each reference: speaker to reference's speaker to similarity."""
    return {
        speaker: {
            other: _mean([float(vector @ reference) for name, vector in vectors if name == speaker])
            for other, reference in references.items()
        }
        for speaker in sorted({name for name, _ in vectors})
    }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _quantile(values: Sequence[float], share: float) -> float:
    return float(np.quantile(values, share)) if values else float("nan")
