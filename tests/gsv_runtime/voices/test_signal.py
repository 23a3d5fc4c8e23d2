import math

import numpy as np
import pytest

from gsv_runtime.voices import signal as audio


def tone(hz, rate_hz, seconds=1.0):
    return np.sin(2 * np.pi * hz * np.arange(round(rate_hz * seconds)) / rate_hz).astype(np.float32)


@pytest.mark.parametrize("resample", [audio.resample_sinc, audio.resample_soxr])
@pytest.mark.parametrize(
    ("rate_hz", "target_hz"), [(44_100, 32_000), (48_000, 32_000), (22_050, 16_000), (8_000, 32_000)]
)
def test_a_tone_below_nyquist_survives_resampling(resample, rate_hz, target_hz):
    resampled = resample(tone(440, rate_hz), rate_hz, target_hz)
    assert resampled.size == math.ceil(rate_hz * target_hz / rate_hz)
    inner = slice(target_hz // 10, -target_hz // 10)
    assert np.abs(resampled - tone(440, target_hz))[inner].max() < 2e-3


def test_the_sinc_kernel_is_the_one_of_the_defining_formula():
    """Direct evaluation of the interpolation sum at one output sample, 48 to 32 kHz."""
    samples = np.random.default_rng(0).standard_normal(400).astype(np.float32)
    cutoff = 32_000 * 0.99
    times = np.clip((np.arange(400) / 48_000 - 100 / 32_000) * cutoff, -6, 6)
    kernel = np.sinc(times) * np.cos(times * np.pi / 12) ** 2 * cutoff / 48_000
    assert audio.resample_sinc(samples, 48_000, 32_000)[100] == pytest.approx(kernel @ samples, abs=1e-5)


def test_a_rate_that_is_right_already_changes_nothing():
    samples = tone(100, 32_000)
    assert np.array_equal(audio.resample_sinc(samples, 32_000, 32_000), samples)
    assert np.array_equal(audio.resample_soxr(samples, 32_000, 32_000), samples)


def test_a_spectrogram_frame_is_the_magnitude_of_its_windowed_samples():
    samples = np.random.default_rng(1).standard_normal(32_000).astype(np.float32)
    spectrogram = audio.linear_spectrogram(samples)
    start = 20 * 640 - 704
    window = np.hanning(2049)[:-1]
    expected = np.sqrt(np.abs(np.fft.rfft(samples[start : start + 2048] * window)) ** 2 + 1e-8)
    assert spectrogram.shape == (1, 1025, 50)
    assert np.allclose(spectrogram[0, :, 20], expected, rtol=1e-5)


def test_silence_has_the_spectrogram_floor():
    assert np.allclose(audio.linear_spectrogram(np.zeros(32_000, np.float32)), 1e-4)


def test_a_filter_bank_peaks_where_the_tone_is():
    fbank = audio.kaldi_fbank(tone(1000, 16_000))
    step = (1127 * math.log1p(8000 / 700) - 1127 * math.log1p(20 / 700)) / 81
    expected_bin = (1127 * math.log1p(1000 / 700) - 1127 * math.log1p(20 / 700)) / step - 1
    assert fbank.shape == (1, 98, 80)
    assert abs(fbank[0].mean(axis=0).argmax() - expected_bin) <= 1


def test_the_filter_bank_of_silence_is_the_log_of_float32_epsilon():
    assert np.allclose(audio.kaldi_fbank(np.zeros(16_000, np.float32)), math.log(np.finfo(np.float32).eps))


@pytest.mark.parametrize("rate_hz", [8_000, 8_001, 11_025, 22_050, 44_056, 44_100, 44_101, 96_001, 191_999, 192_000])
def test_any_rate_is_resampled_and_no_filter_is_large(rate_hz):
    times = np.arange(3 * rate_hz) / rate_hz
    resampled = audio.resample_sinc(np.sin(2 * np.pi * 440 * times).astype(np.float32), rate_hz, 32_000)
    assert resampled.size == 96_000
    expected = np.sin(2 * np.pi * 440 * np.arange(96_000) / 32_000)
    inside = slice(1_000, -1_000)
    assert np.abs(resampled - expected)[inside].max() < 0.02
    assert audio._sinc_kernels.cache_info().maxsize * audio._MOST_KERNEL_VALUES * 4 < 64 * 2**20
