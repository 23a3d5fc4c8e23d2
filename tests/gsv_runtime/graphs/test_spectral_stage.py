"""A vocoder that ends at a spectrum answers as any other."""

import numpy as np

from gsv_runtime.graphs.inverse_fft import waveform_of
from gsv_runtime.graphs.spectral_stage import SpectralStage


class Spectra:
    """A graph whose spectrum is drawn at random, once."""

    def __init__(self, frames):
        rng = np.random.default_rng(0)
        self.answer = {
            "magnitude": rng.random((1, frames, 1281), dtype=np.float32),
            "phase": rng.standard_normal((1, frames, 1281), dtype=np.float32),
        }
        self.warm_ups = 0

    def run(self, requests):
        return [self.answer for _ in requests]

    def warm_up(self):
        self.warm_ups += 1


def test_padded_frames_change_no_sample_of_the_others_and_are_silent():
    spectra = Spectra(12)
    (answer,) = SpectralStage(spectra).run([{"frame_lengths": np.array([[9]])}])
    own = waveform_of(spectra.answer["magnitude"][:, :9], spectra.answer["phase"][:, :9])
    assert answer["waveform"].shape == (1, 640 * 12)
    np.testing.assert_array_equal(answer["waveform"][0, : 640 * 9], own[0])
    assert not answer["waveform"][0, 640 * 9 :].any()


def test_it_warms_up_the_graph():
    spectra = Spectra(1)
    SpectralStage(spectra).warm_up()
    assert spectra.warm_ups == 1
