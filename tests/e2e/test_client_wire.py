"""The client against the real Triton and our serving code, with speech that a script makes instead of the stages.

Needs no build and starts in a second, so it can hold the client to what the wire really does: how Triton writes
tensors as JSON, where errors land, when a cancel arrives.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from gsv_client import AsyncClient, Client, InternalError, InvalidRequest, ServerBusy, VoiceNotFound
from gsv_client.doctor import Verdict, diagnose
from gsv_runtime.server import triton_process
from gsv_runtime.server.logs import Log

pytestmark = pytest.mark.triton

PATIENCE_S = 10.0
ROOT = Path(__file__).parents[2]
MODELS = {
    "tts": """
import threading, time
import numpy as np
from gsv_runtime import contract, errors
from gsv_runtime.triton.streams import StreamServer
from gsv_runtime.tts.synthesis.responses import Chunk
from gsv_runtime.jobs import StreamLimit, Reply
from gsv_runtime.tts.synthesis.responses import chunk_outputs

CANCELLED = threading.Event()

def answer(inputs, stages, is_cancelled):
    text = str(inputs["text"][0])
    if text == "refuse":
        raise errors.InvalidRequest("text is refused; need other text; write it")
    if text == "crash":
        raise RuntimeError("secret path /srv/model.py")
    if text == "was it cancelled?":
        text = str(CANCELLED.wait(10))
        CANCELLED.clear()
    try:
        yield from speak(text, str(inputs["encoding"][0]), is_cancelled)
    finally:  # reached by the exception below, or closed by `StreamServer`, which asks is_cancelled as well
        if text == "forever":
            CANCELLED.set()

def speak(text, encoding, is_cancelled):
    count = 100_000 if text == "forever" else 3
    for index in range(count):
        if is_cancelled():
            raise errors.Cancelled("the client has left")
        if index == 1 and text == "break":
            raise errors.InternalError("stage vocoder failed; see the log")
        if text == "forever":
            time.sleep(0.005)
        last = index == count - 1
        chunk = Chunk(np.full(640, (index + 1) / 10, np.float32), index, index, text, {"t2s": 1.5}, last)
        yield Reply(chunk_outputs(chunk, encoding), last)
""",
    "voices": """
import json
import numpy as np
from gsv_runtime import contract, errors
from gsv_runtime.triton.streams import StreamServer
from gsv_runtime.voices.audio_files import decode_audio
from gsv_runtime.jobs import StreamLimit, Reply

VOICES = {}

def answer(inputs, stages, is_cancelled):
    action, entries = str(inputs["action"][0]), list(VOICES.values())
    if action == "register":
        samples, rate_hz, _ = decode_audio(inputs["reference_audio"][0])
        entry = {"voice": str(inputs["voice"][0]), "prompt_text": str(inputs["prompt_text"][0])}
        VOICES[entry["voice"]] = json.dumps({**entry, "seconds": samples.size / rate_hz})
        entries = [VOICES[entry["voice"]]]
    elif action == "delete":
        if VOICES.pop(str(inputs["voice"][0]), None) is None:
            raise errors.VoiceNotFound("voice is not registered; nothing to delete")
        entries = []
    texts = np.empty(len(entries), dtype=np.object_)
    texts[:] = entries
    yield Reply({"voices": texts, "voices_json": "[]", "warnings": []}, last=True)
""",
}
ADAPTER = """

class TritonPythonModel:
    def initialize(self, args):
        model = contract.TTS if args["model_name"] == "tts" else contract.VOICES
        self.server = StreamServer(model, StreamLimit(4, answer), max_streams=4)

    def execute(self, requests):
        for request in requests:
            self.server.submit(request)
