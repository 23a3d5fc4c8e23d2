"""What can be told from the samples alone: clipping, silence, seams, and pitch (by WORLD)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_FULL_SCALE = 0.999
_CLIPPED_RUN = 3  # samples in a row at full scale: fewer are a peak
_FRAME_S = 0.01
_SILENT_DB = 40.0  # below the loudest frame
_SEAM_S = 0.02  # to the right of a place where pieces were joined: the cross-fade
_NEAR_S = 0.05  # to each side of it: the signal's own steps
_PITCH_FRAME_MS = 10.0
_LEAST_VOICED = 20  # frames


def clipped_share(samples: Samples) -> float:
    """Share of samples that stand at full scale with their neighbours."""
    full = (np.abs(samples) >= _FULL_SCALE).astype(np.int8)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], full, [0]])))
    runs = edges[1::2] - edges[::2]
    return float(runs[runs >= _CLIPPED_RUN].sum() / max(1, len(samples)))


def silences_s(samples: Samples, rate_hz: int) -> tuple[float, float, float]:
    """Seconds of silence before, after and (the longest) between what is said; the whole length where nothing is."""
    frame = round(_FRAME_S * rate_hz)
    count = len(samples) // frame
    level = np.sqrt(np.mean(np.square(samples[: count * frame].reshape(count, frame).astype(np.float64)), axis=1))
    if not count or level.max() < 1e-4:
        return (len(samples) / rate_hz,) * 3
    heard = np.flatnonzero(20 * np.log10(level / level.max() + 1e-12) > -_SILENT_DB)
    gaps = np.diff(heard) - 1
    inner = int(gaps.max()) if gaps.size else 0
    return float(heard[0] * _FRAME_S), float((count - 1 - heard[-1]) * _FRAME_S), float(inner * _FRAME_S)


def worst_seam(samples: Samples, rate_hz: int, chunk_samples: Sequence[int]) -> float | None:
    """Largest step from sample to sample where pieces were joined, over the largest step near it; None without seams.

    Args:
        samples: [N].
        rate_hz: of the samples.
        chunk_samples: lengths of the pieces, in order.

    Returns:
        Below 1 where no seam stands out from the speech around it.
    """
    steps = np.abs(np.diff(samples.astype(np.float64)))
    seam, near = round(_SEAM_S * rate_hz), round(_NEAR_S * rate_hz)
    worst: float | None = None
    for place in np.cumsum(chunk_samples)[:-1]:
        at = slice(max(0, int(place) - 1), int(place) + seam)
        before, after = steps[max(0, at.start - near) : at.start], steps[at.stop : at.stop + near]
        own = max(before.max(initial=0.0), after.max(initial=0.0), 1e-4)
        worst = max(worst or 0.0, float(steps[at].max(initial=0.0) / own))
    return worst


def pitch(samples: Samples, rate_hz: int) -> NDArray[np.float64]:
    """Fundamental frequency in Hz every 10 ms, 0 where unvoiced (WORLD: Harvest)."""
    import pyworld

    found, _ = pyworld.harvest(samples.astype(np.float64), rate_hz, frame_period=_PITCH_FRAME_MS)
    return np.asarray(found)


def pitch_correlation(made: Samples, original: Samples, rate_hz: int) -> float | None:
    """Correlation of log pitch after warping in time, over frames voiced in both; None where too few are.

    Args:
        made: [N].
        original: [N'], the same text.
        rate_hz: of both.
    """
    import librosa

    hop = round(_PITCH_FRAME_MS / 1000 * rate_hz)
    cepstra = [
        librosa.feature.mfcc(y=samples, sr=rate_hz, n_mfcc=13, hop_length=hop)[1:] for samples in (made, original)
    ]
    path = librosa.sequence.dtw(*cepstra, metric="euclidean")[1]
    pitches = [pitch(samples, rate_hz) for samples in (made, original)]
    index = np.clip(path, 0, [len(pitches[0]) - 1, len(pitches[1]) - 1])
    first, second = pitches[0][index[:, 0]], pitches[1][index[:, 1]]
    voiced = (first > 0) & (second > 0)
    if voiced.sum() < _LEAST_VOICED:
        return None
    return float(np.corrcoef(np.log(first[voiced]), np.log(second[voiced]))[0, 1])
