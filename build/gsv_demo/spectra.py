"""Spectra that the training compares: linear and mel magnitudes, pitch. All on torch tensors, on any device."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor
from torch.nn import functional

from gsv_runtime.contract import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME

FFT = 2048
TOP_HZ = 12_000.0  # where the teachers' speech ends
_MAGNITUDE_FLOOR = 1e-8  # upstream's, under the root
_LOG_FLOOR = 1e-5


def linear_spectrogram(waveform: Tensor) -> Tensor:
    """Magnitudes as the reference encoder and the posterior encoder read them.

    Args:
        waveform: [B, N] float32 at 32 kHz.

    Returns:
        [B, 1025, N // 640], hop 640, window 2048, reflected edges.
    """
    edge = (FFT - SAMPLES_PER_FRAME) // 2
    padded = functional.pad(waveform.unsqueeze(1), (edge, edge), mode="reflect").squeeze(1)
    return magnitudes(padded, FFT, SAMPLES_PER_FRAME)


def magnitudes(waveform: Tensor, size: int, hop: int) -> Tensor:
    """Magnitudes [B, size / 2 + 1, F] of [B, N] with a Hann window, without padding."""
    spectrum = torch.stft(waveform, size, hop, window=_hann(size, waveform.device), center=False, return_complex=True)
    return (spectrum.real.square() + spectrum.imag.square() + _MAGNITUDE_FLOOR).sqrt()


@functools.lru_cache
def _hann(size: int, device: torch.device) -> Tensor:
    """Hann window [size], made once on each device: steps that are recorded must not make it."""
    return torch.hann_window(size, device=device)


_HALF_BAND_TAPS = 63


@functools.lru_cache
def _half_band(device: torch.device) -> Tensor:
    """Low-pass filter [1, 1, 63] that lets through what is below a quarter of the rate."""
    place = torch.arange(_HALF_BAND_TAPS) - _HALF_BAND_TAPS // 2
    taps = torch.sinc(place * 0.48) * torch.kaiser_window(_HALF_BAND_TAPS, periodic=False, beta=8.0)
    return (taps / taps.sum())[None, None].to(device)


def halved(waveform: Tensor) -> Tensor:
    """[B, 2 N] at one rate to [B, N] at half of it."""
    padded = functional.pad(waveform[:, None], (_HALF_BAND_TAPS // 2, _HALF_BAND_TAPS // 2))
    return functional.conv1d(padded, _half_band(waveform.device), stride=2)[:, 0, : waveform.shape[1] // 2]


@functools.lru_cache
def mel_filters(
    size: int,
    bands: int,
    rate_hz: int = SAMPLE_RATE_HZ,
    top_hz: float = TOP_HZ,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Triangular filters [bands, size / 2 + 1], equally wide on the mel scale (HTK formula), area normalised."""
    edges_mel = torch.linspace(0.0, 2595.0 * math.log10(1.0 + top_hz / 700.0), bands + 2)
    edges_hz = 700.0 * (10.0 ** (edges_mel / 2595.0) - 1.0)
    bins_hz = torch.linspace(0.0, rate_hz / 2, size // 2 + 1)
    rising = (bins_hz - edges_hz[:-2, None]) / (edges_hz[1:-1] - edges_hz[:-2])[:, None]
    falling = (edges_hz[2:, None] - bins_hz) / (edges_hz[2:] - edges_hz[1:-1])[:, None]
    height = (2.0 / (edges_hz[2:] - edges_hz[:-2]))[:, None] * 100.0
    return (torch.minimum(rising, falling).clamp(min=0.0) * height).to(device)


def log_mel(magnitude: Tensor, bands: int) -> Tensor:
    """Log mel energies [B, bands, F] of magnitudes [B, bins, F]."""
    filters = mel_filters(2 * (magnitude.shape[1] - 1), bands, device=magnitude.device)
    return (filters @ magnitude).clamp(min=_LOG_FLOOR).log()


def pitch(waveform: Tensor, rate_hz: int, hop: int, low_hz: float = 60.0, high_hz: float = 400.0) -> Tensor:
    """Fundamental frequency by the highest peak of the normalised autocorrelation.

    Args:
        waveform: [N] float32.
        rate_hz: its sample rate.
        hop: samples between values.
        low_hz: lowest pitch sought.
        high_hz: highest pitch sought.

    Returns:
        [N // hop] in Hz, 0 where nothing is voiced.
    """
    size = 2 ** math.ceil(math.log2(2.5 * rate_hz / low_hz))
    padded = functional.pad(waveform, (size // 2, size // 2))
    frames = padded.unfold(0, size, hop)[: len(waveform) // hop]
    window = torch.hann_window(size, device=waveform.device)
    frames = (frames - frames.mean(dim=1, keepdim=True)) * window
    power = torch.fft.rfft(frames, 2 * size).abs().square()
    correlation = torch.fft.irfft(power)[:, :size]
    window_correlation = torch.fft.irfft(torch.fft.rfft(window, 2 * size).abs().square())[:size]
    ratio = (
        correlation / correlation[:, :1].clamp(min=1e-6) / (window_correlation / window_correlation[0]).clamp(min=1e-2)
    )
    first, last = int(rate_hz / high_hz), int(rate_hz / low_hz)
    lags = torch.arange(first, last + 1, dtype=torch.float32, device=waveform.device)
    search = ratio[:, first : last + 1] - 0.02 * torch.log2(lags / first)  # prefer the shorter of equal periods
    height, best = search.max(dim=1)
    loud = frames.square().mean(dim=1) > 1e-5
    return torch.where((height > 0.5) & loud, rate_hz / (best + first), torch.zeros((), device=waveform.device))
