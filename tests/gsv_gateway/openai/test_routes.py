import asyncio
import base64
import contextlib
import io
import json
import socket
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from gsv_client import ConnectionLost, DeadlineExceeded, InternalError, ServerBusy
from gsv_gateway.audio.formats import OPENAI_FORMATS
from gsv_gateway.gateway import AnswerRecord
from gsv_gateway.metrics import Metrics
from gsv_gateway.settings import OPENAI_VOICES, Limits
from gsv_gateway.speech_response import SpeechResponse, Wanted
from gsv_gateway.stalls import Stalls
from gsv_gateway.tritons import Speech

TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg; codecs=opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm;rate=24000;channels=1",
}


@pytest.mark.parametrize("name", sorted(TYPES))
def test_every_format_is_answered_with_its_own_type(running, name):
    answer = running.say(response_format=name)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == TYPES[name]
    assert len(answer.content) > 1_000


def test_mp3_is_what_is_sent_where_no_format_is_named(running):
    assert running.say().headers["content-type"] == "audio/mpeg"


def test_encodec_is_refused_where_the_operator_has_no_weights_and_tells_what_to_do(running):
    answer = running.say(response_format="encodec")
    assert answer.status_code == 400
    assert "--encodec FOLDER" in answer.json()["error"]["message"]


def test_a_stream_has_no_length_and_a_whole_answer_an_exact_one(running):
    streamed, whole = running.say(response_format="wav"), running.say(response_format="wav", stream=False)
    assert "content-length" not in streamed.headers
    assert streamed.content[40:44] == b"\xff\xff\xff\xff"
    assert int(whole.headers["content-length"]) == len(whole.content)
    assert int.from_bytes(whole.content[40:44], "little") == len(whole.content) - 44
    assert streamed.content[44:] == whole.content[44:]


@pytest.mark.parametrize("name", ["wav", "flac"])
def test_the_header_of_a_whole_answer_says_how_long_it_is(running, name):
    answer = running.say(response_format=name, stream=False, sample_rate=32_000)
    assert soundfile.info(io.BytesIO(answer.content)).frames == 9_600


def test_bare_samples_come_at_24_khz_or_as_asked(running):
    assert len(running.say(response_format="pcm").content) == pytest.approx(2 * 0.3 * 24_000, abs=2)
    asked = running.say(response_format="pcm", sample_rate=48_000)
    assert len(asked.content) == pytest.approx(2 * 0.3 * 48_000, abs=2)
    assert asked.headers["content-type"] == "audio/pcm;rate=48000;channels=1"


def test_events_carry_the_format_in_base64_and_end_with_the_usage(running):
    answer = running.say(response_format="pcm", stream_format="sse")
    assert answer.headers["content-type"] == "text/event-stream"
    events = [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line]
    audio = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert audio == running.say(response_format="pcm").content
    assert events[-1] == {
        "type": "speech.audio.done",
        "usage": {"input_tokens": 6, "output_tokens": 8, "total_tokens": 14},
    }


def test_nulls_are_fields_left_out_and_unknown_fields_are_ignored(running, triton):
    answer = running.say(instructions=None, speed=None, seed=None, lang_code="a", params={"x": [1]}, stream=True)
    assert answer.status_code == 200
    assert triton.spoken[0]["speed"] == 1.0


def test_every_field_reaches_the_server(running, triton):
    fields = {"speed": 1.5, "seed": 7, "top_k": 3, "top_p": 0.5, "temperature": 0.75, "language": "en"}
    assert running.say(**fields).status_code == 200
    assert fields.items() <= triton.spoken[0].items()


@pytest.mark.parametrize(
    ("sent", "asked"), [("EN", "en"), ("en-US", "en"), ("zh_CN", "zh"), ("zh-HK", "yue"), ("All_JA", "all_ja")]
)
def test_a_language_may_be_written_in_any_case_and_as_a_tag(running, triton, sent, asked):
    assert running.say(language=sent).status_code == 200
    assert triton.spoken[0]["language"] == asked


