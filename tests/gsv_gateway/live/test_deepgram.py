import io
import json

import numpy as np
import pytest
import soundfile
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from gsv_client import ServerBusy
from gsv_gateway.keys import KeyStore

PATIENCE_S = 20


def opened(running, query="", **options):
    return connect(f"ws://127.0.0.1:{running.port}/v1/speak{query}", open_timeout=PATIENCE_S, **options)


def received(socket, until):
    """Messages to the first of that type; binary ones by their length."""
    found = []
    while not (found and isinstance(found[-1], dict) and found[-1]["type"] == until):
        message = socket.recv(PATIENCE_S)
        found.append(len(message) if isinstance(message, bytes) else json.loads(message))
    return found


def test_what_is_spoken_is_flushed_cleared_and_closed(running, triton):
    with opened(running, "?model=aura-2-thalia-en&encoding=linear16&sample_rate=24000") as socket:
        first = json.loads(socket.recv(PATIENCE_S))
        assert first["type"] == "Metadata"
        assert first["model_name"] == "aura-2-thalia-en"
        socket.send('{"type":"Speak","text":"Hello there. "}')
        socket.send('{"type":"Speak","text":"How are"}')
        socket.send('{"type":"Flush"}')
        *audio, flushed = received(socket, "Flushed")
        assert flushed == {"type": "Flushed", "sequence_id": 0}
        assert sum(audio) == pytest.approx(len(triton.spoken) * 2 * 0.3 * 24_000, abs=4 * len(triton.spoken))
        socket.send('{"type":"Clear"}')
        assert received(socket, "Cleared")[-1] == {"type": "Cleared", "sequence_id": 1}
        socket.send('{"type":"Close"}')
        with pytest.raises(ConnectionClosed):
            socket.recv(PATIENCE_S)
        assert socket.close_code == 1000
    assert " ".join(asked["text"] for asked in triton.spoken) == "Hello there. How are"


@pytest.mark.parametrize(("encoding", "size"), [("mulaw", 1), ("alaw", 1), ("linear16", 2)])
def test_telephones_hear_eight_bits(running, encoding, size):
    with opened(running, f"?encoding={encoding}&sample_rate=8000") as socket:
        received(socket, "Metadata")
        socket.send('{"type":"Speak","text":"Hello."}')
        socket.send('{"type":"Flush"}')
        assert sum(received(socket, "Flushed")[:-1]) == pytest.approx(size * 0.3 * 8_000, abs=4)


def test_clear_frees_the_stream_and_the_connection_goes_on(running, triton, chunk_answer, wait, eventually):
    triton.answers = [chunk_answer(0), wait]
    with opened(running) as socket:
        received(socket, "Metadata")
        socket.send('{"type":"Speak","text":"A long story. "}')
        eventually(lambda: triton.open == 1)
        socket.send('{"type":"Clear"}')
        received(socket, "Cleared")
        assert triton.open == 0
        triton.answers = [chunk_answer(0)]
        socket.send('{"type":"Speak","text":"Another."}')
        socket.send('{"type":"Flush"}')
        received(socket, "Flushed")


def test_a_client_that_hangs_up_frees_its_stream(running, triton, chunk_answer, wait, eventually):
    triton.answers = [chunk_answer(0), wait]
    with opened(running) as socket:
        socket.send('{"type":"Speak","text":"A long story. "}')
        eventually(lambda: triton.open == 1)
    eventually(lambda: triton.open == 0 and running.gateway.streams.active == 0)
    told = 'gsv_gateway_cancelled_total{api="deepgram-live",reason="left"} 1.0'
    eventually(lambda: told in running.http.get("/metrics").text)


@pytest.mark.parametrize(
    "message", ["no json", "[]", '{"type":"Dance"}', '{"type":"Speak"}', '{"type":"Speak","text":5}', "[" * 999]
)
def test_a_message_that_is_none_is_a_warning(running, message):
    with opened(running) as socket:
        received(socket, "Metadata")
        socket.send(message)
        assert set(received(socket, "Warning")[-1]) == {"type", "description", "code"}


def test_a_text_that_cannot_be_spoken_is_a_warning(running, triton):
    triton.answers = [ServerBusy("full")]
    with opened(running) as socket:
        received(socket, "Metadata")
        socket.send('{"type":"Speak","text":"Hello. "}')
        assert received(socket, "Warning")[-1]["description"] == "full"
    assert 'gsv_gateway_refused_total{reason="server_busy"} 1.0' in running.http.get("/metrics").text


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?encoding=mp3", 400),
        ("?encoding=linear16&sample_rate=7", 400),
        ("?sample_rate=x", 400),
        ("?speed=9", 400),
        ("?model=nobody", 404),
    ],
)
def test_a_handshake_that_cannot_be_served_is_an_http_error(running, query, status):
    with pytest.raises(InvalidStatus) as caught:
        opened(running, query)
    assert caught.value.response.status_code == status
    assert set(json.loads(caught.value.response.body)) == {"err_code", "err_msg"}


def test_a_key_is_asked_for_and_taken_the_way_browsers_can_send_it(running, settings):
    _, secret = KeyStore(settings.keys_file).add("phone")
    with pytest.raises(InvalidStatus) as caught:
        opened(running)
    assert caught.value.response.status_code == 401
    with opened(running, subprotocols=["token", secret]) as socket:
        assert socket.subprotocol == "token"
        received(socket, "Metadata")
    with opened(running, additional_headers={"Authorization": f"Token {secret}"}) as socket:
        received(socket, "Metadata")


@pytest.mark.parametrize(
    ("query", "content_type"),
    [
        ("", "audio/mpeg"),
        ("?encoding=linear16&sample_rate=16000", "audio/wav"),
        ("?encoding=linear16&container=none&sample_rate=16000", "audio/pcm;rate=16000;channels=1"),
        ("?encoding=opus", "audio/ogg; codecs=opus"),
        ("?encoding=mulaw&container=none", "audio/mulaw;rate=8000;channels=1"),
        ("?encoding=alaw", "audio/wav"),
    ],
)
def test_a_whole_text_is_spoken_over_http(running, query, content_type):
    answer = running.http.post(f"/v1/speak{query}", json={"text": "Hello."})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == content_type
    assert answer.headers["dg-request-id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("encoding", ["linear16", "mulaw", "alaw"])
def test_a_wav_of_any_encoding_is_read_as_one(running, encoding):
    answer = running.http.post(f"/v1/speak?encoding={encoding}&container=wav&sample_rate=8000", json={"text": "Hello."})
    samples, rate_hz = soundfile.read(io.BytesIO(answer.content))
    assert rate_hz == 8_000
    assert len(samples) == pytest.approx(0.3 * 8_000, abs=4)
    assert np.abs(samples).max() == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("query", ["?encoding=mp3", "?encoding=linear16&container=wav", "?encoding=mulaw&container=x"])
def test_a_socket_carries_bare_samples_only(running, query):
    with pytest.raises(InvalidStatus) as refused:
        opened(running, query)
    assert refused.value.response.status_code == 400


def test_pages_of_other_sites_open_no_socket(running):
    with pytest.raises(InvalidStatus):
        opened(running, origin="https://evil.example")
