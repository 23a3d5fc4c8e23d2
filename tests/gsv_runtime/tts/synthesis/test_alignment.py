import numpy as np
import pytest

from gsv_runtime.tts.synthesis.alignment import Alignment, PhoneTable, token_phones
from gsv_runtime.tts.synthesis.chunking import ChunkSchedule


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


SCHEDULE = ChunkSchedule(10, 20, lookahead_tokens=6, encoder_tokens=20, bucket=1)
CHUNKS = ((0, 10), (10, 30), (30, 50), (50, 60))  # of 60 tokens


def told_by_chunk(table, phones, tokens):
    alignment, told = Alignment(table, phones, SCHEDULE), []
    for _, stop in CHUNKS:
        told += alignment.advance(tokens[: stop + 6], finished=stop == 60).tolist()
    return told


def test_chunks_that_see_a_little_ahead_find_the_way_of_the_whole():
    phones = np.arange(20)
    path = np.sort(np.random.default_rng(1).integers(0, 20, 60))
    table = PhoneTable(np.eye(20, dtype=np.float32) * 3 - 1)
    assert told_by_chunk(table, phones, path) == token_phones(table.of(phones, path)).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_a_sentence_at_once_is_told_as_a_stream_is_even_where_the_table_knows_nothing(seed):
    rng = np.random.default_rng(seed)
    table = PhoneTable(rng.normal(size=(20, 30)).astype(np.float32) * (seed % 2))
    phones, tokens = rng.integers(0, 20, 25), rng.integers(0, 30, 60)
    at_once = Alignment(table, phones, SCHEDULE).advance(tokens, finished=True).tolist()
    assert at_once == told_by_chunk(table, phones, tokens)
    assert len(at_once) == 60


def test_tokens_behind_the_last_whole_chunk_wait_for_the_end():
    table = PhoneTable(np.zeros((3, 4), np.float32))
    alignment = Alignment(table, np.arange(3), SCHEDULE)
    assert alignment.advance(np.zeros(15, np.int64), finished=False).size == 0
    assert alignment.advance(np.zeros(16, np.int64), finished=False).size == 10
    assert alignment.advance(np.zeros(16, np.int64), finished=True).size == 6
