"""One text as a teacher said it, brought to a common loudness and to short edges of silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TARGET_RMS = 0.07
# Decoders of StyleTTS 2's kind speak two frames of 25 ms early: measured at the edges of fricatives of hibari, Kokoro
STYLE_TTS_LEAD_S = 0.05
EDGE_S = 0.1  # silence left before the first phone and after the last
_AUDIBLE = 0.02  # of the highest peak
_CEILING = 0.99


@dataclass(frozen=True)
class Speech:
    """Samples, and when each symbol that was spoken ends.

    Attributes:
        audio: [N] float32 in [-1, 1].
        rate_hz: of the samples.
        symbols: as the teacher writes its phones, marks and pads included; may be empty.
        ends_s: where each of them ends.
    """

    audio: NDArray[np.float32]
    rate_hz: int
    symbols: tuple[str, ...] = ()
    ends_s: tuple[float, ...] = ()

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.audio) / self.rate_hz


def ends_of(durations: Sequence[float] | NDArray[np.float32], unit_s: float, lead_s: float = 0.0) -> tuple[float, ...]:
    """Where each symbol ends.

    Args:
        durations: how many units of time each lasts.
        unit_s: the unit.
        lead_s: how long before its predicted time a decoder speaks a symbol.
    """
    ends_s = np.cumsum(np.asarray(durations, dtype=np.float64)) * unit_s
    return tuple(float(end) for end in np.maximum(ends_s - lead_s, 0.0))


def trimmed(speech: Speech) -> Speech:
    """The same without more silence than `EDGE_S` at each end, at `TARGET_RMS`.

    Raises:
        ValueError: there is nothing to hear.
    """
    audio, rate_hz = speech.audio, speech.rate_hz
    loudest = float(np.abs(audio).max()) if len(audio) else 0.0
    if not loudest:
        raise ValueError("a teacher gave silence; need speech; leave the text out")
    heard = np.flatnonzero(np.abs(audio) > _AUDIBLE * loudest)
    first = max(0, int(heard[0]) - round(EDGE_S * rate_hz))
    last = min(len(audio), int(heard[-1]) + round(EDGE_S * rate_hz))
    kept = audio[first:last].astype(np.float64)
    kept *= TARGET_RMS / max(float(np.sqrt(np.mean(kept**2))), 1e-4)
    length_s = (last - first) / rate_hz
    ends_s = tuple(min(max(end_s - first / rate_hz, 0.0), length_s) for end_s in speech.ends_s)
    return Speech(np.clip(kept, -_CEILING, _CEILING).astype(np.float32), rate_hz, speech.symbols, ends_s)


def played_at(speech: Speech, factor: float) -> Speech:
    """The same played `factor` times as fast: another pitch and another length of the vocal tract.

    The teacher is asked to speak slower by the same factor first, so that the tempo stays.
    """
    if factor == 1.0:
        return speech
    import soxr

    audio = soxr.resample(speech.audio, speech.rate_hz * factor, speech.rate_hz)
    return Speech(
        np.asarray(audio, dtype=np.float32),
        speech.rate_hz,
        speech.symbols,
        tuple(end / factor for end in speech.ends_s),
    )
