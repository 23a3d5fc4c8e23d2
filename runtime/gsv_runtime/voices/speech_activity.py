"""Where in a recording somebody speaks, by level alone: against the recording's own speech, not a fixed level."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gsv_runtime.tensors import Array

_HOP_S, _WINDOW_HOPS = 0.01, 3  # levels over 30 ms, every 10 ms
_FLOOR_DB = -120.0
_SPEECH_PERCENTILE, _NOISE_PERCENTILE = 95, 10
_DEEPEST_DB, _SHALLOWEST_DB = 40.0, 12.0  # below the speech level: what is quieter or louder counts as silence, speech
_ABOVE_NOISE_DB = 6.0
_STEADY_DB = 1.0  # a tone varies less, and is no speech in noise
_CLICK_FRAMES, _ALONE_FRAMES = 6, 30  # a sound of 60 ms with 0.3 s of silence on both sides is no speech


@dataclass(frozen=True)
class Activity:
    """What was found.

    Attributes:
        frames: [F] bool, one every `hop` samples: whether somebody speaks.
        hop: samples.
        speech_dbfs: level while somebody speaks, RMS.
        noise_dbfs: usual level of what is not speech; None where hardly anything is.
        varies_db: how far its loud moments are above its quiet ones.
    """

    frames: Array
    hop: int
    speech_dbfs: float
    noise_dbfs: float | None
    varies_db: float


def find_speech(samples: Array, rate_hz: int) -> Activity:
    """Tell speech from silence and room noise.

    Args:
        samples: [N] float32, finite, without an offset.
        rate_hz: their sample rate.
    """
    hop = max(1, round(_HOP_S * rate_hz))
    levels_db = frame_levels(samples, hop)
    loud_db = float(np.percentile(levels_db, _SPEECH_PERCENTILE))
    sounding = levels_db[levels_db > loud_db - 2 * _DEEPEST_DB]  # digital silence says nothing of the room
    noise_db = float(np.percentile(sounding, _NOISE_PERCENTILE)) if sounding.size else _FLOOR_DB
    threshold_db = float(np.clip(noise_db + _ABOVE_NOISE_DB, loud_db - _DEEPEST_DB, loud_db - _SHALLOWEST_DB))
    speaks = _without_clicks(levels_db > threshold_db)
    quiet = levels_db[~speaks]
    return Activity(
        frames=speaks,
        hop=hop,
        speech_dbfs=_mean_level(levels_db[speaks]),
        noise_dbfs=_noise_level(quiet, noise_db, loud_db),
        varies_db=loud_db - noise_db,
    )


def _noise_level(quiet_db: Array, noise_db: float, loud_db: float) -> float | None:
    """Usual level of what is not speech; in noise that covers every pause, that of the quietest moments."""
    if quiet_db.size > _WINDOW_HOPS:
        return float(np.median(quiet_db))
    return noise_db if _STEADY_DB < loud_db - noise_db < _SHALLOWEST_DB else None


def frame_levels(samples: Array, hop: int) -> Array:
    """RMS over three hops around each hop, in dB of full scale. [ceil(N / hop)] float64."""
    count = -(-samples.size // hop)
    power = np.square(np.pad(samples, (0, count * hop - samples.size)), dtype=np.float64)
    sums = np.concatenate([[0.0], np.cumsum(power.reshape(count, hop).sum(axis=1))])
    first = np.clip(np.arange(count) - _WINDOW_HOPS // 2, 0, None)
    last = np.clip(first + _WINDOW_HOPS, None, count)
    mean = (sums[last] - sums[first]).clip(0) / ((last - first) * hop)
    return 10 * np.log10(mean + 10 ** (_FLOOR_DB / 10))


def runs(flags: Array) -> list[tuple[bool, int, int]]:
    """Stretches of equal flags: value, first index, index after the last."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8))) + 1
    bounds = [0, *edges.tolist(), flags.size]
    return [(bool(flags[start]), start, end) for start, end in pairwise(bounds) if end > start]


def _without_clicks(speaks: Array) -> Array:
    """Short sounds that stand alone are doors, keys and mice."""
    kept = speaks.copy()
    found = runs(speaks)
    for index, (sounds, start, end) in enumerate(found):
        before = found[index - 1] if index else (False, 0, _ALONE_FRAMES)
        after = found[index + 1] if index + 1 < len(found) else (False, 0, _ALONE_FRAMES)
        alone = min(before[2] - before[1], after[2] - after[1]) >= _ALONE_FRAMES
        if sounds and alone and end - start <= _CLICK_FRAMES:
            kept[start:end] = False
    return kept if kept.any() else speaks


def _mean_level(levels_db: Array) -> float:
    """Of levels in dB, the level of their mean power."""
    return float(10 * np.log10(np.mean(10 ** (levels_db / 10)))) if levels_db.size else _FLOOR_DB
