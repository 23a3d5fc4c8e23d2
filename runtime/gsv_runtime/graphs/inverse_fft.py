"""The waveform of a spectrum: what a vocoder's graph leaves to be done. Pure.

An inverse FFT of four frames' length, a Hann window, and a sum of windows that lie over one another. The sum is divided
by what the windows themselves add up to, so that a window of a sentence gives what the whole sentence gives.
"""

from __future__ import annotations

import functools

import numpy as np

from gsv_runtime.contract import SAMPLES_PER_FRAME
from gsv_runtime.graphs.vocoder_spectrum import INVERSE_FFT
from gsv_runtime.tensors import Array

_OVERLAP = INVERSE_FFT // SAMPLES_PER_FRAME
_EDGE_SAMPLES = (INVERSE_FFT - SAMPLES_PER_FRAME) // 2


@functools.lru_cache(maxsize=1)
def _window() -> Array:
    """Periodic Hann window [2560] float32."""
    places = 2.0 * np.pi * np.arange(INVERSE_FFT) / INVERSE_FFT
    return (0.5 - 0.5 * np.cos(places)).astype(np.float32)


def waveform_of(magnitude: Array, phase: Array) -> Array:
    """Turn a spectrum into samples.

    Args:
        magnitude: [B, F, 1281] float32.
        phase: [B, F, 1281] float32 in radians.

    Returns:
        [B, 640 * F] float32, not clipped.
    """
    spectrum = np.empty(magnitude.shape, dtype=np.complex64)
    np.multiply(magnitude, np.cos(phase), out=spectrum.real)
    np.multiply(magnitude, np.sin(phase), out=spectrum.imag)
    frames = np.fft.irfft(spectrum, INVERSE_FFT).astype(np.float32) * _window()
    squares = np.broadcast_to(_window() ** 2, (1, magnitude.shape[1], INVERSE_FFT))
    return np.asarray(_overlapped(frames) / _overlapped(squares))


def _overlapped(frames: Array) -> Array:
    """Add [B, F, 2560] up, each 640 samples after the one before, without the edges: [B, 640 * F]."""
    batch, count, _ = frames.shape
    parts = frames.reshape(batch, count, _OVERLAP, SAMPLES_PER_FRAME)
    whole = np.zeros((batch, count + _OVERLAP - 1, SAMPLES_PER_FRAME), dtype=np.float32)
    for part in range(_OVERLAP):
        whole[:, part : part + count] += parts[:, :, part]
    return whole.reshape(batch, -1)[:, _EDGE_SAMPLES : _EDGE_SAMPLES + count * SAMPLES_PER_FRAME]
