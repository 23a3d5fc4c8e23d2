"""How a text is read: shown by a real server, and changed by SSML and a lexicon in what it speaks."""

import pytest
from click.testing import CliRunner

from gsv_client import Client, InvalidRequest
from gsv_client.cli import main

MIXED = "GSV 今天说 hello、こんにちは、안녕."


@pytest.fixture(params=["grpc", "http"])
def url(request, server):
    port = server.ports.grpc if request.param == "grpc" else server.ports.http
    return f"{request.param}://127.0.0.1:{port}"


def test_gsv_phones_shows_sentences_languages_phones_and_what_was_given(url, tmp_path):
    lexicon = tmp_path / "words.txt"
    lexicon.write_text("GSV JH IY1 EH1 S V IY1\n", encoding="utf-8")
    result = CliRunner().invoke(
        main, ["--url", url, "phones", MIXED, "--lang", "auto", "--split-method", "cut0", "--lexicon", str(lexicon)]
    )
    assert result.exit_code == 0, result.output
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert "en   GSV  phones given" in lines
    assert "GSV JH IY1 EH1 S V IY1" in lines
    assert {line.split()[0] for line in lines if line[:2] in ("zh", "en", "ja", "ko")} == {"zh", "en", "ja", "ko"}


def test_a_lexicon_that_cannot_be_read_is_refused(url):
    with Client(url) as client, pytest.raises(InvalidRequest, match="lexicon line 1 is 'GSV'"):
        client.phones("GSV.", lexicon="GSV")


def test_a_break_is_heard_as_silence_and_slow_speech_is_longer(url, registered):
    with Client(url) as client:
        options = {"voice": "low", "seed": 3, "streaming": "sentence", "pause_s": 0.0}
        broken = client.synthesize('<speak>Good morning<break time="700ms"/>dear listeners.</speak>', **options)
        slow = client.synthesize('<speak><prosody rate="50%">Good morning.</prosody></speak>', **options)
        plain = client.synthesize("Good morning.", **options)
    first = broken.chunks[0].samples
    assert not first[-int(0.7 * broken.sample_rate) :].any()
    assert slow.duration_s == pytest.approx(2 * plain.duration_s, rel=0.05)


def test_a_lexicon_changes_what_is_spoken(url, registered):
    with Client(url) as client:
        options = {"voice": "low", "seed": 3, "language": "en"}
        plain = client.synthesize("Ask GSV now.", **options)
        given = client.synthesize("Ask GSV now.", lexicon="GSV V IY1 Z", **options)
    assert plain.duration_s != given.duration_s or (plain.samples != given.samples).any()


def test_ssml_that_is_not_understood_is_refused_by_name(url, registered):
    with Client(url) as client, pytest.raises(InvalidRequest, match="<voice> is not understood"):
        client.synthesize("<speak><voice>a</voice></speak>", voice="low")


def test_what_is_not_said_is_told_with_the_first_chunk(url, registered):
    with Client(url) as client:
        options = {"voice": "low", "seed": 3, "language": "en", "cache": "off"}
        chunks = client.synthesize("<i>Hello</i> there, my friend ☂ ☂.", **options).chunks
        plain = client.synthesize("Hello there, my friend.", **options)
        shown = client.phones("<i>Hello</i> there, my friend ☂ ☂.", "en")
    told = [(piece.text, piece.reason, piece.times) for piece in chunks[0].dropped]
    assert told == [("<i>", "markup", 1), ("</i>", "markup", 1), ("☂", "no reading in English", 2)]
    assert shown.dropped == chunks[0].dropped
    assert not any(chunk.dropped for chunk in chunks[1:])
    assert plain.dropped == ()


def test_a_text_longer_than_a_request_may_be_is_read_whole(url):
    with Client(url) as client:
        sentences = client.phones("The old captain opened the door. " * 155, "en")
    assert [sentence.normalized for sentence in sentences] == ["The old captain opened the door."] * 155
