"""Where the teacher says a word, what is done to its tokens, and what of it counts."""

import json

import numpy as np
import pytest

from gsv_bench.teacher_words import TaughtSentence, damaged, faults, kept_lessons, starts, word_spans_s
from gsv_demo import recordings
from gsv_runtime.contract import REPEATED, SWALLOWED
from gsv_runtime.text.sentences import Sentence, WordSpan
from gsv_runtime.tts.synthesis.alignment import PhoneTable

WORDS = (WordSpan(0, 2, 0, 2), WordSpan(3, 6, 2, 3), WordSpan(7, 9, 5, 2))
SENTENCE = Sentence("ab cde fg", np.arange(7), (), words=WORDS)
LASTING = 3  # tokens of each phone; phone p is spoken by token p


@pytest.fixture
def table():
    gains = np.full((7, 7), -3.0, np.float32)
    np.fill_diagonal(gains, 4.0)
    lasts = np.log(np.array([0.05, 0.1, 0.2, 0.4, 0.2, 0.05], np.float32))
    return PhoneTable(gains, np.tile(lasts, (7, 1)))


@pytest.fixture
def said():
    spans_s = ((0.0, 0.24), (0.24, 0.6), (0.6, 0.84))
    return TaughtSentence(SENTENCE, np.repeat(np.arange(7), LASTING), spans_s)


def test_a_word_begins_where_the_teachers_first_phone_of_it_does_behind_a_pause():
    ends_s = np.array([0.2, 0.3, 0.6, 0.7, 0.8, 0.9, 1.0])
    own_s = (0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # a pause to 0.1, and one from 0.3 to 0.5
    assert word_spans_s(SENTENCE, ends_s, own_s) == ((0.1, 0.3), (0.5, 0.8), (0.8, 1.0))


def test_a_word_that_the_teacher_leaves_out_has_no_time():
    ends_s = np.array([0.1, 0.2, 0.2, 0.2, 0.2, 0.3, 0.4])
    assert word_spans_s(SENTENCE, ends_s, (0.1, 0.2, 0.3, 0.4)) == ((0.0, 0.2), None, (0.2, 0.4))


def test_the_tokens_of_a_word_are_cut_out_or_doubled(said):
    takes = damaged(said, 1)
    assert takes[SWALLOWED].tolist() == [0, 0, 0, 1, 1, 1, 5, 5, 5, 6, 6, 6]
    assert takes[REPEATED].size == said.tokens.size + 9


def test_true_starts_have_no_error_and_faults_are_counted_by_kind(table, said):
    assert starts(table, [said]).within_60_ms == 1.0
    found = faults(table, [said] * 4)
    assert found["false_alarms"] == 0.0
    assert (found[SWALLOWED]["takes"], found[SWALLOWED]["found"], found[SWALLOWED]["named"]) == (4, 1.0, 1.0)
    assert found[REPEATED]["named"] == 1.0


def test_lessons_of_a_corpus_are_those_of_the_voices_asked_for_that_its_judge_understood(tmp_path):
    spoken = [("one", "kokoro-01"), ("two", "joe-1.00"), ("three", "kokoro-02"), ("four", "kokoro-01")]
    audio = np.linspace(-0.5, 0.5, 2_400, dtype=np.float32)
    entries = [
        (recordings.Entry(text, "en", voice, audio.size, ("_", "ð", "ə", "_"), (0.02, 0.05, 0.08, 0.1)), audio)
        for text, voice in spoken
    ]
    recordings.write(tmp_path, "part-0000", entries, 24_000)
    heard = [{"errors": errors, "said": 1} for errors in (0, 0, 1, 0)]
    (tmp_path / f"part-0000{recordings.HEARD}").write_text(json.dumps(heard))
    first, last = kept_lessons(tmp_path, "kokoro", 10)
    assert (first.text, last.text) == ("one", "four")
    assert first.phones == ("pau", "dh", "ax", "pau")
    assert first.audio.size == 3_200
    assert [each.text for each in kept_lessons(tmp_path, "kokoro", 1)] == ["one"]
