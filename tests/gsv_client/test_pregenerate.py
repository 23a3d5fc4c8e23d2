from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gsv_client import InvalidRequest
from gsv_client.cli import main
from gsv_client.pregenerate import COLUMNS, read_phrases
from gsv_client.protocol import TTS_INPUTS


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def make(text: str, name: str = "phrases.txt") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return make


@pytest.fixture
def from_source(speaker: Any, chunk_answer: Any) -> Any:
    """Makes the server say where its audio came from."""

    def make(*sources: str) -> None:
        speaker.answers = [{**chunk_answer(index), "source": source} for index, source in enumerate(sources)]

    return make


def gsv(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["pregenerate", *arguments], env={"GSV_URL": url})


def test_a_text_has_a_phrase_on_each_line_and_comments(write: Any) -> None:
    phrases = read_phrases(write("\ufeffGood morning.\n\n# greetings\n 欢迎光临 \n"), {"voice": "ann"})
    assert [(phrase.text, phrase.line, phrase.options) for phrase in phrases] == [
        ("Good morning.", 1, {"voice": "ann"}),
        ("欢迎光临", 4, {"voice": "ann"}),
    ]


def test_a_table_says_how_each_phrase_is_spoken_and_an_empty_cell_is_the_default(write: Any) -> None:
    table = 'voice,text,speed,seed,trim_reference\nbob,"Hello, you.",1.5,7,\n,Bye.,,,true\n'
    first, second = read_phrases(write(table, "phrases.csv"), {"voice": "ann", "speed": 0.8})
    assert (first.text, first.options) == ("Hello, you.", {"voice": "bob", "speed": 1.5, "seed": 7})
    assert (second.text, second.options) == ("Bye.", {"voice": "ann", "speed": 0.8, "trim_reference": True})


def test_every_parameter_of_a_request_may_be_a_column_but_those_that_are_chosen_here() -> None:
    assert set(TTS_INPUTS) - set(COLUMNS) == {"encoding", "streaming", "cache"}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("Hello.,ann\n", "begins with 'Hello.', 'ann'; need a row with text"),
        ("", "begins with nothing; need a row with text"),
        ("text,loud\nHi.,3\n", "any of text, language, voice"),
        ("text,speed\nHi.,fast\n", "line 2: speed is 'fast'; need FP32"),
        ("text,voice\nHi.\n", "line 2: need 2 cells"),
        ("text,voice\nHi.,ann,3\n", "line 2: need 2 cells"),
        ('text,voice\n"Hi.,ann\n', "unexpected end of data"),
    ],
)
def test_a_table_that_cannot_be_read_says_where(write: Any, table: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        read_phrases(write(table, "phrases.csv"), {})


def test_what_is_no_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff")
    with pytest.raises(InvalidRequest, match="no UTF-8 at byte 0"):
        read_phrases(tmp_path / "a.txt", {})


def test_each_phrase_is_asked_for_as_it_will_be_and_may_be_kept(
    url: str, speaker: Any, write: Any, from_source: Any
) -> None:
    from_source("computed", "computed")
    result = gsv(url, str(write("One.\nTwo.\n")), "--voice", "ann", "-j", "1")
    assert result.exit_code == 0, result.output
    assert [(asked["text"], asked["streaming"]) for asked in speaker.asked] == [
        ("One.", "chunk"),
        ("One.", "sentence"),
        ("Two.", "chunk"),
        ("Two.", "sentence"),
    ]
    assert {(asked["voice"], asked["cache"], asked["priority"]) for asked in speaker.asked} == {
        ("ann", "audio", "batch")
    }
    assert "2 phrases: 2 computed, 0 already there, 0 failed; 0.2 s of speech" in result.stderr


def test_phrases_that_were_there_are_told_from_those_that_were_computed(url: str, write: Any, from_source: Any) -> None:
    from_source("memory", "disk")
    result = gsv(url, str(write("One.\n")), "--voice", "ann", "--streaming", "chunk", "--json")
    assert json.loads(result.stdout) | {"wall_s": 0} == {
        "phrases": 1,
        "computed": 0,
        "already_there": 1,
        "failed": 0,
        "audio_s": 0.1,
        "wall_s": 0,
        "failures": [],
    }
    from_source("memory", "computed")
    assert json.loads(gsv(url, str(write("One.\n")), "-v", "ann", "--json").stdout)["computed"] == 1


def test_a_phrase_that_fails_is_named_and_the_others_are_spoken(
    url: str, speaker: Any, write: Any, from_source: Any
) -> None:
    from_source("computed")
    speaker.refusals = ["VoiceNotFound: voice 'ann' is not registered"]
    result = gsv(url, str(write("One.\nTwo.\n")), "--voice", "ann", "-j", "1", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (found["computed"], found["failed"]) == (1, 1)
    assert found["failures"] == ["line 1: VoiceNotFound: voice 'ann' is not registered"]


def test_a_busy_server_is_waited_for(url: str, speaker: Any, write: Any, from_source: Any) -> None:
    from_source("computed")
    speaker.refusals = ["ServerBusy: 64 streams are running; retry after 0.1 s"]
    assert gsv(url, str(write("One.\n")), "--voice", "ann").exit_code == 0


def test_a_server_without_a_cache_is_no_success(url: str, write: Any) -> None:
    result = gsv(url, str(write("One.\n")), "--voice", "ann")
    assert result.exit_code == 1
    assert "it has no cache" in result.stderr


def test_a_line_is_a_comment_only_where_a_space_follows_the_sign(
    url: str, speaker: Any, write: Any, from_source: Any
) -> None:
    from_source("computed")
    gsv(url, str(write("\ufeff#5 is alive.\r\n# a remark\r\n#\r\n#happy\r\nOne.")), "--voice", "ann", "-j", "1")
    assert list(dict.fromkeys(asked["text"] for asked in speaker.asked)) == ["#5 is alive.", "#happy", "One."]


def test_a_file_without_phrases_is_misuse(url: str, write: Any) -> None:
    result = gsv(url, str(write("# nothing\n")), "--voice", "ann")
    assert result.exit_code == 2
    assert "has no phrase" in result.stderr
