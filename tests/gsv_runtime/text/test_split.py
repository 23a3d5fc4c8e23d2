"""Cutting request text into sentences."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsv_runtime.text.split import (
    ADDED_PAUSE,
    CUT_METHODS,
    STOPS,
    collapse_repeated_marks,
    merge_short_pieces,
    split_long_piece,
    split_sentences,
)

GOLDEN = json.loads(gzip.decompress((Path(__file__).parents[2] / "data/frontend-golden.json.gz").read_bytes()))
CUTS = [(method, text, cut) for method, rows in GOLDEN["cut"].items() for text, cut in rows]
ANY_TEXT = st.text(st.sampled_from("ab1你。，.,!?…—~:；\n ") | st.characters(codec="utf-8"), max_size=200)


@pytest.mark.parametrize(("method", "text", "cut"), CUTS)
def test_cut_methods_cut_where_upstream_does(method, text, cut):
    assert CUT_METHODS[method](text) == cut


@pytest.mark.parametrize(("pieces", "merged"), GOLDEN["merge5"])
def test_short_pieces_are_joined_as_upstream_does(pieces, merged):
    assert merge_short_pieces(pieces) == merged


def test_long_pieces_are_cut_at_stops_as_upstream_does():
    assert [len(part) for part in split_long_piece("一二三四五六七八九。" * 70)] == GOLDEN["split_big_text"]


def test_a_long_run_without_stops_is_cut_at_spaces():
    parts = split_long_piece("word " * 300)
    assert "".join(parts) == "word " * 300
    assert all(len(part) <= 510 and part.endswith(" ") for part in parts)


@pytest.mark.parametrize(("count", "groups"), [(8, [8]), (9, [4, 5]), (10, [4, 6]), (12, [4, 8]), (13, [4, 4, 5])])
def test_cut1_takes_four_clauses_and_leaves_no_small_rest(count, groups):
    assert [len(piece) // 2 for piece in CUT_METHODS["cut1"]("字。" * count).split("\n")] == groups


@pytest.mark.parametrize(
    ("text", "collapsed"), [("Wait...!", "Wait."), ("a--b", "a-b"), ("好……吗？！", "好…吗？！"), ("a, . b", "a, . b")]
)
def test_only_the_first_of_repeated_ascii_marks_stays(text, collapsed):
    assert collapse_repeated_marks(text) == collapsed


@pytest.mark.parametrize(
    ("text", "stop", "sentences"),
    [
        ("你好。今天天气真不错。", "。", ["你好。今天天气真不错。"]),
        ("今天天气真不错", "。", ["今天天气真不错。"]),
        ("It costs 3.14 dollars, sir.", ".", ["It costs 3.14 dollars,", " sir."]),
        ("One day.\n\n\nTwo days.", ".", ["One day.", "Two days."]),
        ("Hello there.😀", ".", ["Hello there.😀."]),
        ("...!!!", ".", []),
        ("\n", "。", []),
    ],
)
def test_sentences_of_a_request(text, stop, sentences):
    assert split_sentences(text, "cut5", stop) == sentences


@pytest.mark.parametrize(
    ("text", "stop", "opened"),
    [("你好。", "。", "你好。"), ("Hi. How are you?", ".", "Hi. How are you?"), ("10", ".", "10.")],
)
def test_a_very_short_opening_gets_a_pause_before_it(text, stop, opened):
    assert split_sentences(text, "cut0", stop) == [ADDED_PAUSE + opened]
    assert split_sentences(text, "cut0", stop, "upstream") == [stop + opened]


@pytest.mark.parametrize(
    "sentence",
    [
        "Dr. Lee and Prof. Smith met Mrs. Jones.",
        "We left at 3:30 p.m. today.",
        "Visit www.example.com/a?x=1 or https://example.org now.",
        "It cost $1,234,567.89 on Jan. 5, 2024 or May 6th, 2025.",
        "The U.S. economy grew.",
        "Apples etc. are No. 1 here.",
        "The ratio is 10:20 and 3.14~3.15.",
    ],
)
@pytest.mark.parametrize("method", ["cut1", "cut4", "cut5"])
def test_nothing_is_cut_inside_abbreviations_figures_and_addresses(sentence, method):
    (found,) = split_sentences(sentence, method, ".")
    assert found == sentence


def test_an_abbreviation_before_a_capital_may_end_a_sentence():
    assert split_sentences("He works for Apple Inc. She left at 5 p.m. Nobody knew.", "cut5", ".") == [
        "He works for Apple Inc.",
        " She left at 5 p.m.",
        " Nobody knew.",
    ]


def test_a_prompt_is_one_piece_that_ends_in_a_stop():
    assert split_sentences("\n先生，您好。再见", "none", "。") == ["先生，您好。再见。"]
    assert split_sentences("Good day. Bye!", "none", ".") == ["Good day. Bye!"]


@given(text=ANY_TEXT, method=st.sampled_from([*CUT_METHODS, "none"]))
def test_sentences_end_in_a_stop_and_never_exceed_the_bound(text, method):
    sentences = split_sentences(text, method, "。")
    assert all(sentence[-1] in STOPS for sentence in sentences)
    assert method == "none" or all(len(sentence) <= 510 for sentence in sentences)


@given(text=ANY_TEXT, method=st.sampled_from([*CUT_METHODS, "none"]))
def test_cutting_loses_no_letter_and_no_character(text, method):
    def letters(texts):
        return [char for piece in texts for char in piece if char.isalnum()]

    assert letters(split_sentences(text, method, "。")) == letters([text])


def test_a_chinese_semicolon_ends_a_clause_but_not_for_upstream():
    text = "请注意以下内容；请认真阅读。"
    assert split_sentences(text, "cut5", "。") == ["请注意以下内容；", "请认真阅读。"]
    assert split_sentences(text, "cut5", "。", "upstream") == [text]


def test_upstream_cuts_inside_abbreviations():
    assert split_sentences("Yesterday Dr. Lee was here.", "cut5", ".", "upstream") == [
        "Yesterday Dr.",
        " Lee was here.",
    ]