"""


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[triton_process.Ports]:
    """A server with scripted speech, for all tests of this file."""
    try:
        wheel = triton_process.Wheel.find()
    except triton_process.ServerFailed as failure:
        pytest.skip(str(failure))
    folder = tmp_path_factory.mktemp("scripted")
    repository, backends = folder / "models", folder / "backends"
    for name, script in MODELS.items():
        (repository / name / "1").mkdir(parents=True)
        config = (ROOT / "model_repository" / name / "config.pbtxt").read_text(encoding="utf-8")
        (repository / name / "config.pbtxt").write_text(config, encoding="utf-8")
        (repository / name / "1" / "model.py").write_text(script + ADAPTER, encoding="utf-8")
    wheel.install_backends(backends)
    ports, prefix = triton_process.Ports.free(), f"gsv-wire-{folder.parent.name}-"
    command = triton_process.command_line(
        wheel, repository, backends, models=MODELS, ports=ports, admin_key="key", shm_prefix=prefix
    )
    log = folder / "log"
    pid = triton_process.start(command, wheel.environment(), Log(log))
    try:
        triton_process.wait_until_ready(pid, ports, limit_s=60.0)
        yield ports
    finally:
        triton_process.stop(pid, prefix)


@pytest.fixture(params=["grpc", "http"])
def url(request: pytest.FixtureRequest, ports: triton_process.Ports) -> str:
    return f"{request.param}://127.0.0.1:{getattr(ports, request.param)}"


def test_audio_text_and_times_arrive_as_they_were_sent(url: str) -> None:
    with Client(url, timeout_s=10) as client:
        audio = client.synthesize("Hello, 你好!", seed=3, speed=1.5, trim_reference=False)
    np.testing.assert_allclose(audio.samples, np.repeat([0.1, 0.2, 0.3], 640).astype(np.float32), atol=1 / 32767)
    assert [chunk.index for chunk in audio.chunks] == [0, 1, 2]
    assert {chunk.sentence for chunk in audio.chunks} == {"Hello, 你好!"}
    assert audio.timing_ms == {"t2s": 4.5}


@pytest.mark.parametrize(
    ("text", "leaf", "message"),
    [
        ("refuse", InvalidRequest, "text is refused; need other text; write it"),
        ("break", InternalError, "stage vocoder failed; see the log"),
        ("crash", InternalError, "stage tts failed; the server's log has the cause"),
    ],
)
def test_errors_keep_their_leaf_and_hide_the_server(url: str, text: str, leaf: type[Exception], message: str) -> None:
    with Client(url, timeout_s=10) as client:
        with pytest.raises(leaf) as raised:
            client.synthesize(text)
        assert str(raised.value) == message
        assert client.synthesize("And on.").duration_s == pytest.approx(0.06)


def test_leaving_early_reaches_the_model(url: str) -> None:
    with Client(url, timeout_s=10) as client:
        with client.stream("forever") as chunks:
            next(chunks)
        assert client.synthesize("was it cancelled?").chunks[0].sentence == "True"


def test_leaving_early_reaches_the_model_from_asyncio(url: str) -> None:
    async def body() -> str:
        async with AsyncClient(url) as client:
            async with client.stream("forever") as chunks:
                await anext(chunks)
            return (await client.synthesize("was it cancelled?")).chunks[0].sentence

    assert asyncio.run(body()) == "True"


def test_asyncio_hears_the_same_and_errors_keep_their_leaf(url: str) -> None:
    async def body() -> None:
        async with AsyncClient(url) as client:
            audios = await asyncio.gather(*(client.synthesize("你好") for _ in range(3)))
            assert {len(audio.samples) for audio in audios} == {3 * 640}
            with pytest.raises(InvalidRequest, match="text is refused"):
                await client.synthesize("refuse")
            with pytest.raises(InternalError, match="vocoder failed"):
                await client.synthesize("break")

    asyncio.run(body())


def patiently(client: Client, text: str) -> str:
    """Ask until the server has noticed that others have left; returns the sentence of the answer."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return client.synthesize(text).chunks[0].sentence
        except ServerBusy:
            assert time.monotonic() < deadline_s, "the server stays busy"


def test_a_full_server_says_busy_and_serves_again_when_one_leaves(url: str) -> None:
    with Client(url, timeout_s=10) as client, ExitStack() as streams:
        for _ in range(4):
            next(streams.enter_context(client.stream("forever")))
        with pytest.raises(ServerBusy, match="4 streams are running"):
            client.synthesize("One more.")
        streams.close()
        assert patiently(client, "was it cancelled?") == "True"


def test_hundreds_of_clients_that_leave_do_not_end_the_server(ports: triton_process.Ports) -> None:
    """This Triton crashes where a cancelled gRPC stream gets data and FINAL at once; `StreamServer` parts them."""

    def leave_early(_: int) -> None:
        with Client(f"127.0.0.1:{ports.grpc}", timeout_s=10) as client:
            for _ in range(75):
                with contextlib.suppress(ServerBusy), client.stream("forever") as chunks:
                    next(chunks)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(leave_early, range(8)))
    with Client(f"127.0.0.1:{ports.grpc}") as client:
        assert patiently(client, "was it cancelled?") == "True"


def test_voices_travel_both_ways(url: str) -> None:
    clip = (np.sin(np.arange(64_000, dtype=np.float32) / 20) / 2, 16_000)
    with Client(url, timeout_s=10) as client:
        assert client.list_voices() == []
        assert client.register_voice("ann", clip, "What I say. 你好").seconds == pytest.approx(4.0)
        assert client.list_voices()[0].prompt_text == "What I say. 你好"
        client.delete_voice("ann")
        with pytest.raises(VoiceNotFound, match="nothing to delete"):
            client.delete_voice("ann")


def test_doctor_finds_the_server_and_its_protocol_well(url: str) -> None:
    findings = {finding.subject: finding for finding in diagnose(url, timeout_s=10.0)}
    assert findings["protocol"].verdict is Verdict.OK
    assert findings["model tts"].verdict is Verdict.OK
    assert findings["voices"].found == "none registered"
    assert not [finding for finding in findings.values() if finding.verdict is Verdict.FAILED]
