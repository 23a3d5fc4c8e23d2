from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsv_client import InternalError, InvalidRequest, Voice
from gsv_client.protocol import (
    VOICES_INPUTS,
    infer_body,
    json_inputs,
    parse_chunk,
    parse_dropped,
    parse_voices,
    tts_inputs,
    voices_inputs,
    with_text,
)

ANSWER: dict[str, Any] = {"sample_rate_hz": 32_000, "chunk_index": 3, "sentence_index": 1}


@given(st.text())
def test_every_text_that_utf8_can_carry_arrives_unchanged(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        with pytest.raises(InvalidRequest, match="lone surrogate"):
            tts_inputs(text, {}, "float32")
    else:
        inputs = tts_inputs(text, {}, "float32")
        assert inputs["text"][0].decode() == text
        assert json.loads(json.dumps(json_inputs(inputs)))["text"] == text


def test_each_option_travels_in_the_type_that_the_server_declares() -> None:
    inputs = tts_inputs("Hi.", {"seed": 2**40, "top_k": 5, "speed": 1.25, "trim_reference": True}, "float32")
    dtypes = {name: array.dtype.name for name, array in inputs.items()}
    assert dtypes == {
        "text": "object",
        "seed": "int64",
        "top_k": "int32",
        "speed": "float32",
        "trim_reference": "bool",
        "encoding": "object",
    }
    assert all(array.shape == (1,) for array in inputs.values())


@pytest.mark.parametrize(
    "options", [{"seed": "soon"}, {"seed": 1.5}, {"top_k": 2**40}, {"speed": "fast"}, {"trim_reference": 2}]
)
def test_a_value_that_does_not_fit_its_type_is_refused_by_name(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=rf"^{next(iter(options))} is .*; need"):
        tts_inputs("Hi.", options, "float32")


def test_a_missing_reference_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"nobody\.wav.*need a readable file"):
        voices_inputs("register", voice="ann", reference_audio=tmp_path / "nobody.wav")


def test_json_carries_reference_bytes_as_base64() -> None:
    inputs = voices_inputs("register", voice="ann", reference_audio=b"RIFF\x00\xff")
    assert json_inputs(inputs)["reference_audio"] == "UklGRgD/"
    tensors = infer_body(inputs, VOICES_INPUTS)["inputs"]
    assert {t["name"]: t["datatype"] for t in tensors} == {
        "action": "BYTES",
        "voice": "BYTES",
        "reference_audio": "BYTES",
    }


def test_further_clips_travel_as_a_list_in_order_and_one_alone_as_a_list_of_one(tmp_path: Path) -> None:
    (tmp_path / "b.wav").write_bytes(b"b")
    clips = [b"a\xff", tmp_path / "b.wav", (np.zeros(4, np.float32), 8_000)]
    inputs = voices_inputs("register", voice="ann", reference_audio=b"x", aux_reference_audio=clips)
    assert inputs["aux_reference_audio"].shape == (3,)
    assert inputs["aux_reference_audio"].tolist()[:2] == [b"a\xff", b"b"]
    assert json_inputs(inputs)["aux_reference_audio"][:2] == ["Yf8=", "Yg=="]
    (tensor,) = [t for t in infer_body(inputs, VOICES_INPUTS)["inputs"] if t["name"] == "aux_reference_audio"]
    assert (tensor["shape"], tensor["data"][:2]) == ([3], ["Yf8=", "Yg=="])
    for one in (clips[0], str(clips[1]), clips[1], clips[2]):
        assert tts_inputs("Hi.", {"aux_reference_audio": one}, "float32")["aux_reference_audio"].shape == (1,)


def test_the_silence_at_the_end_goes_with_the_last_part_of_a_long_text() -> None:
    inputs = tts_inputs("Hi.", {"final_pause_s": 0.5}, "float32")
    assert "final_pause_s" not in with_text(inputs, "One.", last=False)
    assert with_text(inputs, "Two.", last=True)["final_pause_s"] == 0.5


def test_a_chunk_reads_the_same_from_grpc_arrays_and_from_json() -> None:
    grpc = parse_chunk(
        {
            "waveform": np.array([0.5, -1.0], np.float32),
            "audio_base64": np.array([b""], object),
            "sample_rate_hz": np.array([32_000], np.int32),
            "chunk_index": np.array([3], np.int32),
            "sentence_index": np.array([1], np.int32),
            "sentence": np.array(["你好".encode()], object),
            "timing_ms": np.array([b'{"t2s": 1.5}'], object),
        }
    )
    # 0.5 and -1 as little-endian 16-bit: 0x4000 and 0x8001.
    http = parse_chunk({**ANSWER, "audio_base64": "AEABgA==", "sentence": "你好", "timing_ms": '{"t2s": 1.5}'})
    np.testing.assert_allclose(http.samples, grpc.samples, atol=1 / 32767)
    assert (http.index, http.sentence_index, http.sentence, http.timing_ms) == (3, 1, "你好", {"t2s": 1.5})
    assert (grpc.index, grpc.sentence_index, grpc.sentence, grpc.timing_ms) == (3, 1, "你好", {"t2s": 1.5})


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {**ANSWER, "audio_base64": "not base64!"},
        {**ANSWER, "audio_base64": "AEAB"},
        {**ANSWER, "timing_ms": "{"},
        {**ANSWER, "timing_ms": "[1]"},
        {**ANSWER, "waveform": ["x"]},
    ],
)
def test_an_unreadable_answer_is_an_internal_error(broken: dict[str, Any]) -> None:
    with pytest.raises(InternalError, match="cannot be read"):
        parse_chunk(broken)


def test_one_voice_none_and_unknown_fields_are_all_read() -> None:
    ann = '{"voice": "ann", "prompt_text": "Hi.", "seconds": 4.5, "colour": "red"}'
    assert parse_voices({"voices": ann}) == [Voice("ann", "Hi.", seconds=4.5)]
    assert parse_voices({"voices": np.array([ann.encode()] * 2, object)})[1].voice == "ann"
    assert parse_voices({"voices": []}) == []


@pytest.mark.parametrize("wrap", [lambda rows: np.array(rows, dtype=object), list, lambda rows: rows[0]])
def test_what_is_not_said_comes_with_its_reason_however_it_travels(wrap: Any) -> None:
    row = json.dumps({"text": "☂", "reason": "no reading in English", "times": 2}, ensure_ascii=False)
    (dropped,) = parse_dropped({"dropped": wrap([row])})
    assert str(dropped) == "'☂' (no reading in English, 2 times)"


def test_a_server_that_does_not_say_what_it_drops_drops_nothing() -> None:
    assert parse_dropped({}) == parse_dropped({"dropped": np.array([], dtype=object)}) == ()