def test_a_speed_beyond_the_models_is_reached_by_stretching(running, triton):
    usual, fast = running.say(response_format="pcm"), running.say(response_format="pcm", speed=4)
    assert triton.spoken[1]["speed"] == 2.0
    assert len(fast.content) == pytest.approx(len(usual.content) / 2, rel=0.1)  # the fake speaks at one speed


@pytest.mark.parametrize("voice", [*OPENAI_VOICES, "demo", "DEMO", "default", {"id": "demo"}, None, ""])
def test_openais_names_stand_for_the_default_voice(running, triton, voice):
    assert running.say(voice=voice).status_code == 200
    assert triton.spoken[0]["voice"] == "demo"


@pytest.mark.parametrize(
    ("fields", "status", "param", "code"),
    [
        ({"input": ""}, 400, "input", "invalid_value"),
        ({"input": "x" * 5_001}, 400, "input", "invalid_value"),
        ({"input": None}, 400, "input", "missing_field"),
        ({"model": None}, 400, "model", "missing_field"),
        ({"model": "whisper-1"}, 404, "model", "model_not_found"),
        ({"voice": "nobody"}, 404, "voice", "voice_not_found"),
        ({"voice": {"name": "x"}}, 400, "voice.str", "invalid_value"),
        ({"speed": 5}, 400, "speed", "invalid_value"),
        ({"speed": "fast"}, 400, "speed", "invalid_value"),
        ({"response_format": "wma"}, 400, "response_format", "invalid_value"),
        ({"stream_format": "chunks"}, 400, "stream_format", "invalid_value"),
        ({"response_format": "opus", "sample_rate": 32_000}, 400, "sample_rate", "invalid_value"),
        ({"bitrate": 32_000}, 400, "bitrate", "invalid_value"),
        ({"skip_samples": 9}, 400, "skip_samples", "invalid_value"),
        ({"timestamp_granularities": ["word"]}, 400, "timestamp_granularities", "invalid_value"),
        ({"instructions": "x" * 4_097}, 400, "instructions", "invalid_value"),
        ({"language": "tlh"}, 400, "language", "invalid_value"),
        ({"language": 7}, 400, "language", "invalid_value"),
    ],
)
def test_errors_have_openais_shape(running, fields, status, param, code):
    answer = running.say(**fields)
    error = answer.json()["error"]
    assert answer.status_code == status
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"[1]", "invalid_json"),
        (b'{"a":', "invalid_json"),
        (b'{"speed": NaN}', "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b"[" * 100_000, "json_too_deep"),
    ],
)
def test_a_body_that_is_no_json_is_refused(running, body, code):
    answer = running.http.post("/v1/audio/speech", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code


def test_a_body_that_is_too_large_is_refused(running):
    answer = running.http.post("/v1/audio/speech", content=b"x" * (1 << 21))
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("failure", "status", "kind", "retry_after"),
    [
        (ServerBusy("no capacity; retry after 2.5 s"), 503, "server_error", "3"),
        (ConnectionLost("gone"), 503, "server_error", "5"),
        (DeadlineExceeded("late"), 504, "server_error", None),
        (InternalError("broken"), 500, "server_error", None),
    ],
)
def test_a_failure_before_the_first_sound_is_an_ordinary_error(running, triton, failure, status, kind, retry_after):
    assert running.say().status_code == 200  # the list of voices is known from now on
    triton.refusal = failure
    answer = running.say()
    assert answer.status_code == status
    assert answer.json()["error"]["type"] == kind
    assert answer.headers.get("retry-after") == retry_after


def test_a_failure_after_the_first_sound_cuts_the_connection(running, triton, chunk_answer):
    triton.answers = [chunk_answer(0), InternalError("broken")]
    request = b'{"model":"tts-1","input":"Hi.","response_format":"pcm"}'
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Length: {len(request)}\r\n\r\n"
        connection.sendall(head.encode() + request)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert received.startswith(b"HTTP/1.1 200")
    assert not received.endswith(b"0\r\n\r\n")


