"""Known answers for what the evaluation measures."""

import numpy as np
import pytest

from gsv_demo import metrics

RATE = metrics.RATE_HZ


def buzz(pitch_hz, formant_hz, seconds=1.0, seed=0):
    """A vowel of sorts: a pulse train through one resonance."""
    generator = np.random.default_rng(seed)
    pulses = np.zeros(round(seconds * RATE))
    pulses[:: round(RATE / pitch_hz)] = 1.0
    times = np.arange(400) / RATE
    ring = np.exp(-times * 400) * np.sin(2 * np.pi * formant_hz * times)
    level = 1 + 0.3 * np.sin(2 * np.pi * 3 * np.arange(pulses.size) / RATE + generator.uniform(0, 6))
    noise = 1e-3 * generator.standard_normal(pulses.size)
    return (0.3 * level * np.convolve(pulses, ring)[: pulses.size] + noise).astype(np.float32)


@pytest.mark.parametrize(
    ("texts", "heard", "rate"),
    [
        (["The cat sat."], ["the cat sat"], 0.0),
        (["The cat sat."], ["the bat sat"], 1 / 3),
        (["The cat sat."], ["cat sat"], 1 / 3),
        (["The cat sat."], [""], 1.0),
        (["Fifty-four cats!", "It's on."], ["fifty four cats", "it's a on"], 1 / 5),
    ],
)
def test_word_error_rate_counts_wrong_missing_and_surplus_words(texts, heard, rate):
    assert metrics.word_error_rate(texts, heard) == pytest.approx(rate)


def test_an_utterance_is_at_no_distance_from_itself_and_loudness_does_not_count():
    vowel = buzz(120, 700)
    assert metrics.mel_cepstral_distance(vowel, vowel) == pytest.approx(0, abs=1e-5)
    assert metrics.mel_cepstral_distance(vowel, 0.5 * vowel) < 0.1
    assert metrics.mel_cepstral_distance(vowel, buzz(120, 2000)) > 5


def test_distance_follows_a_sound_that_comes_later():
    low, high = buzz(120, 700), buzz(120, 2000)
    early, late = np.concatenate([low, high, high]), np.concatenate([low, low, high])
    assert metrics.mel_cepstral_distance(early, late) < 0.2 * metrics.mel_cepstral_distance(low, high)


def test_cheapest_alignment_of_a_known_table():
    cost = np.array([[0.0, 9.0, 9.0], [0.0, 9.0, 9.0], [9.0, 1.0, 2.0]])
    assert metrics._align(cost) == (3.0, 4)


def test_each_speaker_is_most_like_itself():
    speakers = {"low": (100, 600), "middle": (140, 1100), "high": (210, 1900)}
    space = metrics.SpeakerSpace.learn(
        {name: [buzz(*sound, seed=seed) for seed in range(6)] for name, sound in speakers.items()}
    )
    for name, sound in speakers.items():
        similarities = space.similarities(buzz(*sound, seconds=1.5, seed=99))
        assert max(similarities, key=similarities.__getitem__) == name
        assert similarities[name] > 0.9


@pytest.mark.parametrize(
    ("heard", "duration_s", "kind"),
    [
        ("the red car is on the road", 2.0, ""),
        ("the red car", 1.1, "truncated"),
        ("the red car is on the road", 3.3, "run-away"),
        ("the red car the red car is on the road", 2.9, "repeated"),
        ("", 0.0, "empty"),
    ],
)
def test_faults_are_told_by_length_and_by_words_said_twice(heard, duration_s, kind):
    assert metrics.fault("The red car is on the road.", heard, duration_s, original_s=2.0) == kind


def test_a_text_that_repeats_itself_may_be_spoken_so():
    assert metrics.fault("Very well, very well.", "very well very well", 2.0, 2.0) == ""
