"""A gateway on a port of its own, before a server that the test tells what to answer."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
import uvicorn

from gsv_client import AsyncClient, InvalidRequest, VoiceNotFound
from gsv_client.transport import Arrival
from gsv_gateway.app import create_app
from gsv_gateway.serving import configured
from gsv_gateway.settings import Settings

PATIENCE_S = 20.0
RATE_HZ = 32_000


def speech(index: int = 0, seconds: float = 0.1, last: bool = False) -> dict[str, Any]:
    """One answer of `tts`: a hum, so that codecs have something to do."""
    times = (np.arange(round(seconds * RATE_HZ)) + index * round(seconds * RATE_HZ)) / RATE_HZ
    return {
        "waveform": (0.3 * np.sin(2 * np.pi * 220 * times)).astype(np.float32),
        "sample_rate_hz": RATE_HZ,
        "chunk_index": index,
        "sentence_index": 0,
        "sentence": "a sentence",
        "timing_ms": json.dumps({"t2s": 1.0}),
        "final": last,
    }


WAIT = object()


@dataclass
class FakeTriton:
    """What the server behind answers, what it was asked, and how many streams it has open.

    Attributes:
        answers: Sent in order: a dict is a chunk, an exception is raised, `WAIT` holds until the stream is cancelled.
        refusal: Raised by every call.
    """

    encoding = "float32"
    answers: list[Any] = field(default_factory=lambda: [speech(0), speech(1), speech(2, last=True)])
    refusal: Exception | None = None
    voices: dict[str, dict[str, Any]] = field(default_factory=dict)
    models: list[dict[str, Any]] = field(
        default_factory=lambda: [{"model": "default", "first": True, "s1": "s1.ckpt", "s2": "s2.pth"}]
    )
    asked: list[dict[str, Any]] = field(default_factory=list)
    open: int = 0
    ready: bool = True

    async def stream(self, model: str, inputs: Any) -> Any:
        assert model == "tts"
        asked = _values(inputs)
        self.asked.append(asked)
        if self.refusal is not None:
            raise self.refusal
        if asked.get("voice") and asked["voice"] not in self.voices:
            raise VoiceNotFound(f"voice {asked['voice']!r} is not registered")
        self.open += 1
        try:
            for answer in self.answers:
                if answer is WAIT:
                    await asyncio.Event().wait()
                if isinstance(answer, Exception):
                    raise answer
                yield Arrival(answer, time.perf_counter())
        finally:
            self.open -= 1

    async def infer(self, model: str, inputs: Any, dtypes: Any) -> Any:
        if model == "models":
            assert _values(inputs) == {"action": "list"}
            if self.refusal is not None:
                raise self.refusal
            return {"models": [json.dumps(each) for each in self.models]}
        assert model == "voices"
        asked = _values(inputs)
        self.asked.append(asked)
        if self.refusal is not None:
            raise self.refusal
        name = asked.get("voice", "")
        if asked["action"] == "register":
            if asked["reference_audio"][:4] not in (b"RIFF", b"fLaC", b"OggS"):
                raise InvalidRequest("reference_audio is no audio")
            self.add_voice(name, prompt_text=asked.get("prompt_text", ""), report={"speech_s": 3.7})
            return {"voices": [json.dumps(self.voices[name])]}
        if asked["action"] == "delete":
            if name not in self.voices:
                raise VoiceNotFound(f"voice {name!r} is not registered")
            del self.voices[name]
        return {"voices": [json.dumps(voice) for voice in self.voices.values()]}

    def add_voice(self, name: str, **facts: Any) -> None:
        self.voices[name] = {"voice": name, "seconds": 4.0, "created": "2026-01-02T03:04:05Z", **facts}

    @property
    def spoken(self) -> list[dict[str, Any]]:
        """What was asked of `tts`."""
        return [asked for asked in self.asked if "text" in asked]

    async def is_ready(self, model: str = "") -> bool:
        return self.ready

    async def close(self) -> None:
        pass


def _values(inputs: Any) -> dict[str, Any]:
    """Text as str; audio stays bytes."""
    values = {}
    for name, array in inputs.items():
        if name == "aux_reference_audio":
            values[name] = array.tolist()
            continue
        value = array[0]
        if isinstance(value, bytes) and name != "reference_audio":
            value = value.decode("utf-8")
        values[name] = value if isinstance(value, str | bytes) else value.item()
    return values


class Running:
    """A gateway that serves, and a client of it."""

    def __init__(self, settings: Settings, *tritons: Any) -> None:
        clients = [AsyncClient(f"127.0.0.1:{9 + n}", retries=0, transport=each) for n, each in enumerate(tritons)]
        self.app = create_app(settings, clients)
        self.server = uvicorn.Server(configured(self.app, replace(settings, host="127.0.0.1", port=0), drain_s=2))
        self._thread = threading.Thread(target=self.server.run)
        self._thread.start()
        eventually(lambda: self.server.started)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        # Without TLS, which nothing here speaks: to read all authorities' certificates takes longer than most tests.
        self.http = httpx.Client(base_url=self.url, timeout=PATIENCE_S, verify=False)

    @property
    def gateway(self) -> Any:
        return self.app.state.gateway

    def say(self, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
        body = {"model": "tts-1", "input": "Hello.", "voice": "alloy", **fields}
        return self.http.post("/v1/audio/speech", json=body, headers=headers)

    def stop(self) -> None:
        self.http.close()
        self.server.should_exit = True
        self._thread.join(PATIENCE_S)


def eventually(is_so: Any) -> None:
    """Wait until it is so; fails where it never is."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline_s, "never happened"
        time.sleep(0.002)


@pytest.fixture(name="eventually")
def _eventually() -> Any:
    return eventually


@pytest.fixture
def wait() -> object:
    return WAIT


@pytest.fixture
def chunk_answer() -> Any:
    return speech


@pytest.fixture
def triton() -> FakeTriton:
    fake = FakeTriton()
    fake.add_voice("demo", prompt_text="the words", prompt_language="en")
    return fake


@pytest.fixture
def make_triton() -> Any:
    return FakeTriton


@pytest.fixture
def settings(tmp_path: Any) -> Settings:
    return Settings(keys_file=tmp_path / "keys.json")


@pytest.fixture
def start(settings: Settings, triton: FakeTriton) -> Any:
    """Starts gateways; (further settings, tritons) as arguments."""
    with contextlib.ExitStack() as stack:

        def started(*tritons: Any, **changed: Any) -> Running:
            running = Running(replace(settings, **changed), *(tritons or (triton,)))
            stack.callback(running.stop)
            return running

        yield started


@pytest.fixture
def running(start: Any) -> Running:
    return start()


@pytest.fixture(scope="session")
def clip() -> bytes:
    """A WAV of 4 s."""
    file = io.BytesIO()
    soundfile.write(file, speech(0, 4.0)["waveform"], RATE_HZ, format="WAV")
    return file.getvalue()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts a gateway."""
    for item in items:
        if {"running", "start"} & set(getattr(item, "fixturenames", ())) and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
