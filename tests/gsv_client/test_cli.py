from __future__ import annotations

import io
import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from gsv_client.cli import main
from gsv_client.say import open_wav_header


def gsv(url: str, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), input=stdin, env={"GSV_URL": url})


@pytest.fixture
def dead_url() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"localhost:{probe.getsockname()[1]}"


@pytest.fixture
def clip(tmp_path: Path) -> str:
    soundfile.write(tmp_path / "ann.wav", np.zeros(1600, np.float32), 16_000)
    return str(tmp_path / "ann.wav")


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg"])
@pytest.mark.parametrize("how", [[], ["--stream"]])
def test_say_writes_the_file_and_talks_on_stderr_only(url: str, tmp_path: Path, ending: str, how: list[str]) -> None:
    file = tmp_path / f"out.{ending}"
    result = gsv(url, "say", "Hello.", "--voice", "ann", "-o", str(file), *how)
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    assert "0.15 s of speech, first audio after" in result.stderr
    assert soundfile.info(file).duration == pytest.approx(0.15)


@pytest.mark.parametrize("how", [[], ["--stream"]])
def test_a_dash_reads_text_from_stdin_and_writes_a_wav_to_stdout(url: str, speaker: Any, how: list[str]) -> None:
    result = gsv(url, "say", "-", "--voice", "ann", "-o", "-", *how, stdin="你好\n")
    assert result.exit_code == 0, result.output
    assert speaker.asked[0]["text"] == "你好\n"
    assert result.stdout_bytes[:4] == b"RIFF"
    assert len(result.stdout_bytes) == 44 + 2 * 4800
    assert np.frombuffer(result.stdout_bytes[44:46], "<i2") == pytest.approx(3277, abs=1)


@pytest.mark.parametrize("text", ["-5 degrees outside.", "- Hello there.", "-v is a letter.", "-only today", "-5"])
@pytest.mark.parametrize("first", [True, False])
def test_a_text_may_begin_with_a_dash(url: str, speaker: Any, tmp_path: Path, text: str, first: bool) -> None:
    options = ["--voice", "ann", "-o", str(tmp_path / "x.wav")]
    result = gsv(url, "say", *([text, *options] if first else [*options, text]))
    assert result.exit_code == 0, result.output
    assert speaker.asked[0]["text"] == text


def test_an_option_may_have_a_value_that_begins_with_a_dash(url: str, speaker: Any, tmp_path: Path, clip: str) -> None:
    options = ["--reference", clip, "--prompt-text", "-3 is cold.", "-o", str(tmp_path / "x.wav")]
    assert gsv(url, "say", "-5 degrees.", *options).exit_code == 0
    assert (speaker.asked[0]["text"], speaker.asked[0]["prompt_text"]) == ("-5 degrees.", "-3 is cold.")


def test_an_option_that_does_not_exist_is_still_refused(url: str) -> None:
    result = gsv(url, "say", "Hello.", "--voise", "ann", "-o", "x.wav")
    assert result.exit_code == 2
    assert "--voise" in result.stderr


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_lexicon_that_windows_wrote_is_sent_without_its_mark(
    url: str, speaker: Any, tmp_path: Path, encoding: str
) -> None:
    (tmp_path / "words.txt").write_bytes("长公主 zhang3 gong1 zhu3\r\n".encode(encoding))
    options = ["--voice", "ann", "-o", str(tmp_path / "x.wav"), "--lexicon", str(tmp_path / "words.txt")]
    assert gsv(url, "say", "长公主来了。", *options).exit_code == 0
    assert speaker.asked[0]["lexicon"] == "长公主 zhang3 gong1 zhu3\r\n"


@pytest.mark.parametrize("name", ["-l", "--language", "--lang"])
def test_the_language_is_called_the_same_in_every_command(url: str, speaker: Any, tmp_path: Path, name: str) -> None:
    assert gsv(url, "say", "你好", name, "zh", "--voice", "ann", "-o", str(tmp_path / "x.wav")).exit_code == 0
    assert speaker.asked[0]["language"] == "zh"
    for command in ("phones", "pregenerate", "say"):
        assert "--language, --lang" in gsv(url, command, "--help").output


