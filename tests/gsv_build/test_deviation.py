"""Decibels between answers."""

import numpy as np

from gsv_build.deviation import SAME_DB, deviation_db


def test_a_hundredth_of_the_signal_is_forty_decibels_over_all_arrays_of_all_answers():
    exact: list[dict[str, np.ndarray]] = [
        {"a": np.ones(10, dtype=np.float32)},
        {"a": np.zeros(3, dtype=np.float32), "b": np.ones(10)},
    ]
    other = [{name: each * np.float32(1.01) for name, each in answer.items()} for answer in exact]
    assert round(deviation_db(exact, other), 1) == 40.0


def test_equal_answers_have_a_number_too():
    answer = [{"a": np.ones(2)}]
    assert deviation_db(answer, answer) == SAME_DB
