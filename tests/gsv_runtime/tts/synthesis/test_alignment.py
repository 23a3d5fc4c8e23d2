import numpy as np
import pytest

from gsv_runtime.tts.synthesis.alignment import Alignment, PhoneTable, token_phones


def fitting(*phones, num_phones, gain=3.0):
    """Gains of tokens that fit one phone each."""
    gains = np.full((len(phones), num_phones), -1.0, np.float32)
    gains[np.arange(len(phones)), phones] = gain
    return gains


@pytest.mark.parametrize("path", [(0, 0, 1, 1, 2), (0, 1, 2), (0, 2, 3), (0, 0, 0, 1, 1, 3, 4, 4), (0, 0)])
def test_the_way_follows_what_tokens_fit(path):
    assert token_phones(fitting(*path, num_phones=path[-1] + 1)).tolist() == list(path)


def test_a_token_that_fits_an_earlier_phone_does_not_lead_back():
    assert (np.diff(token_phones(fitting(0, 1, 2, 0, 3, 4, num_phones=5))) >= 0).all()


def test_phones_that_sound_alike_are_told_apart_by_their_turn():
    gains = fitting(0, 0, 1, 1, 2, 2, num_phones=3)
    gains[:, 0] = gains[:, 2] = np.maximum(gains[:, 0], gains[:, 2])
    assert token_phones(gains).tolist() == [0, 0, 1, 1, 2, 2]


def test_a_way_begins_where_the_last_token_was_and_need_not_end_before_the_last_chunk():
    assert token_phones(fitting(2, 3, 3, num_phones=9), start=2, finished=False).tolist() == [2, 3, 3]


def test_the_last_tokens_end_at_the_last_phone():
    assert token_phones(np.zeros((8, 4), np.float32))[-1] == 3


def test_fewer_tokens_than_phones_pass_phones_over():
    path = token_phones(fitting(1, 4, 8, num_phones=9, gain=9.0))
    assert path.tolist() == [1, 4, 8]


def test_one_phone_takes_all_tokens():
    assert token_phones(np.ones((3, 1), np.float32)).tolist() == [0, 0, 0]


def test_a_table_knows_phones_and_tokens_by_their_numbers():
    table = PhoneTable(np.arange(12, dtype=np.float32).reshape(3, 4))
    assert table.of(np.array([2, 0]), np.array([1, 3])).tolist() == [[9, 1], [11, 3]]


def test_what_is_not_in_the_table_gains_nothing():
    table = PhoneTable(np.ones((3, 4), np.float32))
    assert table.of(np.array([2, 9]), np.array([1, 99])).tolist() == [[1, 0], [0, 0]]


def test_chunks_that_see_a_little_ahead_find_the_way_of_the_whole():
    phones = np.arange(20)
    path = np.sort(np.random.default_rng(1).integers(0, 20, 60))
    table = PhoneTable(np.eye(20, dtype=np.float32) * 3 - 1)
    whole = token_phones(table.of(phones, path))
    alignment, told = Alignment(table, phones), []
    for start, stop in ((0, 10), (10, 30), (30, 60)):
        told += alignment.advance(path[start : stop + 6], stop - start, finished=stop == 60).tolist()
    assert told == whole.tolist()
