import asyncio
import json
from contextlib import contextmanager
from typing import ClassVar

import pytest
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from gsv_gateway.keys import KeyStore
from gsv_gateway.live.socket import JsonSocket
from gsv_gateway.settings import Limits
from gsv_gateway.stalls import Stalls

PATIENCE_S = 20


@contextmanager
def opened(running, protocols=None, **start):
    url = f"ws://127.0.0.1:{running.port}/live"
    with connect(url, open_timeout=PATIENCE_S, subprotocols=protocols) as socket:
        socket.send(json.dumps({"type": "start", **start}))
        yield socket


def received(socket, until):
    found = []
    while not (found and isinstance(found[-1], dict) and found[-1]["type"] == until):
        message = socket.recv(PATIENCE_S)
        found.append(len(message) if isinstance(message, bytes) else json.loads(message))
    return found


def test_a_text_is_spoken_while_it_is_written_and_what_happens_is_told(running, triton):
    with opened(running, voice="demo", language="en", speed=1.5, seed=3, sample_rate=48_000) as socket:
        assert received(socket, "started")[-1]["sample_rate"] == 48_000
        for word in ("Hello ", "there. ", "How ", "are ", "you?"):
            socket.send(json.dumps({"type": "text", "text": word}))
        socket.send('{"type":"flush"}')
        found = received(socket, "flushed")
    told = [message["type"] for message in found if isinstance(message, dict)]
    pieces = len(triton.spoken)  # two, or more where the words came slowly
    assert told == ["speaking", "spoken"] * pieces + ["flushed"]
    heard = sum(size for size in found if isinstance(size, int))
    assert heard == pytest.approx(pieces * 2 * 0.3 * 48_000, abs=4 * pieces)
    assert " ".join(asked["text"] for asked in triton.spoken) == "Hello there. How are you?"
    assert {"language": "en", "speed": 1.5, "seed": 3}.items() <= triton.spoken[0].items()


def test_words_follow_their_sound_where_they_are_asked_for(running, triton, chunk_answer):
    said = {"text": "Hi", "start": 0, "end": 2, "start_s": 0.0, "end_s": 0.1}
    fault = {"text": "Hi", "start": 0, "end": 2, "fault": "repeated"}
    triton.answers = [{**chunk_answer(0, last=True), "words": [json.dumps(said)], "word_faults": [json.dumps(fault)]}]
    with opened(running, sample_rate=32_000, timestamp_granularities=["word"]) as socket:
        socket.send('{"type":"text","text":"Hi. "}')
        found = received(socket, "spoken")
    assert triton.spoken[0]["timestamps"] == "word"
    kinds = [message if isinstance(message, int) else message["type"] for message in found]
    assert kinds == ["started", "speaking", 6_400, "words", "spoken"]
    assert found[3]["words"] == [{"word": "Hi", "start": 0.0, "end": 0.1, "input_start": 0, "input_end": 2}]
    assert found[3]["word_faults"] == [{"word": "Hi", "fault": "repeated", "input_start": 0, "input_end": 2}]


def test_an_interrupt_is_told_when_the_stream_is_free(running, triton, chunk_answer, wait, eventually):
    triton.answers = [chunk_answer(0), wait]
    with opened(running) as socket:
        socket.send('{"type":"text","text":"A long story. "}')
        eventually(lambda: triton.open == 1)
        for _ in range(2):  # the second stops nothing
            socket.send('{"type":"interrupt"}')
            received(socket, "interrupted")
            assert triton.open == 0
    assert 'gsv_gateway_cancelled_total{api="live",reason="interrupted"} 1.0' in running.http.get("/metrics").text


def test_a_close_lets_the_rest_be_heard(running):
    with opened(running) as socket:
        socket.send('{"type":"text","text":"The rest"}')
        socket.send('{"type":"close"}')
        assert received(socket, "spoken")[-1]["text"] == "The rest"
        with pytest.raises(ConnectionClosed):
            socket.recv(PATIENCE_S)


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ({"voice": "nobody"}, "voice_not_found"),
        ({"speed": 99}, "invalid_value"),
        ({"model": "gpt-5"}, "model_not_found"),
        ({"type": "text"}, "not_started"),
    ],
)
def test_a_session_that_cannot_begin_says_why_and_hangs_up(running, first, code):
    with opened(running, **first) as socket:
        told = received(socket, "error")[-1]
        assert (told["code"], told["fatal"]) == (code, True)
        with pytest.raises(ConnectionClosed):
            socket.recv(PATIENCE_S)


@pytest.mark.parametrize("message", ["no json", '{"type":"dance"}', '{"type":"text"}', "[" * 999, b"{\xff}"])
def test_a_wrong_message_is_told_and_the_session_goes_on(running, message):
    with opened(running) as socket:
        socket.send(message, text=True)
        assert not received(socket, "error")[-1]["fatal"]
        socket.send('{"type":"flush"}')
        received(socket, "flushed")


def test_text_that_is_no_utf8_leaves_no_trace(running, caplog):
    with opened(running) as socket:
        for _ in range(3):
            socket.send(b"{\xff}", text=True)
        assert "no UTF-8" in received(socket, "error")[-1]["message"]
        socket.send(b"\xff\xff\xff\xff")  # and bytes that are no text
        socket.send('{"type":"flush"}')
        received(socket, "flushed")
    assert not [record for record in caplog.records if record.exc_info]


def test_who_sent_a_frame_that_is_none_is_gone():
    class Failed:
        scope: ClassVar = {}

        async def send_text(self, _):
            raise RuntimeError("Unexpected ASGI message 'websocket.send', after sending 'websocket.close'.")

    with pytest.raises(WebSocketDisconnect):
        asyncio.run(JsonSocket(Failed(), Limits(), Stalls(Limits())).send(type="flushed"))


def test_a_session_speaks_with_the_model_that_is_named(running, triton):
    triton.models.append({"model": "Ann", "s1": "ann.ckpt", "s2": "ann.pth"})
    with opened(running, model="ann") as socket:
        socket.send('{"type":"text","text":"Hello. "}')
        received(socket, "spoken")
    assert triton.spoken[0]["model"] == "Ann"


def test_what_concerns_a_single_answer_cuts_nothing_from_a_session(running):
    with opened(running, seed=1, skip_samples=100_000, response_format="mp3") as socket:
        received(socket, "started")
        socket.send('{"type":"text","text":"Hello. "}')
        heard = [size for size in received(socket, "spoken") if isinstance(size, int)]
    assert sum(heard) == pytest.approx(2 * 0.3 * 24_000, abs=4)


def test_the_key_comes_with_the_first_message_or_as_a_protocol(running, settings):
    _, secret = KeyStore(settings.keys_file).add("page")
    with opened(running, ["token", secret]) as socket:
        assert socket.subprotocol == "token"
        received(socket, "started")
    with opened(running) as socket:
        assert received(socket, "error")[-1]["code"] == "invalid_api_key"
    with opened(running, key=secret) as socket:
        received(socket, "started")
