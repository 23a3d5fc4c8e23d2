import dataclasses

import numpy as np
import pytest

from gsv_runtime.text.sentences import Sentence
from gsv_runtime.tts.synthesis.chunking import WHOLE_SENTENCE, ChunkSchedule
from gsv_runtime.tts.synthesis.retakes import TakeLimits, decodable, take_limits, take_seed, taken
from gsv_runtime.tts.synthesis.word_faults import WordFault
from gsv_runtime.voices.store import Voice

SCHEDULE = ChunkSchedule(first_tokens=4, max_tokens=8, lookahead_tokens=2, encoder_tokens=50, bucket=1)
LIMITS = TakeLimits(least=10, most=20)
VOICE = Voice(
    digest="d",
    weights_digest="w",
    prompt_text="hi",
    prompt_language="en",
    seconds=4.0,
    prompt_tokens=np.zeros(115, np.int64),  # 4 s of speech and 0.6 s of padding
    prompt_phones=np.zeros(48, np.int64),
    prompt_features=np.zeros((2, 48), np.float32),
    global_condition=np.zeros((1, 4), np.float32),
)


class Draws:
    """Takes of given lengths, three tokens a call; a token is its take's number times 100 and its place."""

    def __init__(self, *lengths, reasons=()):
        self.lengths = lengths
        self.reasons = reasons or ["eos"] * len(lengths)
        self.went_on_from = []
        self.pulled = []

    def __call__(self, number, sent):
        self.went_on_from.append(sent.tolist())
        self.pulled.append(0)
        places = 100 * number + np.arange(sent.size, self.lengths[number])
        for start in range(0, max(places.size, 1), 3):
            part = places[start : start + 3]
            self.pulled[-1] += part.size
            yield part, self.reasons[number] if start + 3 >= places.size else "", {"t2s": 1.0}


def heard(draws, retries=1, limits=LIMITS, schedule=WHOLE_SENTENCE):
    kept = list(taken(draws, retries, limits, schedule))
    assert all(each.finish_reason == "" for each in kept[:-1])
    return np.concatenate([each.tokens for each in kept]).tolist(), kept[-1].finish_reason


def test_a_take_that_is_long_enough_is_kept():
    draws = Draws(12, 15)
    assert heard(draws) == (list(range(12)), "eos")
    assert len(draws.pulled) == 1


@pytest.mark.parametrize("length", [9, 21, 300])
def test_a_take_that_is_too_short_or_too_long_is_drawn_again_before_any_of_it_is_heard(length):
    draws = Draws(length, 12)
    assert heard(draws) == (list(range(100, 112)), "eos")


def test_a_take_that_becomes_too_long_is_given_up_at_once():
    draws = Draws(300, 12)
    heard(draws)
    assert draws.pulled == [21, 12]


@pytest.mark.parametrize("reason", ["limit", "repetition"])
def test_a_take_that_runs_away_is_drawn_again_and_told_by_its_own_name(reason):
    assert heard(Draws(12, 12, reasons=[reason, "eos"])) == (list(range(100, 112)), "eos")
    assert heard(Draws(12, 12, reasons=[reason, reason]))[1] == reason


def test_the_last_take_is_kept_and_told_as_suspect():
    assert heard(Draws(9, 5)) == (list(range(100, 105)), "suspect")
    assert heard(Draws(9, 5, 4), retries=2) == (list(range(200, 204)), "suspect")


def test_without_retries_the_first_take_is_kept_and_told():
    draws = Draws(300)
    assert heard(draws, retries=0)[1] == "suspect"
    assert draws.pulled == [300]


def test_tokens_are_handed_out_when_a_chunk_can_be_decoded():
    kept = [each.tokens.size for each in taken(Draws(18), 1, LIMITS, SCHEDULE)]
    assert kept == [6, 8, 4]  # bounds of the first two chunks and the lookahead: 6, 14


def test_a_later_take_goes_on_from_what_was_handed_out():
    draws = Draws(8, 12)
    assert heard(draws, schedule=SCHEDULE) == ([0, 1, 2, 3, 4, 5, 106, 107, 108, 109, 110, 111], "eos")
    assert draws.went_on_from == [[], [0, 1, 2, 3, 4, 5]]


def test_a_take_does_not_depend_on_how_many_tokens_come_at_once():
    def by_one(number, sent):
        for tokens, reason, times_ms in Draws(8, 12)(number, sent):
            for place in range(tokens.size):
                yield tokens[place : place + 1], reason if place + 1 == tokens.size else "", times_ms

    assert heard(by_one, schedule=SCHEDULE)[0] == heard(Draws(8, 12), schedule=SCHEDULE)[0]


