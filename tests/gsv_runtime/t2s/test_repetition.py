"""A loop is noticed; speech, and a pause within it, are not."""

import numpy as np

from gsv_runtime.t2s.repetition import RepetitionWatchdog


def first_alarm(tokens):
    watchdog = RepetitionWatchdog(window=100, least_distinct=8)
    return next((index for index, token in enumerate(tokens) if watchdog.repeats(token)), None)


def speech(count, seed=0):
    return np.random.default_rng(seed).integers(0, 200, count).tolist()


def test_one_token_for_ever_is_noticed_when_the_window_holds_nothing_else():
    assert first_alarm([*speech(50), *[486] * 500]) in range(50 + 93, 50 + 100)


def test_a_cycle_of_a_few_tokens_is_noticed():
    assert first_alarm([1, 2, 3, 4, 5] * 100) == 99


def test_a_pause_of_three_seconds_inside_speech_is_not_a_loop():
    assert first_alarm([*speech(60), *[486] * 75, *speech(60, 1)]) is None


def test_speech_is_not_a_loop():
    assert first_alarm(speech(1500)) is None


def test_a_window_of_zero_never_triggers():
    watchdog = RepetitionWatchdog(window=0, least_distinct=8)
    assert not any(watchdog.repeats(1) for _ in range(1000))
