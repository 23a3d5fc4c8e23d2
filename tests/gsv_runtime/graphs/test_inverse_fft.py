"""A spectrum becomes the waveform that it is the spectrum of."""

import numpy as np

from gsv_runtime.graphs.inverse_fft import waveform_of

FRAMES = 40


def spectrum_of(waveform):
    """Windows of 2560 samples, a hop of 640, the first beginning 960 samples before the waveform."""
    padded = np.pad(waveform, 960)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2560) / 2560)
    frames = np.stack([padded[640 * frame : 640 * frame + 2560] * window for frame in range(FRAMES)])
    spectrum = np.fft.rfft(frames)[np.newaxis]
    return np.abs(spectrum).astype(np.float32), np.angle(spectrum).astype(np.float32)


def test_the_spectrum_of_a_tone_becomes_the_tone():
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(640 * FRAMES) / 32_000)
    made = waveform_of(*spectrum_of(tone))
    assert made.dtype == np.float32
    assert made.shape == (1, 640 * FRAMES)
    np.testing.assert_allclose(made[0], tone, atol=1e-4)


def test_a_part_of_the_frames_gives_that_part_of_the_waveform_but_for_two_at_its_edges():
    magnitude, phase = spectrum_of(np.random.default_rng(0).standard_normal(640 * FRAMES) * 0.1)
    whole, part = waveform_of(magnitude, phase), waveform_of(magnitude[:, 10:20], phase[:, 10:20])
    np.testing.assert_allclose(part[0, 640 * 2 : 640 * 8], whole[0, 640 * 12 : 640 * 18], atol=1e-6)
