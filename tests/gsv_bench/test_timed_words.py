"""What is asked of the times of words, and that the front end's places keep it for texts as users write them."""

import json

import pytest

from gsv_bench.timed_words import LANGUAGES, drawn_texts, faults_of_times, start_differences_s
from gsv_client import Dropped, Word
from gsv_runtime.text.frontend import TextFrontend
from gsv_runtime.text.sentences import unflatten

TEXT = "One two. 3"
WORDS = (Word("One", 0.0, 0.4, 0, 3), Word("two", 0.4, 0.8, 4, 7), Word("3", 1.0, 1.3, 9, 10))


def test_words_in_order_that_cover_the_text_inside_the_audio_have_no_fault():
    assert faults_of_times(TEXT, WORDS, (), 1.3) == []


@pytest.mark.parametrize(
    ("words", "duration_s", "fault"),
    [
        (WORDS, 1.2, "'3' is said from 1.0 to 1.3"),
        ((WORDS[1], WORDS[0], WORDS[2]), 1.3, "'One' begins before 'two' ends"),
        ((WORDS[0], Word("two", 0.3, 0.8, 4, 7), WORDS[2]), 1.3, "'two' begins before 'One' ends"),
        (WORDS[:2], 1.3, "'3' is of no word"),
        ((Word("Two", 0.0, 0.4, 0, 3), *WORDS[1:]), 1.3, "'Two' stands elsewhere"),
    ],
)
def test_a_fault_is_told(words, duration_s, fault):
    assert faults_of_times(TEXT, words, (), duration_s) == [fault]


def test_what_the_server_says_that_it_drops_needs_no_word():
    assert faults_of_times(TEXT, WORDS[:2], (Dropped("3", "a figure"),), 1.3) == []


def test_a_stream_begins_its_words_where_the_whole_does_or_it_is_told_by_how_much():
    later = (WORDS[0], Word("two", 0.44, 0.8, 4, 7), WORDS[2])
    assert start_differences_s(WORDS, later) == pytest.approx([0.0, 0.04, 0.0])
    with pytest.raises(ValueError, match="other words"):
        start_differences_s(WORDS, WORDS[:2])


@pytest.fixture(scope="module")
def frontend():
    return TextFrontend("v2", None)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_letter_of_a_users_text_is_of_one_word(language, frontend):
    for text in drawn_texts(language, 4):
        sentences = unflatten(vars(frontend.process(text, language, "cut5", spans=True)))
        spans = [word for sentence in sentences for word in sentence.words]
        words = [Word(text[span.start : span.end], 0.0, 0.0, span.start, span.end) for span in spans]
        dropped = [Dropped(**json.loads(piece)) for piece in sentences[0].dropped]
        assert faults_of_times(text, words, dropped, 1.0) == []


def test_a_language_without_so_many_texts_is_told():
    with pytest.raises(ValueError, match="need 100000"):
        drawn_texts("en", 100_000)
