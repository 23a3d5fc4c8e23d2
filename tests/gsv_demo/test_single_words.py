import numpy as np

from gsv_demo import single_words
from gsv_demo.single_words import Take


def test_silence_and_hiss_around_a_word_are_not_counted() -> None:
    rng = np.random.default_rng(0)
    word = np.sin(np.arange(16_000) / 16_000 * 2 * np.pi * 200)
    hiss = 0.002 * rng.standard_normal(8_000)
    audio = np.concatenate([hiss, word, hiss, np.zeros(1_600)]).astype(np.float32)
    assert abs(single_words.heard_s(audio, 16_000) - 1.0) <= 0.011
    assert single_words.heard_s(np.zeros(1_600, np.float32), 16_000) == 0.0


def test_a_pause_within_a_word_said_twice_is_counted() -> None:
    word, pause = np.ones(1_600) * np.tile([1.0, -1.0], 800), np.zeros(3_200)
    assert abs(single_words.heard_s(np.concatenate([word, pause, word]), 16_000) - 0.4) <= 0.011


def test_shares_are_told_of_all_and_of_words_that_were_never_practised() -> None:
    said = [Take("hello", 1, 1.0), Take("hello", 2, 2.0), Take("thanks", 1, 0.5), Take("thanks", 2, 1.5)]
    assert single_words.shares(said) == {"all": 0.5, "never_trained_alone": 0.5}


def test_every_word_that_is_never_trained_alone_is_asked_for() -> None:
    unpractised = single_words.HELD_OUT_WORDS & set(single_words.WORDS)
    assert len(single_words.WORDS) == 50
    assert unpractised == single_words.HELD_OUT_WORDS
