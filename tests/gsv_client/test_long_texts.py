"""Texts that are longer than one request may be."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gsv_client import AsyncClient, Audio, Client, InvalidRequest, ServerBusy
from gsv_client.cli import main
from gsv_client.long_texts import MAX_REQUEST_CHARACTERS, parts_of

SENTENCE = "The old captain opened the heavy door and looked out at the grey sea. "
CHAPTER = SENTENCE * 140


def spoken(index: int, sentence: int, final: bool) -> dict[str, Any]:
    return {
        "waveform": np.full(320, 0.5, dtype=np.float32),
        "sample_rate_hz": 32_000,
        "chunk_index": index,
        "sentence_index": sentence,
        "sentence": "",
        "timing_ms": "{}",
        "final": final,
    }


def test_a_text_that_a_request_may_have_stays_whole() -> None:
    assert parts_of("a" * MAX_REQUEST_CHARACTERS) == ["a" * MAX_REQUEST_CHARACTERS]


def test_a_chapter_is_cut_between_sentences() -> None:
    parts = parts_of(CHAPTER)
    assert len(parts) == 2
    assert all(part.startswith("The old") and part.endswith("sea.") for part in parts)
    assert " ".join(parts) == CHAPTER.strip()


def test_a_paragraphs_end_is_a_better_place_than_a_later_sentences() -> None:
    first, second = parts_of("One. " * 50 + "\n\n" + "Two. " * 50, 400)
    assert (first[-4:], second[:4]) == ("One.", "Two.")


def test_a_title_before_a_name_ends_no_part() -> None:
    text = ("Then Dr. Lee and Mr. Smith spoke to Prof. Jones. " * 20).strip()
    assert all(part.endswith("Jones.") for part in parts_of(text, 120))


def test_chinese_is_cut_behind_its_stops() -> None:
    parts = parts_of("今天天气真不错。我们去公园吧！" * 40, 100)
    assert all(part[-1] in "。！" for part in parts)


@given(st.text(st.sampled_from("ab .,。，!\n\u0301你"), max_size=300), st.integers(20, 60))
def test_cutting_loses_nothing_but_blanks_and_no_part_is_too_long(text: str, limit: int) -> None:
    parts = parts_of(text, limit)
    assert all(len(part) <= limit for part in parts)
    assert re.sub(r"\s", "", "".join(parts)) == re.sub(r"\s", "", text)


def test_ssml_is_cut_at_its_elements_and_each_part_is_ssml() -> None:
    body = "".join(f'<p>Line {number} &amp; more.</p><break time="1s"/>' for number in range(60))
    parts = parts_of(f'<?xml version="1.0"?>\n<speak version="1.1">Well. {body}</speak>', 500)
    assert len(parts) > 4
    assert all(len(part) <= 500 for part in parts)
    assert all(part.startswith('<speak version="1.1">') and part.endswith("</speak>") for part in parts)
    assert sum(part.count("<p>") for part in parts) == sum(part.count("<break") for part in parts) == 60
    assert "Line 7 &amp; more." in "".join(parts)


def test_an_element_that_no_request_may_have_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match=r"SSML element <prosody> has 5,\d+ characters; need at most 4,98\d"):
        parts_of(f"<speak><prosody rate='fast'>{'a ' * 2500}</prosody></speak>")


def test_a_long_text_is_said_in_parts_as_one_utterance(url: str, speaker: Any) -> None:
    speaker.answers = [spoken(0, 0, False), spoken(1, 1, True)]
    with Client(url) as client:
        audio = client.synthesize(CHAPTER, voice="ann", seed=7, pause_s=0.5)
    assert [asked["text"] for asked in speaker.asked] == parts_of(CHAPTER)
    assert {(asked["voice"], asked["seed"]) for asked in speaker.asked} == {("ann", 7)}
    assert [chunk.index for chunk in audio.chunks] == [0, 1, 2, 3]
    assert [chunk.sentence_index for chunk in audio.chunks] == [0, 1, 2, 3]
    assert [chunk.final for chunk in audio.chunks] == [False, False, False, True]
    assert len(audio.samples) == 4 * 320 + 16_000
    assert (audio.samples[640:16_640] == 0).all()


def test_the_pause_between_parts_is_the_servers_own_unless_one_is_asked_for(url: str, speaker: Any) -> None:
    speaker.answers = [spoken(0, 0, True)]
    with Client(url) as client:
        assert len(client.synthesize(CHAPTER, voice="ann").samples) == 2 * 320 + 9_600


def test_the_client_for_asyncio_does_the_same(url: str, speaker: Any) -> None:
    speaker.answers = [spoken(0, 0, True)]

    async def synthesize() -> Audio:
        async with AsyncClient(url) as client:
            return await client.synthesize(CHAPTER, voice="ann")

    audio = asyncio.run(synthesize())
    assert [asked["text"] for asked in speaker.asked] == parts_of(CHAPTER)
    assert [chunk.index for chunk in audio.chunks] == [0, 1]


def say(url: str, *options: str) -> Any:
    return CliRunner().invoke(main, ["--url", url, "say", "-", "--voice", "ann", *options], input=CHAPTER)


def test_the_shell_says_a_chapter_from_standard_input_into_one_file(url: str, speaker: Any, tmp_path: Any) -> None:
    speaker.answers = [spoken(0, 0, True)]
    result = say(url, "-o", str(tmp_path / "chapter.wav"), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout.splitlines()[0])["duration_s"] == 0.32
    assert (tmp_path / "chapter.wav").stat().st_size == 44 + 2 * (2 * 320 + 9_600)


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_what_was_said_before_a_part_failed_is_kept(url: str, speaker: Any, tmp_path: Any, stream: list[str]) -> None:
    speaker.answers = [spoken(0, 0, False), "ServerBusy: 9 streams run; retry after 1 s"]
    result = say(url, "-o", str(tmp_path / "chapter.wav"), *stream)
    assert result.exit_code == 1
    assert "part 1 of 2, which begins with 'The old captain opened" in result.stderr
    assert f"the 0.0 s before it are in {tmp_path / 'chapter.wav'}" in result.stderr
    assert (tmp_path / "chapter.wav").stat().st_size == 44 + 2 * 320


def test_the_error_of_a_part_stays_of_its_kind(url: str, speaker: Any) -> None:
    speaker.answers = [spoken(0, 0, False), "ServerBusy: 9 streams run; retry after 1 s"]
    with Client(url) as client, pytest.raises(ServerBusy, match="part 1 of 2") as raised:
        client.synthesize(CHAPTER, voice="ann")
    assert raised.value.retry_after_s == 1.0


def test_words_of_parts_have_their_places_in_the_whole_text_and_its_audio(url: str, speaker: Any) -> None:
    word = json.dumps({"text": "captain", "start": 8, "end": 15, "start_s": 0.0, "end_s": 0.01})
    speaker.answers = [{**spoken(0, 0, True), "words": [word]}]
    with Client(url) as client:
        audio = client.synthesize(CHAPTER, voice="ann", pause_s=0.5, timestamps="word")
    first, second = audio.words
    assert (first.start, first.start_s) == (8, 0.0)
    assert second.start > first.end
    assert CHAPTER[second.start : second.end] == "captain"
    assert second.start_s == pytest.approx(0.51)


def test_words_at_fault_have_their_places_in_the_whole_text(url: str, speaker: Any) -> None:
    fault = json.dumps({"text": "captain", "start": 8, "end": 15, "fault": "swallowed"})
    speaker.answers = [{**spoken(0, 0, True), "word_faults": [fault]}]
    with Client(url) as client:
        first, second = client.synthesize(CHAPTER, voice="ann", timestamps="word").word_faults
    assert (first.text, first.start, first.end, first.fault) == ("captain", 8, 15, "swallowed")
    assert second.start - first.start == second.end - first.end > 0
