"""What the distances between waveforms hear, and what they do not."""

import math

import pytest
import torch

from gsv_demo.waveform_losses import envelope_distance, spectral_distance

_SAMPLES = 32_000


def _hiss(seed: int) -> torch.Tensor:
    """A second of noise [1, N] that swells and fades, as syllables do."""
    generator = torch.Generator().manual_seed(seed)
    swell = 0.2 + torch.sin(torch.arange(_SAMPLES) / _SAMPLES * 4 * math.pi).square()
    return 0.3 * swell * torch.randn(1, _SAMPLES, generator=generator)


@pytest.mark.parametrize("distance", [envelope_distance, spectral_distance])
def test_a_waveform_is_at_no_distance_from_itself(distance: object) -> None:
    assert float(distance(_hiss(1), _hiss(1))) == 0.0  # type: ignore[operator]


def test_other_noise_in_the_same_envelope_is_near_by_the_envelope_and_far_by_the_spectrum() -> None:
    assert float(envelope_distance(_hiss(2), _hiss(1))) < 0.5 * float(spectral_distance(_hiss(2), _hiss(1)))


def test_half_as_loud_is_the_logarithm_of_two_away() -> None:
    assert float(envelope_distance(0.5 * _hiss(1), _hiss(1))) == pytest.approx(math.log(2.0), rel=0.05)


def test_what_is_quieter_than_speech_is_not_heard_by_the_envelope() -> None:
    silence = torch.zeros(1, _SAMPLES)
    assert (
        float(envelope_distance(1e-5 * _hiss(1), silence)) < 0.01 < float(spectral_distance(1e-5 * _hiss(1), silence))
    )
