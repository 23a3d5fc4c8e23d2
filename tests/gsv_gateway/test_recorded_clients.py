"""Requests of programs that no registry has, as their sources send them, and what each does with the answer.

Source: the spec of the HTTP APIs, D.1, which names each file and commit.
"""

import io
import json
import re
import socket

import pytest
import soundfile

from gsv_client import ServerBusy


def audio_of(data):
    samples, rate_hz = soundfile.read(io.BytesIO(data))
    assert len(samples) / rate_hz == pytest.approx(0.3, abs=0.07)
    return rate_hz


def test_sillytaverns_gpt_sovits_v2_lists_voices_and_speaks_from_a_page(running, triton):
    page = {"Origin": "http://127.0.0.1:8000", "Access-Control-Request-Method": "POST"}
    allowed = running.http.options("/", headers=page | {"Access-Control-Request-Headers": "content-type"})
    assert allowed.headers["access-control-allow-origin"] == "http://127.0.0.1:8000"
    voices = running.http.get("/speakers", headers={"Origin": page["Origin"]}).json()
    assert voices == [{"name": "demo", "voice_id": "demo"}]
    body = {
        "text": "Hello.",
        "prompt_text": "demo",
        "ref_audio_path": "./参考音频/demo.wav",
        "text_lang": "en",
        "prompt_lang": "zh",
        "text_split_method": "cut5",
        "batch_size": 1,
        "media_type": "ogg",
        "streaming_mode": "true",
    }
    answer = running.http.post("/", json=body, headers={"Origin": page["Origin"]})
    assert answer.headers["access-control-allow-origin"] == "http://127.0.0.1:8000"
    assert answer.headers["content-type"] == "audio/ogg"
    assert triton.spoken[0]["streaming"] == "sentence"


def test_sillytaverns_adapter_names_the_voice_otherwise(running, triton):
    triton.add_voice("ann")
    body = {"card_name": "Some Card", "use_st_adapter": True, "target_voice": "ann", "text": "Hello.",
            "text_lang": "en", "media_type": "auto", "streaming_mode": "true"}  # fmt: skip
    answer = running.http.post("/tts", json=body)
    assert answer.headers["content-type"] == "audio/wav"
    assert triton.spoken[0]["voice"] == "ann"


def test_sillytaverns_openai_provider_may_send_an_empty_key(running):
    body = {"input": "Hello.", "response_format": "mp3", "voice": "alloy", "speed": 1, "model": "tts-1"}
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        data = json.dumps(body).encode()
        head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \r\nContent-Length: {len(data)}\r\n"
        connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + data)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert received.startswith(b"HTTP/1.1 200")


def test_sillytaverns_tts_webui_reads_the_rate_out_of_the_first_piece(running):
    body = {"model": "tts-1", "input": "Hello.", "voice": "alloy", "response_format": "wav", "stream": True}
    body["params"] = {}
    with running.http.stream("POST", "/v1/audio/speech", json=body) as answer:
        first = next(answer.iter_raw())
    assert int.from_bytes(first[24:28], "little") == 24_000
    assert len(first) > 44
    assert first[36:40] == b"data"


def test_sillytaverns_tts_webui_lists_the_voices_of_a_model(running):
    assert running.http.get("/v1/audio/voices/chatterbox").json() == {"voices": [{"value": "demo", "label": "demo"}]}


def test_open_webui_lists_and_speaks(running):
    listed = running.http.get("/v1/audio/voices").json()["voices"]
    assert [(voice["id"], voice["name"]) for voice in listed] == [("demo", "demo")]
    assert "tts-1" in [model["id"] for model in running.http.get("/v1/audio/models").json()["models"]]
    answer = running.http.post("/v1/audio/speech", json={"input": "Hello.", "voice": "alloy", "model": "tts-1"})
    assert answer.headers["content-type"] == "audio/mpeg"
    refused = running.http.post("/v1/audio/speech", json={"input": "Hello.", "voice": "nobody", "model": "tts-1"})
    assert isinstance(refused.json()["error"]["message"], str)


def test_home_assistant_speaks_with_its_extras(running):
    body = {"model": "tts-1", "input": "Hello.", "voice": "shimmer", "response_format": "mp3", "speed": 1.0, "chunk": 1}
    audio_of(running.http.post("/v1/audio/speech", json=body).content)
    opus = running.http.post("/v1/audio/speech", json={**body, "response_format": "opus", "instructions": "softly"})
    audio_of(opus.content)


