import dataclasses

import numpy as np
import pytest

from gsv_runtime.speech_request import Sampling, SpeechRequest
from gsv_runtime.text.sentences import Sentence, WordSpan
from gsv_runtime.tts.synthesis.pieces import AudioPiece, SentenceTask
from gsv_runtime.tts.synthesis.word_times import WordTimes, phone_starts

REQUEST = SpeechRequest(
    text="ab cd.",
    language="en",
    voice="v",
    reference=None,
    speed=1.0,
    sampling=Sampling(5, 1.0, 1.0, 1.0, 0),
    noise_scale=0.5,
    pause_s=0.3,
    split_method="cut5",
    encoding="float32",
    timestamps="word",
)
WORDS = (WordSpan(0, 2, 0, 2), WordSpan(3, 5, 2, 2))
TOKEN_SAMPLES = 1280


def task(index=0, rate=1.0):
    return SentenceTask(index, Sentence("ab cd.", np.arange(10, 15), (), rate, words=WORDS), seed=1, last=True)


def piece(path, finish_reason="eos", of=None, speed=1.0, pause_samples=0):
    samples = round(len(path) * TOKEN_SAMPLES / speed) + pause_samples
    waveform = np.zeros(samples, np.float32)
    return AudioPiece(of or task(), waveform, finish_reason, "computed", token_phones=np.array(path))


def times(words):
    return [(word.text, word.start_s, word.end_s) for word in words]


def test_a_word_lasts_from_its_first_phone_to_the_one_behind_its_last():
    words = WordTimes(REQUEST, "v2").take(piece([0, 0, 1, 2, 3, 3, 4]))
    assert times(words) == [("ab", 0.0, 0.12), ("cd", 0.12, 0.24)]
    assert [(word.start, word.end) for word in words] == [(0, 2), (3, 5)]


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_times_follow_the_speed(speed):
    words = WordTimes(dataclasses.replace(REQUEST, speed=speed), "v2").take(piece([0, 1, 2, 3, 4], speed=speed))
    assert times(words) == [("ab", 0.0, 0.08 / speed), ("cd", 0.08 / speed, 0.16 / speed)]


def test_a_sentences_own_rate_counts_too():
    assert times(WordTimes(REQUEST, "v2").take(piece([0, 1, 2, 3, 4], of=task(rate=2.0))))[1] == ("cd", 0.04, 0.08)


def test_the_second_sentence_begins_behind_the_first_and_its_pause():
    answer = WordTimes(REQUEST, "v2")
    answer.take(piece([0, 1, 2, 3, 4], pause_samples=9600))
    second = answer.take(piece([0, 1, 2, 3, 4], of=task(index=1)))
    assert times(second) == [("ab", 0.5, 0.58), ("cd", 0.58, 0.66)]


def test_a_word_is_told_with_the_piece_that_it_ends_in():
    answer = WordTimes(REQUEST, "v2")
    assert times(answer.take(piece([0, 1, 1], finish_reason=""))) == []
    assert times(answer.take(piece([1, 2, 3], finish_reason=""))) == [("ab", 0.0, 0.16)]
    assert times(answer.take(piece([3, 4]))) == [("cd", 0.16, 0.28)]


def test_a_word_that_no_token_speaks_is_told_where_it_would_be():
    words = WordTimes(REQUEST, "v2").take(piece([0, 1, 4, 4]))
    assert [word.text for word in words] == ["ab", "cd"]
    assert 0.0 < words[1].start_s <= words[1].end_s <= 0.16


def test_phones_are_told_by_name_if_they_are_asked_for():
    (first, _) = WordTimes(dataclasses.replace(REQUEST, timestamps="phone"), "v2").take(piece([0, 1, 1, 2, 3, 4]))
    assert [(start_s, end_s) for _, start_s, end_s in first.phones] == [(0.0, 0.04), (0.04, 0.12)]
    assert all(isinstance(name, str) for name, _, _ in first.phones)


def test_pieces_without_phones_tell_no_words():
    plain = dataclasses.replace(piece([0]), token_phones=None)
    assert WordTimes(REQUEST, "v2").take(plain) == ()


def test_phones_that_share_a_token_share_its_change():
    assert phone_starts(np.array([0, 0, 3, 3]), 5).tolist() == pytest.approx([0, 1.6666, 2, 2.3333, 4, 4], abs=1e-3)
    starts = phone_starts(np.array([0, 2, 2, 5]), 7)
    assert (np.diff(starts) >= 0).all()
    assert starts[0] == 0
    assert starts[-1] == 4
