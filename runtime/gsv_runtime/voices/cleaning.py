"""What is taken out of a recording before features: offset and rumble, silence at its ends, long pauses.

A recording that has none of these passes unchanged, sample by sample, so that it gives what upstream makes of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gsv_runtime.tensors import Array
from gsv_runtime.voices.speech_activity import Activity, find_speech, runs

_OFFSET_SHARE, _RUMBLE_SHARE = 0.1, 0.3  # of the speech level; what is less does no harm, and is left
_RUMBLE_HZ, _VOICE_HZ = 20.0, 40.0  # no voice is below; between them the filter rises
_HARMLESS_END_S, _LONGEST_PAUSE_S = 0.5, 0.6
_KEPT_END_S, _KEPT_PAUSE_S = 0.15, 0.3  # breath, soft first sounds, the fall of the last
_JOIN_S = 0.01


@dataclass(frozen=True)
class Cleaned:
    """A recording without what no voice has.

    Attributes:
        samples: [N] float32.
        silence_cut_s: seconds taken out.
        offset: constant that was taken off, of full scale; 0 where it was harmless.
        rumble: whether what lies below 20 Hz was taken off.
        activity: where somebody speaks, of what came.
    """

    samples: Array
    silence_cut_s: float
    offset: float
    rumble: bool
    activity: Activity


def clean(samples: Array, rate_hz: int) -> Cleaned:
    """Take out offset, rumble and silence.

    Args:
        samples: [N] float32, finite, not empty.
        rate_hz: their sample rate.
    """
    offset = float(samples.mean(dtype=np.float64))
    centred = (samples - offset).astype(np.float32)
    slow = _slow_part(centred, rate_hz)
    level = float((centred - slow).std(dtype=np.float64))
    rumble = float(slow.std(dtype=np.float64)) > _RUMBLE_SHARE * level
    if rumble:
        samples = centred - slow
    elif abs(offset) > _OFFSET_SHARE * level:
        samples = centred
    else:
        offset = 0.0
    activity = find_speech(centred - slow, rate_hz)
    kept = without_silence(samples, rate_hz, activity)
    return Cleaned(kept, (samples.size - kept.size) / rate_hz, offset, rumble, activity)


def without_silence(samples: Array, rate_hz: int, activity: Activity) -> Array:
    """Cut silence at the ends and shorten long pauses.

    Args:
        samples: [N] float32.
        rate_hz: their sample rate.
        activity: of these samples.

    Returns:
        [M] float32; the same array where nothing is long enough to be cut.
    """
    pieces: list[tuple[int, int]] = []
    begin, count = 0, activity.frames.size
    for speaks, first, last in runs(activity.frames):
        at_end = first == 0 or last == count
        seconds = (last - first) * activity.hop / rate_hz
        if speaks or seconds <= (_HARMLESS_END_S if at_end else _LONGEST_PAUSE_S):
            continue
        kept = round((_KEPT_END_S if at_end else _KEPT_PAUSE_S / 2) * rate_hz)
        if first > 0:
            pieces.append((begin, first * activity.hop + kept))
        begin = last * activity.hop - kept
        if last == count:
            begin = samples.size
    if begin < samples.size:
        pieces.append((begin, samples.size))
    if pieces == [(0, samples.size)] or not pieces:
        return samples
    return _joined([samples[start:end] for start, end in pieces], round(_JOIN_S * rate_hz))


def _joined(pieces: list[Array], overlap: int) -> Array:
    """Join with short fades over each other, so that no join clicks."""
    joined = pieces[0]
    rise = np.linspace(0, 1, overlap, dtype=np.float32)
    for piece in pieces[1:]:
        mixed = joined[-overlap:] * (1 - rise) + piece[:overlap] * rise
        joined = np.concatenate([joined[:-overlap], mixed, piece[overlap:]])
    return joined.astype(np.float32)


def _slow_part(samples: Array, rate_hz: int) -> Array:
    """What lies below the voice, by a filter without phase. [N] float32."""
    edge = min(samples.size - 1, rate_hz // 2)
    extended = np.pad(samples, edge, mode="reflect", reflect_type="odd") if edge > 0 else samples
    spectrum = np.fft.rfft(extended)
    hz = np.arange(spectrum.size) * rate_hz / extended.size
    share = np.clip((_VOICE_HZ - hz) / (_VOICE_HZ - _RUMBLE_HZ), 0, 1)
    slow = np.fft.irfft(spectrum * np.sin(share * np.pi / 2) ** 2, n=extended.size)
    return slow[edge : edge + samples.size].astype(np.float32)