def test_astrbot_starts_and_speaks_with_every_value_in_small_letters(running, triton):
    assert running.http.get("/set_gpt_weights", params={"weights_path": "weights/s1v3.ckpt"}).status_code == 200
    assert running.http.get("/set_sovits_weights", params={"weights_path": "weights/s2gv2pro.pth"}).status_code == 200
    asked = {
        "text": "Hello.",
        "text_lang": "en",
        "ref_audio_path": "voices/demo.wav",
        "aux_ref_audio_paths": "",
        "prompt_text": "the words",
        "prompt_lang": "en",
        "top_k": "5",
        "top_p": "1.0",
        "temperature": "1.0",
        "text_split_method": "cut3",
        "batch_size": "1",
        "batch_threshold": "0.75",
        "split_bucket": "true",
        "speed_factor": "1",
        "fragment_interval": "0.3",
        "streaming_mode": "false",
        "seed": "-1",
        "parallel_infer": "true",
        "repetition_penalty": "1.35",
        "media_type": "wav",
    }
    assert audio_of(running.http.get("/tts", params=asked).content) == 32_000
    assert triton.spoken[0]["top_k"] == 5


@pytest.mark.parametrize("mode", ["false", "ture"])
def test_open_llm_vtuber_speaks_with_its_defaults_too(running, mode):
    asked = {
        "text": "Hello.",
        "text_lang": "zh",
        "ref_audio_path": "",
        "prompt_lang": "zh",
        "prompt_text": "",
        "text_split_method": "cut5",
        "batch_size": "1",
        "media_type": "wav",
        "streaming_mode": mode,
    }
    audio_of(running.http.get("/tts", params=asked).content)


def test_livetalking_decodes_each_chunk_alone(running):
    body = {"text": "Hello.", "text_lang": "zh", "ref_audio_path": "demo.wav", "prompt_text": "x", "prompt_lang": "zh",
            "media_type": "ogg", "streaming_mode": True}  # fmt: skip
    with running.http.stream("POST", "/tts", json=body) as answer:
        pieces = [piece for piece in answer.iter_raw() if piece]
    assert all(piece.startswith(b"OggS") for piece in pieces)
    assert sum(len(soundfile.read(io.BytesIO(piece))[0]) for piece in pieces) == 9_600


def test_legado_tells_sound_from_an_error_by_the_content_type(running, triton):
    asked = {"text": "你好。", "text_lang": "zh", "speed_factor": "1.0"}
    assert re.match(r"audio/.*", running.http.get("/tts", params=asked).headers["content-type"])
    triton.answers = [ServerBusy("full")]
    assert running.http.get("/tts", params=asked).headers["content-type"] == "application/json"


def test_lunatranslator_names_no_reference_and_speaks_both_apis(running, triton):
    second = {"text": "Hello.", "text_lang": "en", "speed_factor": "1.5"}
    header = {"ngrok-skip-browser-warning": "true"}
    audio_of(running.http.get("/tts", params=second, headers=header).content)
    audio_of(running.http.get("/", params={"text": "Hello.", "text_language": "en", "speed": "1.5"}).content)
    assert [asked["voice"] for asked in triton.spoken] == ["demo", "demo"]


def test_xiaozhi_sends_fields_that_nobody_else_sends(running):
    second = {"text": "Hello.", "text_lang": "auto", "ref_audio_path": "demo.wav", "prompt_text": "", "prompt_lang": "",
              "aux_ref_audio_paths": [], "return_fragment": False, "streaming_mode": False, "super_sampling": False,
              "batch_threshold": 0.75, "sample_steps": 32, "media_type": "wav"}  # fmt: skip
    audio_of(running.http.post("/tts", json=second).content)
    third = {"text": "Hello.", "text_language": "audo", "refer_wav_path": "", "inp_refs": [], "if_sr": "False"}
    audio_of(running.http.get("/", params=third).content)


def test_pyvideotrans_speaks_both_apis(running):
    first = {"text": "Hello.", "text_language": "en", "prompt_text": "x", "prompt_language": "en",
             "refer_wav_path": "demo.wav", "speed": 1.2}  # fmt: skip
    audio_of(running.http.post("/", json=first).content)
    second = {"text": "Hello.", "text_lang": "en", "ref_audio_path": "demo.wav", "prompt_lang": "en",
              "speed_factor": 1.2, "text_split_method": "cut5"}  # fmt: skip
    audio_of(running.http.post("/tts", json=second).content)


def test_wyoming_openai_takes_the_gateway_for_none_of_the_servers_that_it_treats_otherwise(running):
    for path in ("/v1/readyz", "/v1/test", "/test"):
        assert running.http.get(path).status_code == 404
    assert running.http.get("/health").status_code == 404