def test_text_that_is_no_utf8_is_refused_with_the_place(dead_url: str) -> None:
    result = CliRunner().invoke(main, ["--url", dead_url, "say", "-", "--voice", "a", "-o", "a.wav"], input=b"ab\xff")
    assert result.exit_code == 1
    assert "stdin is no UTF-8 at byte 2" in result.stderr


def test_the_header_of_an_open_stream_is_read_by_libsndfile() -> None:
    samples = np.arange(100, dtype="<i2")
    read, rate = soundfile.read(io.BytesIO(open_wav_header(32_000) + samples.tobytes()), dtype="int16")
    assert rate == 32_000
    np.testing.assert_array_equal(read, samples)


def test_say_hands_every_option_to_the_server(grpc_url: str, speaker: Any, tmp_path: Path) -> None:
    options = ["--language", "en", "--speed", "1.5", "--seed", "3", "--top-k", "5", "--top-p", "0.5", "--pause", "1"]
    options += ["--temperature", "0.5", "--repetition-penalty", "1.5", "--noise-scale", "0", "--split-method", "cut0"]
    options += ["--streaming", "sentence", "--priority", "batch", "--deadline", "60", "--retries", "1"]
    options += ["--timestamps", "phone"]
    result = gsv(grpc_url, "say", "Hi.", "--voice", "ann", "-o", str(tmp_path / "a.wav"), *options)
    assert result.exit_code == 0, result.output
    assert speaker.asked[0] == {
        "text": "Hi.",
        "voice": "ann",
        "language": "en",
        "speed": 1.5,
        "seed": 3,
        "top_k": 5,
        "top_p": 0.5,
        "pause_s": 1.0,
        "temperature": 0.5,
        "repetition_penalty": 1.5,
        "noise_scale": 0.0,
        "split_method": "cut0",
        "streaming": "sentence",
        "priority": "batch",
        "deadline_s": 60.0,
        "timestamps": "phone",
        "retries": 1,
        "encoding": "float32",
    }


def test_say_imitates_a_clip(url: str, speaker: Any, clip: str, tmp_path: Path) -> None:
    result = gsv(
        url, "say", "Hi.", "--reference", clip, "--prompt-text", "Words.", "--json", "-o", str(tmp_path / "a.wav")
    )
    assert result.exit_code == 0, result.output
    assert speaker.asked[0]["prompt_text"] == "Words."
    assert speaker.asked[0]["reference_audio"]
    figures = json.loads(result.stdout)
    assert figures["duration_s"] == pytest.approx(0.15)
    assert figures["timing_ms"] == {"t2s": 30.0, "vocoder": 7.5}


