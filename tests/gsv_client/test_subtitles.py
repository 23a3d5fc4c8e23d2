import itertools
import json

import pytest

from gsv_client.audio import Word
from gsv_client.subtitles import cues, render, width


def words_of(text, seconds=0.3, gaps=()):
    """Words between blanks, each of so many seconds; `gaps` maps a word's number to silence before it."""
    found, at, place_s = [], 0, 0.0
    for number, part in enumerate(text.split()):
        place_s += dict(gaps).get(number, 0.0)
        start = text.index(part, at)
        at = start + len(part)
        bare = part.strip('.,!?"“”')
        begin = start + part.index(bare)
        found.append(Word(bare, round(place_s, 3), round(place_s + seconds, 3), begin, begin + len(bare)))
        place_s += seconds
    return found


def test_a_cue_ends_with_its_sentence_and_shows_the_text_as_it_was_written():
    text = "“Hello there,” she said. It costs $5!"
    assert [cue.text for cue in cues(text, words_of(text))] == ["“Hello there,” she said.", "It costs $5!"]


def test_a_pause_between_words_ends_a_cue():
    text = "one two three four"
    assert [cue.text for cue in cues(text, words_of(text, gaps={2: 1.0}))] == ["one two", "three four"]


def test_long_text_is_cut_into_cues_of_two_lines():
    text = " ".join(["word"] * 60)
    found = cues(text, words_of(text))
    assert all(width(line) <= 42 for cue in found for line in cue.text.split("\n"))
    assert all(cue.text.count("\n") <= 1 and cue.end_s - cue.start_s <= 7.0 for cue in found)
    assert " ".join(" ".join(cue.text.split()) for cue in found) == text
    assert all(a.end_s <= b.start_s for a, b in itertools.pairwise(found))


def test_a_cue_is_cut_at_a_comma_where_there_is_one_in_its_second_half():
    text = "We walked along the quiet river until it was dark outside, and then we slowly went back home to the others"
    assert cues(text, words_of(text, 0.2))[0].text.endswith("outside,")


def test_characters_that_are_twice_as_wide_count_twice():
    text = "天" * 60
    words = [Word("天", 0.2 * at, 0.2 * at + 0.2, at, at + 1) for at in range(60)]
    found = cues(text, words)
    assert all(width(line) <= 42 for cue in found for line in cue.text.split("\n"))
    assert "".join(cue.text.replace("\n", "") for cue in found) == text


def test_a_short_word_stays_on_the_screen_for_a_second_where_there_is_time():
    text = "Yes. No."
    first, second = cues(text, words_of(text, gaps={1: 5.0}))
    assert (first.start_s, first.end_s) == (0.0, 1.0)
    assert second.end_s == pytest.approx(second.start_s + 1.0)


def test_tags_are_not_shown():
    text = "<speak>Say <emphasis>this</emphasis> now.</speak>"
    words = [Word("Say", 0, 0.3, 7, 10), Word("this", 0.3, 0.6, 21, 25), Word("now", 0.6, 0.9, 37, 40)]
    assert [cue.text for cue in cues(text, words)] == ["Say this now."]


def test_srt_and_vtt_have_their_clocks():
    text = "One."
    words = [Word("One", 3661.5, 3662.75, 0, 3)]
    assert render(text, words, "srt") == "1\n01:01:01,500 --> 01:01:02,750\nOne.\n"
    assert render(text, words, "vtt") == "WEBVTT\n\n01:01:01.500 --> 01:01:02.750\nOne.\n"


def test_vtt_masks_what_it_would_take_for_a_tag():
    assert "a &lt; b &amp; c" in render("a < b & c", words_of("a < b & c"), "vtt")


def test_json_has_words_and_cues():
    told = json.loads(render("One two.", words_of("One two."), "json"))
    assert [word["text"] for word in told["words"]] == ["One", "two"]
    assert told["cues"] == [{"text": "One two.", "start_s": 0.0, "end_s": 1.0}]


def test_nothing_said_is_no_cue():
    assert cues("…", []) == []
    assert render("…", [], "srt") == ""


def test_another_format_is_refused():
    with pytest.raises(ValueError, match="need one of srt, vtt, json"):
        render("One.", words_of("One."), "ass")