def test_the_time_of_takes_that_are_not_kept_is_counted():
    kept = list(taken(Draws(9, 12), 1, LIMITS, WHOLE_SENTENCE))
    assert sum(each.times_ms["t2s"] for each in kept) == 3 + 4


def finds_fault_at(token, takes):
    """A watch to which the first `takes` takes have a word at fault there."""
    waiting = list(range(takes))
    return lambda tokens: (WordFault(2, "swallowed", token),) if waiting and (waiting.pop() or True) else ()


def test_a_take_with_a_word_at_fault_is_drawn_again():
    draws = Draws(12, 12)
    kept = list(taken(draws, 1, LIMITS, WHOLE_SENTENCE, finds_fault_at(3, takes=1)))
    assert np.concatenate([each.tokens for each in kept]).tolist() == list(range(100, 112))
    assert (kept[-1].finish_reason, kept[-1].faults) == ("eos", ())


def test_a_word_that_stays_at_fault_is_told_with_the_last_tokens():
    kept = list(taken(Draws(12, 12), 1, LIMITS, WHOLE_SENTENCE, finds_fault_at(3, takes=2)))
    assert (kept[-1].finish_reason, kept[-1].faults) == ("suspect", (WordFault(2, "swallowed", 3),))
    assert all(each.faults == () for each in kept[:-1])


def test_a_word_at_fault_that_was_handed_out_is_told_but_not_said_again():
    draws = Draws(12, 12)
    kept = list(taken(draws, 1, LIMITS, SCHEDULE, finds_fault_at(5, takes=9)))
    assert (len(draws.pulled), kept[-1].finish_reason) == (1, "suspect")
    later = Draws(12, 12)
    list(taken(later, 1, LIMITS, SCHEDULE, finds_fault_at(6, takes=9)))
    assert later.went_on_from == [[], [0, 1, 2, 3, 4, 5]]


def test_a_take_that_is_not_kept_is_closed_before_the_next_begins():
    events = []

    def pull(number, sent):
        try:
            events.append(f"open {number}")
            yield np.arange(30), "", {}
            yield np.arange(30), "eos", {}
        finally:
            events.append(f"close {number}")

    list(taken(pull, 1, LIMITS, WHOLE_SENTENCE))
    assert events == ["open 0", "close 0", "open 1", "close 1"]


def test_what_is_long_already_is_not_drawn_again():
    schedule = dataclasses.replace(SCHEDULE, first_tokens=600)
    draws = Draws(700, 12)
    assert heard(draws, limits=TakeLimits(10, 650), schedule=schedule)[1] == "suspect"


def test_every_take_has_a_seed_of_its_own_and_the_first_the_sentences():
    assert take_seed(7, 0) == 7
    assert len({take_seed(7, number) for number in range(5)}) == 5


def test_limits_follow_the_rate_of_the_voices_recording():
    sentence = Sentence("Good morning.", np.zeros(24, np.int64), ())
    slow = dataclasses.replace(VOICE, prompt_phones=np.zeros(36, np.int64))
    assert take_limits(sentence, "en", VOICE) != take_limits(sentence, "en", slow)
    usual = round(24 / 12 * 25)
    limits = take_limits(sentence, "en", VOICE)
    assert not limits.is_suspect(usual)
    assert limits.is_suspect(usual // 3)
    assert limits.is_suspect(usual * 3)


def test_without_a_transcript_the_language_tells_and_is_lenient():
    silent = dataclasses.replace(VOICE, prompt_phones=np.zeros(0, np.int64))
    sentence = Sentence("Good morning.", np.zeros(24, np.int64), ())
    told, untold = take_limits(sentence, "en", VOICE), take_limits(sentence, "en", silent)
    assert untold.least <= told.least
    assert untold.most >= told.most


def test_a_rate_that_nobody_has_is_not_believed():
    sentence = Sentence("Good morning.", np.zeros(24, np.int64), ())
    absurd = dataclasses.replace(VOICE, prompt_phones=np.zeros(480, np.int64))
    assert take_limits(sentence, "en", absurd).most > 25


@pytest.mark.parametrize(("num_tokens", "count"), [(0, 0), (5, 0), (6, 6), (13, 6), (14, 14), (22, 22)])
def test_as_many_tokens_are_decodable_as_the_last_whole_chunk_reads(num_tokens, count):
    assert decodable(num_tokens, SCHEDULE) == count
