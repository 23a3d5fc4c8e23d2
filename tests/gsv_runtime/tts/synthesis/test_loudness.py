"""Speech is brought to a wanted loudness by one gain for a voice, and not at all where none is wanted."""

import numpy as np
import pytest

from gsv_runtime.tts.synthesis.loudness import amplified, gain_to, loudness, own_loudness
from gsv_runtime.voices.store import Voice

RATE_HZ = 32_000


def tone(level, seconds=2.0, hz=997):
    return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)).astype(np.float32)


def test_a_full_scale_tone_is_as_loud_as_the_standard_says():
    assert loudness(tone(1.0)) == pytest.approx(-3.01, abs=0.1)  # ITU-R BS.1770-4, one channel


@pytest.mark.parametrize("level", [0.04, 0.1, 0.3])
def test_the_gain_brings_speech_to_the_loudness_that_is_wanted(level):
    samples = tone(level)
    louder = amplified(samples, gain_to(-16.0, loudness(samples)))
    assert loudness(louder) == pytest.approx(-16.0, abs=0.1)


def test_a_short_sound_is_measured_and_silence_gets_no_gain():
    assert np.isfinite(loudness(tone(0.1, seconds=0.2)))
    assert gain_to(-16.0, loudness(np.zeros(RATE_HZ, np.float32))) == 1.0


def test_without_a_wish_the_samples_are_the_very_same():
    samples = tone(0.3)
    assert gain_to(0.0, -24.0) == 1.0
    assert amplified(samples, 1.0) is samples


def test_nothing_is_made_louder_by_more_than_20_db():
    assert gain_to(-5.0, -60.0) == 10.0


def test_peaks_are_rounded_off_and_stay_in_order_below_full_scale():
    samples = np.linspace(-1, 1, 1001, dtype=np.float32)
    louder = amplified(samples, 3.0)
    assert np.abs(louder).max() < 1.0 + 1e-6
    assert (np.diff(louder) >= 0).all()
    quiet = np.abs(samples) * 3 <= 0.8
    np.testing.assert_array_equal(louder[quiet], samples[quiet] * np.float32(3))


def test_each_sample_is_treated_by_itself_so_that_chunks_join_as_before():
    samples = tone(0.6)
    whole = amplified(samples, 2.0)
    np.testing.assert_array_equal(whole, np.concatenate([amplified(part, 2.0) for part in np.split(samples, 8)]))


@pytest.mark.parametrize("transcript", [True, False])
def test_a_voice_is_measured_by_its_own_prompt_or_by_any_tokens(facts, make_stages, transcript):
    stages, size = make_stages(), 50 if transcript else 0
    tokens, phones = np.arange(size), np.arange(size // 2)
    voice = Voice("d", "w", "hi", "en", 4.0, tokens, phones, np.zeros((2, size // 2), np.float32), np.ones((1, 4)))
    assert np.isfinite(own_loudness(voice, facts, stages))
    (called,) = stages.inputs_of("acoustic")
    assert called["semantic_tokens"].shape[1] == (50 if transcript else 120)