def test_a_client_that_hangs_up_frees_its_stream(running, triton, chunk_answer, wait, eventually):
    triton.answers = [chunk_answer(0), wait]
    body = {"model": "tts-1", "input": "Hi.", "response_format": "pcm"}
    with running.http.stream("POST", "/v1/audio/speech", json=body) as answer:
        pieces = answer.iter_bytes()
        assert next(pieces)
        assert (triton.open, running.gateway.streams.active) == (1, 1)
    eventually(lambda: triton.open == 0 and running.gateway.streams.active == 0)


def test_a_client_that_hangs_up_before_the_first_sound_frees_its_stream(running, triton, wait, eventually):
    triton.answers = [wait]
    request = b'{"model":"tts-1","input":"Hi."}'
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        connection.sendall(
            f"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Length: {len(request)}\r\n\r\n".encode()
        )
        connection.sendall(request)
        eventually(lambda: triton.open == 1)
    eventually(lambda: triton.open == 0 and running.gateway.streams.active == 0)


def test_a_client_that_takes_nothing_is_cut_off(start, triton, chunk_answer, eventually):
    triton.answers = [chunk_answer(index, seconds=10.0) for index in range(100)]
    running = start(limits=Limits(stall_s=0.2))
    request = b'{"model":"tts-1","input":"Hi.","response_format":"pcm"}'
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        connection.sendall(
            f"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Length: {len(request)}\r\n\r\n".encode()
        )
        connection.sendall(request)
        eventually(lambda: triton.open == 1)
        eventually(lambda: triton.open == 0)
    eventually(lambda: 'reason="stalled"' in running.http.get("/metrics").text)


def test_an_answer_in_one_piece_holds_no_stream_while_its_client_takes_it():
    sent, is_open = [], []

    async def chunks():
        yield SimpleNamespace(samples=np.zeros(320, np.float32))

    @contextlib.asynccontextmanager
    async def spoken():
        is_open.append(True)
        yield Speech(32_000, chunks())
        is_open.pop()

    async def send(message):
        sent.append(message["type"])
        assert not is_open

    async def answer():
        told = AnswerRecord(Metrics(), "openai")
        wanted = Wanted(OPENAI_FORMATS["pcm"], 32_000)
        response = SpeechResponse(spoken(), wanted, told, whole=True, stalls=Stalls(Limits()))
        await response({}, asyncio.Event().wait, send)

    asyncio.run(answer())
    assert sent == ["http.response.start", "http.response.body"]


def test_no_more_streams_are_let_in_than_may_be(start, triton, chunk_answer, wait):
    triton.answers = [chunk_answer(0), wait]
    running = start(limits=Limits(streams=1))
    body = {"model": "tts-1", "input": "Hi.", "response_format": "pcm"}
    with running.http.stream("POST", "/v1/audio/speech", json=body):
        answer = running.say()
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


def test_models_are_listed_and_named(running):
    listed = running.http.get("/v1/models").json()
    assert listed["object"] == "list"
    assert {"gpt-sovits", "tts-1"} <= {model["id"] for model in listed["data"]}
    one = running.http.get("/v1/models/tts-1").json()
    assert set(one) == {"id", "object", "created", "owned_by"}
    assert running.http.get("/v1/models/gpt-5").status_code == 404
    assert {"id": "gpt-sovits"} in running.http.get("/v1/audio/models").json()["models"]


def test_the_servers_models_are_listed_first_and_spoken_with_by_name_in_any_case(running, triton):
    triton.models.append({"model": "Ann", "s1": "ann.ckpt", "s2": "ann.pth"})
    assert [model["id"] for model in running.http.get("/v1/models").json()["data"]][:2] == ["default", "Ann"]
    assert running.say(model="ann").status_code == 200
    assert running.say(model="tts-1").status_code == 200
    assert [asked.get("model") for asked in triton.spoken] == ["Ann", None]


