"""Signal processing of reference audio: resampling, linear spectrogram, Kaldi filter bank, PCM16.

Each function states the upstream definition that it reproduces; all work on one mono signal [N] in [-1, 1].
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import soxr

from gsv_runtime.contract import FBANK_BINS, SAMPLES_PER_FRAME, SSL_SAMPLE_RATE_HZ
from gsv_runtime.tensors import Array

_FFT_SIZE = 2048
_MOST_KERNEL_VALUES = 600_000  # 11,025 to 32,000 Hz has the most of the rates in use
_SPECTROGRAM_FLOOR = 1e-8
_FBANK_WINDOW, _FBANK_HOP, _FBANK_FFT = 400, 160, 512
_FBANK_FLOOR = 1.1920928955078125e-07


def resample_soxr(samples: Array, rate_hz: int, target_hz: int) -> Array:
    """Resample as `librosa.load` does (soxr, high quality, length rounded up).

    Args:
        samples: [N] float32.
        rate_hz: its sample rate.
        target_hz: wanted sample rate.

    Returns:
        [ceil(N * target / rate)] float32.
    """
    if rate_hz == target_hz:
        return samples.astype(np.float32)
    length = math.ceil(samples.size * target_hz / rate_hz)
    resampled = soxr.resample(samples, rate_hz, target_hz, quality="HQ")[:length]
    return np.pad(resampled, (0, length - resampled.size)).astype(np.float32)


@lru_cache(maxsize=16)
def _sinc_kernels(rate: int, target: int) -> tuple[Array, int]:
    """Polyphase kernels [target, 2 * width + rate] float32 of the Hann-windowed sinc, and their half width."""
    zero_crossings, rolloff = 6, 0.99
    cutoff = min(rate, target) * rolloff
    width = math.ceil(zero_crossings * rate / cutoff)
    times = np.arange(-width, width + rate)[np.newaxis] / rate - np.arange(target)[:, np.newaxis] / target
    times = np.clip(times * cutoff, -zero_crossings, zero_crossings)
    window = np.cos(times * np.pi / zero_crossings / 2) ** 2
    return (np.sinc(times) * window * cutoff / rate).astype(np.float32), width


def resample_sinc(samples: Array, rate_hz: int, target_hz: int) -> Array:
    """Resample with a Hann-windowed sinc of 6 zero crossings and a roll-off of 0.99.

    Args:
        samples: [N] float32.
        rate_hz: its sample rate.
        target_hz: wanted sample rate.

    Returns:
        [ceil(N * target / rate)] float32. Where the rates have hardly a factor in common, such as 8,001 and 32,000 Hz,
        a filter for each of their many phases would take gigabytes; those are resampled by soxr.

    Source: the defaults of torchaudio.transforms.Resample, which upstream's `_get_ref_spec` uses.
    """
    if rate_hz == target_hz:
        return samples.astype(np.float32)
    divisor = math.gcd(rate_hz, target_hz)
    rate, target = rate_hz // divisor, target_hz // divisor
    if rate * target > _MOST_KERNEL_VALUES:
        return resample_soxr(samples, rate_hz, target_hz)
    kernels, width = _sinc_kernels(rate, target)
    padded = np.pad(samples.astype(np.float32), (width, width + rate))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernels.shape[1])[::rate]
    return (windows @ kernels.T).reshape(-1)[: math.ceil(target * samples.size / rate)]


def linear_spectrogram(samples: Array) -> Array:
    """Magnitude spectrogram of 32 kHz audio, hop 640.

    Args:
        samples: [N] float32 at 32 kHz, N > 704.

    Returns:
        [1, 1025, N // 640] float32.

    Source: GPT-SoVITS spectrogram_torch: reflect padding of 704, periodic Hann of 2048, no centring,
    square root of power + 1e-8, no logarithm.
    """
    padded = np.pad(samples, (_FFT_SIZE - SAMPLES_PER_FRAME) // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT_SIZE)[::SAMPLES_PER_FRAME]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FFT_SIZE) / _FFT_SIZE)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    return np.sqrt(power + _SPECTROGRAM_FLOOR).T[np.newaxis].astype(np.float32)


@lru_cache(maxsize=1)
def _mel_banks() -> Array:
    """Triangular filters [80, 257] on Kaldi's mel scale, 20 Hz to 8 kHz; the Nyquist bin has no weight."""
    to_mel = lambda hz: 1127.0 * np.log1p(np.asarray(hz) / 700.0)  # noqa: E731
    low, high = to_mel(20.0), to_mel(SSL_SAMPLE_RATE_HZ / 2)
    step = (high - low) / (FBANK_BINS + 1)
    left = low + np.arange(FBANK_BINS)[:, np.newaxis] * step
    mel = to_mel(np.arange(_FBANK_FFT // 2) * SSL_SAMPLE_RATE_HZ / _FBANK_FFT)[np.newaxis]
    rising, falling = (mel - left) / step, (left + 2 * step - mel) / step
    return np.pad(np.maximum(0.0, np.minimum(rising, falling)), ((0, 0), (0, 1)))


def kaldi_fbank(samples: Array) -> Array:
    """Log-mel filter bank of 16 kHz audio as Kaldi computes it, without dither and without mean subtraction.

    Args:
        samples: [N] float32 at 16 kHz in [-1, 1] (not scaled to 16 bit), N >= 400.

    Returns:
        [1, 1 + (N - 400) // 160, 80] float32.

    Source: torchaudio.compliance.kaldi.fbank(num_mel_bins=80, sample_frequency=16000, dither=0): 25 ms Povey windows
    every 10 ms, DC removed per window, pre-emphasis 0.97, power spectrum of 512 points, floor at float32 epsilon.
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), _FBANK_WINDOW)[::_FBANK_HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    previous = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    povey = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FBANK_WINDOW) / (_FBANK_WINDOW - 1))) ** 0.85
    power = np.abs(np.fft.rfft((frames - 0.97 * previous) * povey, n=_FBANK_FFT, axis=1)) ** 2
    return np.log(np.maximum(power @ _mel_banks().T, _FBANK_FLOOR))[np.newaxis].astype(np.float32)
