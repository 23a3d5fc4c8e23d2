"""Figures of a run with their 95 % intervals, and the difference of two runs, paired clip by clip, with its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gsv_judge.judging import Row
from gsv_judge.measures import MEASURES, Measure

_RESAMPLES = 2000
_SEED = 0
_CONFIDENCE = 0.95

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """A value and where it lies with 95 % confidence, by bootstrap over clips.

    Attributes:
        value: of all clips.
        low: lower end.
        high: upper end.
        clips: how many it is of.
    """

    value: float
    low: float
    high: float
    clips: int

    def shown(self, measure: Measure) -> str:
        """For a reader: value and interval."""
        return f"{measure.shown(self.value)} ({measure.shown(self.low)} to {measure.shown(self.high)})"


def figures(rows: Sequence[Row]) -> dict[str, Figure]:
    """Every measure that some clip has."""
    found = {}
    for measure in MEASURES:
        parts = [row.parts[measure.key] for row in rows if measure.key in row.parts]
        if parts:
            found[measure.key] = _bootstrap(np.array(parts, dtype=np.float64)[:, :, None])
    return found


def differences(first: Sequence[Row], second: Sequence[Row]) -> dict[str, Figure]:
    """Second run minus first, over the clips that both have: what was changed is judged on the same texts.

    Raises:
        ValueError: no clip of one run has the name of a clip of the other.
    """
    by_name: Mapping[str, Row] = {row.name: row for row in second}
    pairs = [(row, by_name[row.name]) for row in first if row.name in by_name]
    if not pairs:
        raise ValueError("no clip of one run has the name of a clip of the other; need the same texts in both")
    found = {}
    for measure in MEASURES:
        key = measure.key
        parts = [(a.parts[key], b.parts[key]) for a, b in pairs if key in a.parts and key in b.parts]
        if parts:
            found[key] = _bootstrap(np.array(parts, dtype=np.float64).transpose(0, 2, 1))
    return found


def beside_aligned(rows: Sequence[Row], aligned: Mapping[str, str]) -> dict[str, Figure]:
    """Clips minus what they are aligned with, over those of the run that are aligned with another of it.

    Args:
        rows: of all clips.
        aligned: name of a clip to name of the clip that holds the same speech: of a stream to that of the whole.

    Returns:
        Nothing where no clip is aligned with another of the run.
    """
    by_name = {row.name: row for row in rows}
    pairs = [(by_name[other], by_name[name]) for name, other in aligned.items() if other in by_name and other != name]
    if not pairs:
        return {}
    return differences([replace(whole, name=stream.name) for whole, stream in pairs], [stream for _, stream in pairs])


def significant(difference: Figure) -> bool:
    """Whether nought lies outside the interval."""
    return difference.low > 0 or difference.high < 0


def _bootstrap(parts: Array) -> Figure:
    """Value and interval.

    Args:
        parts: [clips, 2, runs]: numerators and denominators; with two runs the figure is second minus first.
    """
    count = len(parts)
    drawn = np.random.default_rng(_SEED).integers(0, count, (_RESAMPLES, count))
    samples = _figure(parts[drawn].sum(axis=1))
    low, high = np.quantile(samples, [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2])
    return Figure(float(_figure(parts.sum(axis=0)[None])[0]), float(low), float(high), count)


def _figure(sums: Array) -> Array:
    """Figures [...] of sums [..., 2, runs]."""
    ratios = sums[:, 0] / np.maximum(sums[:, 1], 1e-12)
    return ratios[:, 0] if ratios.shape[1] == 1 else ratios[:, 1] - ratios[:, 0]