def test_a_failed_request_leaves_no_file_and_one_line(url: str, speaker: Any, chunk_answer: Any, tmp_path: Any) -> None:
    speaker.answers = [chunk_answer(0), "VoiceNotFound: voice 'ann' is not registered; register it"]
    result = gsv(url, "say", "Hi.", "--voice", "ann", "-o", str(tmp_path / "a.wav"))
    assert result.exit_code == 1
    assert result.stderr == "Error: VoiceNotFound: voice 'ann' is not registered; register it\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["say", "Hi.", "--voice", "ann"], "nowhere to put the audio"),
        (["say", "Hi.", "-o", "a.wav"], "no voice; give --voice NAME"),
        (["say", "Hi.", "--voice", "ann", "-o", "a.xyz"], "need a name that ends in .wav"),
        (["say", "Hi.", "--voice", "ann", "-o", "-", "--json"], "both want stdout"),
        (["say", "Hi.", "--voice", "ann", "-o", "a.wav", "--seed", "soon"], "'soon' is not a valid integer"),
        (["voices", "register", "ann"], "Missing argument 'CLIP'"),
        (["sing"], "No such command 'sing'"),
    ],
)
def test_misuse_is_exit_2_with_a_sentence(dead_url: str, arguments: list[str], said: str) -> None:
    result = gsv(dead_url, *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("arguments", [["voices", "list"], ["say", "Hi.", "--voice", "a", "-o", "never.wav"]])
def test_no_server_is_exit_1_with_one_line(dead_url: str, arguments: list[str]) -> None:
    result = gsv(dead_url, "--timeout", "5", *arguments)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert f"nothing answers at grpc://{dead_url}; start the server" in result.stderr


def test_a_file_that_cannot_be_written_is_named(grpc_url: str, tmp_path: Path) -> None:
    result = gsv(grpc_url, "say", "Hi.", "--voice", "ann", "-o", str(tmp_path / "no" / "a.wav"))
    assert result.exit_code == 1
    assert "No such file or directory" in result.stderr


def test_voices_are_added_listed_and_removed(url: str, clip: str) -> None:
    assert gsv(url, "voices", "list").stderr.startswith("no voices; register one")
    added = gsv(url, "voices", "register", "ann", clip, "--text", "What\nI say.", "--language", "en")
    assert (added.exit_code, added.stdout, added.stderr) == (0, "", f"registered ann at {url}\n")
    assert gsv(url, "voices", "list").stdout == "ann\t\t4.5\tWhat I say.\n"
    assert json.loads(gsv(url, "voices", "list", "--json").stdout)[0]["voice"] == "ann"
    assert gsv(url, "voices", "delete", "ann").exit_code == 0
    missing = gsv(url, "voices", "remove", "ann")
    assert missing.exit_code == 1
    assert "VoiceNotFound: voice 'ann' is not registered" in missing.stderr


@pytest.mark.parametrize(
    "command", [["say"], ["voices"], ["voices", "register"], ["voices", "add"], ["voices", "list"], ["doctor"]]
)
def test_every_command_explains_itself(command: list[str]) -> None:
    result = CliRunner().invoke(main, [*command, "--help"])
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: ")


def test_what_was_found_in_a_clip_is_told_when_it_is_registered(url: str, speaker: Any, clip: str) -> None:
    speaker.report = {
        "speech_s": 3.7,
        "silence_cut_s": 4.0,
        "level_dbfs": -22.4,
        "noise_dbfs": -51.0,
        "phones_per_s": 13.0,
        "prompt_text_used": True,
        "warnings": ["4.0 of 7.7 s of the recording are silence or room noise, and were cut"],
    }
    told = gsv(url, "voices", "add", "ann", clip, "--text", "Words.", "--json")
    assert told.stderr.splitlines()[1:] == [
        "  3.7 s of speech, 4.0 s of silence cut, level -22 dBFS, noise -51 dBFS, text 13.0 phones a second (used)",
        "  warning: 4.0 of 7.7 s of the recording are silence or room noise, and were cut",
    ]
    assert json.loads(told.stdout)["report"] == speaker.report


def test_several_clips_make_one_voice_and_each_is_told(url: str, speaker: Any, clip: str, tmp_path: Path) -> None:
    more = tmp_path / "more.wav"
    more.write_bytes(b"more")
    found = {"speech_s": 3.7, "level_dbfs": -22.4, "similarity": 0.934}
    other = {"speech_s": 9.0, "level_dbfs": -30.0, "similarity": 0.712, "warnings": ["it is quiet"]}
    speaker.report = {
        **found,
        "similarity_by": "speaker embedding",
        "others": [other],
        "warnings": ["clip 2: it is quiet"],
    }
    told = gsv(url, "voices", "add", "ann", clip, str(more), str(more), "--text", "Words.")
    assert told.stderr.splitlines()[1:] == [
        "  clip 1: 3.7 s of speech, level -22 dBFS, similarity 0.93",
        "  clip 2: 9.0 s of speech, level -30 dBFS, similarity 0.71",
        "  similarity is the mean cosine with the other clips, by speaker embedding",
        "  warning: clip 2: it is quiet",
    ]
    assert speaker.asked[0]["reference_audio"] == Path(clip).read_bytes()
    assert speaker.asked[0]["aux_reference_audio"] == [b"more", b"more"]


def test_a_request_may_bring_several_clips(url: str, speaker: Any, clip: str, tmp_path: Path) -> None:
    clips = ["--reference", clip, "--aux-reference", clip, "--aux-reference", clip]
    gsv(url, "say", "Hi", *clips, "--final-pause", "0.5", "-o", str(tmp_path / "a.wav"))
    assert len(speaker.asked[0]["aux_reference_audio"]) == 2
    assert speaker.asked[0]["final_pause_s"] == 0.5


def test_what_may_harm_the_voice_of_a_clip_is_told_when_it_speaks(
    url: str, speaker: Any, chunk_answer: Any, clip: str, tmp_path: Path
) -> None:
    speaker.answers = [{**chunk_answer(0), "warnings": ["the speech is quiet"]}, chunk_answer(1)]
    result = gsv(url, "say", "Hi", "--reference", clip, "--trim", "-o", str(tmp_path / "a.wav"), "--json")
    assert result.stderr.endswith("warning: the speech is quiet\n")
    assert json.loads(result.stdout)["warnings"] == ["the speech is quiet"]
    assert speaker.asked[0]["trim_reference"] is True


def test_what_is_not_said_is_told_on_stderr(url: str, speaker: Any, chunk_answer: Any, tmp_path: Any) -> None:
    told = [json.dumps({"text": text, "reason": "markup", "times": 1}) for text in ("<i>", "</i>")]
    speaker.answers = [{**chunk_answer(0), "dropped": told}, chunk_answer(1)]
    result = gsv(url, "say", "<i>Hi</i>", "--voice", "ann", "-o", str(tmp_path / "a.wav"), "--json")
    assert "not said: '<i>' (markup), '</i>' (markup)" in result.stderr
    assert json.loads(result.stdout)["dropped"][0] == {"text": "<i>", "reason": "markup", "times": 1}


def test_gain_and_loudness_of_a_command(url: str, speaker: Any, tmp_path: Path) -> None:
    file = str(tmp_path / "x.wav")
    assert gsv(url, "say", "Hi.", "--voice", "ann", "-o", file, "--loudness", "-16").exit_code == 0
    assert speaker.asked[-1]["loudness"] == -16
    plain, _ = soundfile.read(file)
    assert gsv(url, "say", "Hi.", "--voice", "ann", "-o", file, "--gain", "6.0206").exit_code == 0
    louder, _ = soundfile.read(file)
    assert "loudness" not in speaker.asked[-1]
    np.testing.assert_allclose(louder, 2 * plain, atol=2e-4)


def test_a_voice_is_registered_with_the_loudness_of_its_speech(url: str, speaker: Any, clip: str) -> None:
    assert gsv(url, "voices", "add", "ann", clip, "--text", "Words.", "--loudness", "-16").exit_code == 0
    assert speaker.asked[-1]["loudness"] == -16


def test_say_writes_subtitles_beside_the_audio(url: str, speaker: Any, chunk_answer: Any, tmp_path: Path) -> None:
    word = json.dumps({"text": "Hi", "start": 0, "end": 2, "start_s": 0.1, "end_s": 0.4})
    speaker.answers = [{**chunk_answer(0), "words": [word]}, chunk_answer(1)]
    place = tmp_path / "a.srt"
    result = gsv(
        url, "say", "Hi!", "--voice", "ann", "-o", str(tmp_path / "a.wav"), "--subtitles", str(place), "--json"
    )
    assert result.exit_code == 0, result.output
    assert speaker.asked[0]["timestamps"] == "word"
    assert place.read_text(encoding="utf-8") == "1\n00:00:00,100 --> 00:00:01,100\nHi!\n"
    assert json.loads(result.stdout)["words"][0]["end_s"] == 0.4


def test_subtitles_of_another_kind_are_misuse(dead_url: str, tmp_path: Path) -> None:
    result = gsv(dead_url, "say", "Hi", "--voice", "ann", "-o", str(tmp_path / "a.wav"), "--subtitles", "a.ass")
    assert result.exit_code == 2
    assert "need a name that ends in srt, vtt, json" in result.output