def test_a_model_may_have_a_name_that_stands_for_whatever_is_served(running, triton):
    triton.models.append({"model": "Kokoro", "s1": "k.ckpt", "s2": "k.pth"})
    for name in ("kokoro", "tts-1"):
        assert running.say(model=name).status_code == 200
    assert [asked.get("model") for asked in triton.spoken] == ["Kokoro", None]


def test_a_model_that_was_added_a_moment_ago_is_found(running, triton):
    assert running.http.get("/v1/models/ann").status_code == 404
    triton.models.append({"model": "ann", "s1": "ann.ckpt", "s2": "ann.pth"})
    assert running.http.get("/v1/models/ann").json()["id"] == "ann"


def test_a_voice_is_registered_for_the_model_that_the_form_names(running, triton, clip):
    triton.models.append({"model": "ann", "s1": "ann.ckpt", "s2": "ann.pth"})
    files = {"audio_sample": ("a.wav", clip)}
    assert running.http.post("/v1/audio/voices", data={"name": "eve", "model": "ann"}, files=files).status_code == 200
    assert triton.asked[-1]["model"] == "ann"
    refused = running.http.post("/v1/audio/voices", data={"name": "eve", "model": "bob"}, files=files)
    assert refused.status_code == 404


def test_a_voice_is_registered_listed_spoken_with_and_deleted(running, triton, clip):
    form = {"name": "ann", "prompt_text": "the words", "consent": "cons_1"}
    made = running.http.post("/v1/audio/voices", data=form, files={"audio_sample": ("a.wav", clip, "audio/x-wav")})
    assert made.json() == {
        "object": "audio.voice",
        "id": "ann",
        "name": "ann",
        "created_at": 1767323045,
        "type": "audio_sample",
        "report": {"speech_s": 3.7},
    }
    listed = running.http.get("/v1/audio/voices").json()["voices"]
    assert [(voice["id"], voice["name"], voice["default"]) for voice in listed] == [
        ("demo", "demo", True),
        ("ann", "ann", False),
    ]
    assert running.http.get("/v1/audio/voices?legacy=true").json() == {"voices": ["demo", "ann"]}
    assert running.say(voice="ann").status_code == 200
    gone = running.http.delete("/v1/audio/voices/ann")
    assert gone.json() == {"id": "ann", "deleted": True, "object": "audio.voice.deleted"}
    assert running.http.delete("/v1/audio/voices/ann").status_code == 404


def test_several_files_make_one_voice(running, triton, clip):
    for more in ("audio_sample", "aux_audio_sample", "aux_audio_sample[]"):
        files = [("audio_sample", clip), (more, clip[:-2]), (more, clip[:-4])]
        assert running.http.post("/v1/audio/voices", data={"name": "ann"}, files=files).status_code == 200
        assert triton.asked[-1]["reference_audio"] == clip
        assert triton.asked[-1]["aux_reference_audio"] == [clip[:-2], clip[:-4]]


@pytest.mark.parametrize(
    ("form", "file", "status"),
    [
        ({}, "clip", 400),
        ({"name": "ann"}, None, 400),
        ({"name": "a b"}, "clip", 400),
        ({"name": "own-01234567-x"}, "clip", 400),
        ({"name": "ann"}, b"", 400),
        ({"name": "ann"}, b"no audio at all", 400),
    ],
)
def test_a_voice_that_cannot_be_registered_is_refused_with_the_reason(running, triton, clip, form, file, status):
    files = {"other": b"x"} if file is None else {"audio_sample": clip if file == "clip" else file}
    answer = running.http.post("/v1/audio/voices", data=form, files=files)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert set(triton.voices) == {"demo"}


def test_no_voice_at_all_says_what_to_do(running, triton):
    triton.voices.clear()
    answer = running.say()
    assert answer.status_code == 404
    assert "/v1/audio/voices" in answer.json()["error"]["message"]


def test_samples_are_the_servers(running, triton, chunk_answer):
    found = np.frombuffer(running.say(response_format="pcm", sample_rate=32_000).content, "<i2") / 32767
    expected = np.concatenate([chunk_answer(index)["waveform"] for index in range(3)])
    assert np.abs(found - expected).max() < 1e-4
