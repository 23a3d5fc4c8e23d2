"""Here phone p is spoken by the tokens 4 p to 4 p + 3, one to four of them."""

import numpy as np
import pytest

from gsv_runtime.contract import REPEATED, SWALLOWED
from gsv_runtime.text.sentences import WordSpan
from gsv_runtime.tts.synthesis.alignment import PhoneTable
from gsv_runtime.tts.synthesis.word_faults import WordFault, WordWatch

NUM_PHONES, LASTING = 12, 3
WORDS = tuple(WordSpan(4 * number, 4 * number + 3, 3 * number, 3) for number in range(4))
PHONES = np.arange(NUM_PHONES)
PLACES = np.repeat(PHONES, LASTING)
WORD_TOKENS = 3 * LASTING


@pytest.fixture
def table():
    gains = np.full((NUM_PHONES, 4 * NUM_PHONES), -3.0, np.float32)
    gains[np.repeat(PHONES, 4), np.arange(4 * NUM_PHONES)] = 4.0
    lasts = np.array([0.05, 0.2, 0.25, 0.25, 0.2, 0.05])
    return PhoneTable(gains, np.tile(np.log(lasts).astype(np.float32), (NUM_PHONES, 1)))


@pytest.fixture
def watch(table):
    return WordWatch(table, PHONES, WORDS)


def said(places, seed=1):
    return 4 * places + np.random.default_rng(seed).integers(0, 4, places.size)


@pytest.mark.parametrize("seed", range(5))
def test_a_good_take_has_no_fault(watch, seed):
    lasting = np.random.default_rng(seed).integers(1, 5, NUM_PHONES)
    assert watch.faults(said(np.repeat(PHONES, lasting), seed)) == ()


@pytest.mark.parametrize("word", range(4))
def test_a_word_without_tokens_is_named_with_its_place(watch, word):
    at = word * WORD_TOKENS
    left = np.delete(PLACES, np.arange(at, at + WORD_TOKENS))
    assert watch.faults(said(left)) == (WordFault(word, SWALLOWED, at),)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("word", [0, 1])
def test_words_that_are_said_again_are_named_by_their_first(watch, word, count):
    end = (word + count) * WORD_TOKENS
    again = np.insert(PLACES, end, PLACES[word * WORD_TOKENS : end])
    assert watch.faults(said(again)) == (WordFault(word, REPEATED, end),)


def test_of_two_faults_the_surest_is_named(watch):
    both = np.concatenate([PLACES[:WORD_TOKENS], PLACES[: 2 * WORD_TOKENS], PLACES[3 * WORD_TOKENS :]])
    assert len(watch.faults(said(both))) == 1


def test_phones_that_the_build_has_not_heard_are_not_judged(table):
    unheard = PhoneTable(np.zeros_like(table.gains), table.durations)
    assert WordWatch(unheard, PHONES, WORDS).faults(said(PLACES[WORD_TOKENS:])) == ()
    beyond = WordWatch(table, PHONES + 500, WORDS)
    assert beyond.faults(said(PLACES[WORD_TOKENS:])) == ()


def test_nothing_to_judge_has_no_fault(watch, table):
    assert watch.faults(np.zeros(0, np.int64)) == ()
    assert WordWatch(table, PHONES, ()).faults(said(PLACES)) == ()
    assert WordWatch(table, np.zeros(0, np.int64), ()).faults(said(PLACES)) == ()


def test_a_word_without_phones_changes_no_number(table):
    words = (WORDS[0], WordSpan(3, 4, 3, 0), *WORDS[1:])
    left = np.delete(PLACES, np.arange(WORD_TOKENS, 2 * WORD_TOKENS))
    assert [fault.word for fault in WordWatch(table, PHONES, words).faults(said(left))] == [2]
