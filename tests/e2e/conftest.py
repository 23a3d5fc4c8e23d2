"""A real tritonserver with a small random checkpoint, and a client that can send anything."""

import contextlib
import importlib.util
import io
import os
import queue
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
import soundfile
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import serialize_byte_tensor

from gsv_runtime.versions import ModelVersion

from ..small_repositories import built_repository

ROOT = Path(__file__).parents[2]
LIMIT_S = 60.0  # of one request; far above what it takes, so that a hang fails instead of waiting for ever
NUMPY = {"INT32": np.int32, "INT64": np.int64, "FP32": np.float32, "BOOL": np.bool_}


def pytest_collection_modifyitems(items):
    """Every test here needs the server."""
    here = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    missing = importlib.util.find_spec("pytriton") is None
    for item in here:
        item.add_marker(pytest.mark.triton)
        if missing:
            item.add_marker(pytest.mark.skip(reason="nvidia-pytriton is not installed"))


@dataclass(frozen=True)
class Input:
    """One tensor of a request, as raw as the wire has it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: bytes

    @classmethod
    def of(cls, name, value, dtype=None):
        """A tensor [1] of a Python value; or of a NumPy array, with its shape."""
        if isinstance(value, np.ndarray):
            return cls(name, dtype, value.shape, value.tobytes())
        if isinstance(value, bool):
            return cls(name, dtype or "BOOL", (1,), bytes([value]))
        if isinstance(value, int | float):
            kind = dtype or DTYPES[name]
            return cls(name, kind, (1,), np.array([value], NUMPY[kind]).tobytes())
        data = value.encode() if isinstance(value, str) else value
        return cls(name, dtype or "BYTES", (1,), serialize_byte_tensor(np.array([data], object)).item())


INTERNAL = {
    "bert",
    "hubert",
    "speech_tokenizer",
    "speaker_encoder",
    "reference_encoder",
    "t2s",
    "acoustic",
    "vocoder",
}
DTYPES = {
    "top_k": "INT32",
    "retries": "INT32",
    "seed": "INT64",
    **dict.fromkeys(
        ["top_p", "temperature", "repetition_penalty", "speed", "noise_scale", "pause_s", "loudness"], "FP32"
    ),
}


@dataclass(frozen=True)
class Chunk:
    """One data response of `tts`."""

    waveform: np.ndarray
    outputs: dict


class RawClient:
    """Speaks KServe's gRPC protocol without the politeness of a real client library.

    With the server's key it reaches the models that answer no other client.
    """

    def __init__(self, port, key=""):
        self.key = key
        options = [("grpc.max_send_message_length", 2**30), ("grpc.max_receive_message_length", 2**30)]
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options)
        self.stub = service_pb2_grpc.GRPCInferenceServiceStub(self.channel)

    def request(self, model, inputs, parameters=None):
        """Builds a request from {name: value} or from raw `Input`s."""
        tensors = [Input.of(name, value) for name, value in inputs.items()] if isinstance(inputs, dict) else inputs
        request = service_pb2.ModelInferRequest(model_name=model)
        for tensor in tensors:
            request.inputs.add(name=tensor.name, datatype=tensor.dtype, shape=tensor.shape)
            request.raw_input_contents.append(tensor.data)
        key = {"gsv_key": self.key} if self.key and model in INTERNAL else {}
        for name, value in (key | (parameters or {})).items():
            request.parameters[name].string_param = value
        return request

    def voices(self, inputs, parameters=None):
        """One unary call; returns the response or raises grpc.RpcError."""
        return self.stub.ModelInfer(self.request("voices", inputs, parameters), timeout=LIMIT_S)

    def stream(self, inputs, parameters=None):
        """Starts a stream; returns the call, which can be cancelled, and yields raw responses.

        What is given as a map is computed, and once, unless it says otherwise: few tests are about cache and retakes.
        """
        if isinstance(inputs, dict):
            inputs = {"cache": "off", "retries": 0, **inputs}
        requests = queue.SimpleQueue()
        requests.put(self.request("tts", inputs, parameters))
        requests.put(None)
        return self.stub.ModelStreamInfer(iter(requests.get, None), timeout=LIMIT_S)

    def say(self, inputs, parameters=None):
        """Speaks; returns (chunks, error message or None)."""
        chunks = []
        for response in self.stream(inputs, parameters):
            if response.error_message:
                return chunks, response.error_message
            chunks.append(decode(response.infer_response))
        return chunks, None


def decode(response):
    """Outputs of a response by name; text as bytes."""
    outputs = {}
    for tensor, data in zip(response.outputs, response.raw_output_contents, strict=True):
        if tensor.datatype == "BYTES":
            outputs[tensor.name] = data[4:]
        else:
            outputs[tensor.name] = np.frombuffer(data, NUMPY[tensor.datatype]).reshape(tensor.shape)
    return Chunk(outputs.get("waveform", np.zeros(0, np.float32)), outputs)


def recording(seconds=4.0, rate_hz=32_000, pitch_hz=180, samples=None):
    """A WAV of a hummed note that breathes, float32 so that anything can be in it."""
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    voice = sum(np.sin(2 * np.pi * pitch_hz * k * times) / k for k in range(1, 9))
    data = 0.1 * voice * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * times)) if samples is None else samples
    file = io.BytesIO()
    soundfile.write(file, data, rate_hz, format="WAV", subtype="FLOAT")
    return file.getvalue()


@pytest.fixture(scope="session")
def make_recording():
    return recording


@pytest.fixture(scope="session")
def repository():
    return built_repository(ModelVersion.V2)


class Server:
    """A server that tests may restart; it loads a language by its first text, unless some are named."""

    def __init__(self, repository, state, languages="off"):
        from gsv_runtime.server.triton_process import Ports

        self.repository, self.state = repository, state
        self.environment = {**os.environ, "GSV_LANGUAGES": languages}
        self.ports = Ports.free()

    def start(self):
        from gsv_runtime.server import local_server

        self.key = local_server.up(self.repository, self.state, self.ports, self.environment).admin_key
        self.client = RawClient(self.ports.grpc, self.key)

    def stop(self):
        from gsv_runtime.server import local_server

        self.client.channel.close()
        local_server.down(self.state)


@pytest.fixture(scope="session")
def start_server():
    """Makes a server that is not started yet, of (repository, state directory)."""
    return Server


@pytest.fixture(scope="session")
def server(repository, tmp_path_factory):
    """As operators have it by default: with all languages loaded."""
    running = Server(repository, tmp_path_factory.mktemp("server"), languages="")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def client(server):
    return server.client


@pytest.fixture(scope="session")
def registered(server):
    """Registers two voices that differ in audio only."""
    for voice, pitch_hz in (("low", 110), ("high", 330)):
        inputs = {"action": "register", "voice": voice, "reference_audio": recording(pitch_hz=pitch_hz)}
        server.client.voices(
            inputs | {"prompt_text": "The same words are said again here, slowly and clearly.", "prompt_language": "en"}
        )
    return ("low", "high")


@contextlib.contextmanager
def gateway_before(grpc_port, folder, *options):
    """A gateway process; yields a client of it."""
    command = [sys.executable, "-m", "gsv_gateway", "--port", "0", "--triton", f"127.0.0.1:{grpc_port}"]
    log = folder / "gateway.log"
    with log.open("wb") as written:
        process = subprocess.Popen([*command, "--keys", str(folder / "keys.json"), *options], stderr=written)
    try:
        found = None
        deadline_s = time.monotonic() + LIMIT_S
        while found is None:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline_s, log.read_text()
            found = re.search(r"running on (http://127\.0\.0\.1:\d+)", log.read_text())
            time.sleep(0.02)
        with httpx.Client(base_url=found[1], timeout=LIMIT_S) as client:
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT_S)
    assert process.returncode == 0
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="session")
def start_gateway():
    """Starts a gateway before a server: (its gRPC port, a folder, further options)."""
    return gateway_before


@pytest.fixture(scope="session")
def gateway(server, registered, tmp_path_factory):
    with gateway_before(server.ports.grpc, tmp_path_factory.mktemp("gateway"), "--default-voice", "low") as client:
        yield client


@pytest.fixture(scope="session")
def bundle_file(repository, server, registered, tmp_path_factory):
    """A bundle of the server's repository with the voices that were registered there."""
    from gsv_build.bundle import write_bundle

    file = tmp_path_factory.mktemp("bundle") / "voice.gsv"
    write_bundle(repository, file, server.state / "voices", licences=(ROOT / "LICENSE",))
    return file


def nearness_db(audio, expected):
    """How far the difference lies below what was expected, in dB; lengths must agree."""
    assert audio.shape == expected.shape
    energy, error = np.sum(np.square(expected, dtype=np.float64)), np.sum(np.square(audio - expected, dtype=np.float64))
    assert energy > 0
    return 10 * np.log10(energy / max(error, 1e-30))
