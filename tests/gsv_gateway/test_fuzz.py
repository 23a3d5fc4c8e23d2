"""Requests that nobody would send, at every endpoint: no 500, no trace, and the gateway lives.

`make fuzz` sends 10,000 of them; GSV_FUZZ_URL names a gateway before a real server instead of the one made here.
"""

import contextlib
import json
import logging
import os
import string

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from gsv_gateway.openai.fields import SpeechBody
from gsv_gateway.settings import Settings
from gsv_gateway.sovits.fields import SovitsBody

from .conftest import FakeTriton, Running

EXAMPLES = int(os.environ.get("GSV_FUZZ_EXAMPLES", "300"))
PATHS = [
    "/", "/tts", "/tts_to_audio/", "/control", "/set_gpt_weights", "/set_sovits_weights", "/set_refer_audio",
    "/set_model", "/change_refer", "/speakers", "/speakers_list", "/character_list", "/version", "/models",
    "/infer_single", "/outputs/x.wav", "/v1/audio/speech", "/v1/audio/voices", "/v1/audio/voices/x", "/v1/models",
    "/v1/models/tts-1", "/v1/audio/models", "/v1/speak", "/live", "/healthz", "/readyz", "/speakz", "/metrics",
    "/openapi.json", "/docs", "/page/app.js", "/page/../app.py", "/page/%2e%2e/app.py", "//", "/\x7f", "/ä",
]  # fmt: skip
FIELDS = sorted(
    {*SpeechBody.model_fields, *SovitsBody.model_fields, "text_language", "refer_wav_path", "speed_facter", "command",
     "weights_path", "refer_audio_path", "name", "dl_url", "app_key", "encoding", "container", "legacy", "api_key"}
)  # fmt: skip
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=40),
    st.sampled_from(["demo", "en", "wav", "opus", "pcm", "cut5", "true", "-1", "1e309", "\ud800", "../../x", "{}"]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.sampled_from(["id", "name"]), st.text(max_size=5), max_size=2),
)
BODIES = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8) | st.fixed_dictionaries(
    {"model": st.just("tts-1"), "input": st.text(min_size=1, max_size=60), "text": st.text(max_size=60)},
    optional={name: VALUES for name in FIELDS if name not in ("model", "input", "text")},
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["Authorization", "Content-Type", "Origin", "X-Request-Id", "Accept", "Range", "Host", "Upgrade", "Cookie"]
    ),
    st.text(string.ascii_letters + string.digits + " /:;,=*-\t", max_size=30).map(str.strip),
    max_size=3,
)
WHOLE = st.one_of(
    BODIES.map(lambda body: ("json", body)),
    st.binary(max_size=300).map(lambda data: ("content", data)),
    st.integers(1, 60_000).map(lambda depth: ("content", b'{"a":' * depth)),
    st.tuples(st.text(string.printable, max_size=10), st.binary(max_size=200)).map(
        lambda pair: ("files", {"audio_sample": pair[1], "name": pair[0].encode()})
    ),
    st.just(("content", b"--x\r\nContent-Disposition: form-data; name=\x00\r\n\r\n")),
)


class Traces(logging.Handler):
    """What the log says with a trace: no client may cause one."""

    def __init__(self):
        super().__init__()
        self.found = []

    def emit(self, record):
        if record.exc_info:
            self.found.append(self.format(record))


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    if given_url := os.environ.get("GSV_FUZZ_URL"):
        yield given_url
        return
    fake, traces = FakeTriton(), Traces()
    logging.getLogger().addHandler(traces)
    fake.add_voice("demo")
    running = Running(Settings(keys_file=tmp_path_factory.mktemp("fuzz") / "keys.json"), fake)
    yield running.url
    assert fake.open == 0
    running.stop()
    logging.getLogger().removeHandler(traces)
    assert not traces.found


@pytest.fixture(scope="module")
def client():
    with httpx.Client(timeout=60) as made:
        yield made


def encoded(value):
    """JSON as a careless client writes it: with lone surrogates and numbers that JSON has not."""
    return json.dumps(value).encode("utf-8", "surrogatepass")


@pytest.mark.slow
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.sampled_from(["GET", "POST", "POST", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "BREW"]),
    st.sampled_from(PATHS),
    st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=20), max_size=4),
    HEADERS,
    WHOLE,
)
def test_whatever_comes_is_answered_without_a_500_and_without_a_trace(url, client, method, path, query, headers, body):
    kind, value = body
    arguments = {"content": encoded(value)} if kind == "json" else {kind: value}
    try:
        answer = client.request(method, url + path, params=query, headers=headers, **arguments)
    except (UnicodeEncodeError, httpx.InvalidURL, httpx.LocalProtocolError):
        return  # the client itself will not send it
    except httpx.RemoteProtocolError:
        answer = None  # the gateway hung up on what is no HTTP
    assert answer is None or answer.status_code != 500, answer.text
    assert answer is None or b"Traceback" not in answer.content
    assert client.get(url + "/healthz").status_code == 200


@pytest.mark.slow
@settings(max_examples=max(20, EXAMPLES // 20), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["/live", "/v1/speak"]),
    st.lists(
        st.one_of(
            st.text(max_size=60),
            st.binary(max_size=60),
            BODIES.map(encoded),
            st.sampled_from(["start", "text", "flush", "interrupt", "close", "Speak", "Flush", "Clear", "Close"]).map(
                lambda kind: encoded({"type": kind, "text": "Hello. "})
            ),
        ),
        max_size=6,
    ),
)
def test_whatever_comes_over_a_websocket_the_gateway_lives(url, client, path, messages):
    address = url.replace("http", "ws") + path
    with (
        contextlib.suppress(WebSocketException, OSError),
        connect(address, open_timeout=60, close_timeout=60) as socket,
    ):
        for message in messages:
            socket.send(message.encode("utf-8", "replace") if isinstance(message, str) else message, text=True)
        with contextlib.suppress(TimeoutError):
            socket.recv(0.01)
    assert client.get(url + "/healthz").status_code == 200
