"""The gateway as a process of its own before a real tritonserver."""

import io
import json
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import soundfile
from websockets.sync.client import connect

from gsv_client import Client

PATIENCE_S = 60.0
SENTENCE = "The young woman found a good book on the table. "


def speech(gateway, **fields):
    body = {"model": "tts-1", "input": SENTENCE, "voice": "low", "seed": 5, "language": "en", "cache": "off", **fields}
    return gateway.post("/v1/audio/speech", json=body)


def until(claim, what):
    deadline_s = time.monotonic() + PATIENCE_S
    while not claim():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.02)


def test_what_the_gateway_says_is_what_the_server_speaks(gateway, server):
    through = speech(gateway, response_format="wav", sample_rate=32_000)
    samples, rate_hz = soundfile.read(io.BytesIO(through.content))
    with Client(f"127.0.0.1:{server.ports.grpc}") as client:
        direct = client.stream(SENTENCE, voice="low", seed=5, language="en", cache="off").collect()
    assert rate_hz == direct.sample_rate
    assert len(samples) == len(direct.samples)
    assert np.abs(samples - np.clip(direct.samples, -1, 1)).max() < 1e-4


def test_gpt_sovits_clients_hear_the_same_voice(gateway):
    asked = {"text": SENTENCE, "text_lang": "en", "ref_audio_path": "x/LOW.wav", "prompt_lang": "en", "seed": 5}
    answer = gateway.get("/tts", params=asked)
    samples, rate_hz = soundfile.read(io.BytesIO(answer.content))
    assert rate_hz == 32_000
    assert len(samples) > 0.3 * rate_hz


def test_a_voice_is_cloned_heard_and_deleted(gateway, make_recording):
    files = {"audio_sample": ("clip.wav", make_recording(), "audio/wav")}
    form = {
        "name": "cloned",
        "prompt_text": "The same words are said again here, slowly and clearly.",
        "prompt_language": "en",
    }
    assert gateway.post("/v1/audio/voices", data=form, files=files).status_code == 200
    assert speech(gateway, voice="cloned").status_code == 200
    assert gateway.delete("/v1/audio/voices/cloned").status_code == 200
    assert speech(gateway, voice="cloned").status_code == 404


def test_a_clip_that_is_too_short_is_refused_with_the_servers_words(gateway, make_recording):
    files = {"audio_sample": make_recording(seconds=1.0)}
    answer = gateway.post("/v1/audio/voices", data={"name": "short"}, files=files)
    assert answer.status_code == 400
    assert "need 3 to 10 s" in answer.json()["error"]["message"]


def test_a_text_is_spoken_while_it_is_written(gateway):
    url = str(gateway.base_url).replace("http", "ws") + "/live"
    with connect(url, open_timeout=PATIENCE_S) as socket:
        socket.send(json.dumps({"type": "start", "voice": "low", "language": "en"}))
        for word in SENTENCE.split(" "):
            socket.send(json.dumps({"type": "text", "text": word + " "}))
        socket.send('{"type":"flush"}')
        audio, told = 0, []
        while "flushed" not in told:
            message = socket.recv(PATIENCE_S)
            if isinstance(message, bytes):
                audio += len(message)
            else:
                told.append(json.loads(message)["type"])
    assert told[0] == "started"
    assert audio > 2 * 24_000 * 0.3


def test_clients_that_leave_free_their_streams_on_the_server(gateway, server):
    def leave(_):
        with gateway.stream("POST", "/v1/audio/speech", json={
            "model": "tts-1", "input": SENTENCE * 40, "voice": "low", "response_format": "pcm", "cache": "off",
        }) as answer:  # fmt: skip
            pieces = answer.iter_bytes()
            return len(next(pieces))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(leave, range(8)))
    until(lambda: "gsv_gateway_active_streams 0.0" in gateway.get("/metrics").text, "streams stay open")
    assert speech(gateway).status_code == 200
