"""A fake Triton that speaks KServe over gRPC and HTTP, told by the test what to answer."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
import pytest
from aiohttp import web
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import deserialize_bytes_tensor, serialize_byte_tensor

PATIENCE_S = 10.0
DTYPES = {"FP32": np.float32, "INT32": np.int32, "INT64": np.int64, "BOOL": np.bool_}


def speech(index: int, samples: int = 1600) -> dict[str, Any]:
    """One answer of `tts`, as the server means it."""
    return {
        "waveform": np.full(samples, (index + 1) / 10, dtype=np.float32),
        "sample_rate_hz": 32_000,
        "chunk_index": index,
        "sentence_index": index // 2,
        "sentence": f"sentence {index // 2}",
        "timing_ms": json.dumps({"t2s": 10.0, "vocoder": 2.5}),
    }


@dataclass
class FakeSpeaker:
    """What the server answers, what it was asked, and whether it was told to stop.

    Attributes:
        answers: Sent in order: a dict is a chunk, a string an error, `WAIT` holds until the client goes away.
        refusals: Errors for the first requests, before any answer.
        parted: Of each gRPC stream that was answered to its end, whether the client hung up without cancelling it.
    """

    answers: list[Any] = field(default_factory=lambda: [speech(0), speech(1), speech(2)])
    refusals: list[str] = field(default_factory=list)
    voices: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)
    parted: list[bool] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=lambda: {"tts": "READY", "voices": "READY"})
    inputs: dict[str, list[str]] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    voices_error: str = ""
    models: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            "default": {"model": "default", "first": True, "version": "v2", "bytes": 2**20, "loaded": True},
            "ann": {"model": "ann", "version": "v2", "s1": "a.ckpt", "s2": "a.pth", "bytes": 2**21, "loaded": False},
        }
    )
    report: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    index_is_open: bool = True

    def answer(self, model: str, asked: dict[str, Any]) -> dict[str, list[str]]:
        """Run one action of `voices` or `models`."""
        if model == "models":
            return {"models": self.answer_models(asked)}
        return {"voices": self.answer_voices(asked), "warnings": self.warnings}

    def answer_models(self, asked: dict[str, Any]) -> list[str]:
        """Run one action of `models`; raises ValueError with the wire text of an error."""
        self.asked.append(asked)
        if asked["action"] == "list":
            return [json.dumps(each) for each in self.models.values()]
        if asked["name"] not in self.models:
            raise ValueError(f"InvalidRequest: model {asked['name']!r} is not served; need one of default")
        found = self.models[asked["name"]]
        found["loaded"] = found["loaded"] if asked["action"] == "unpin" else asked["action"] != "unload"
        found["pinned"] = asked["action"] == "pin"
        return [json.dumps(found)]

    def answer_voices(self, asked: dict[str, Any]) -> list[str]:
        """Run one action of `voices`; raises ValueError with the wire text of an error."""
        self.asked.append(asked)
        if self.voices_error:
            raise ValueError(self.voices_error)
        name = asked.get("voice", "")
        if asked["action"] == "register":
            self.voices[name] = {"voice": name, "prompt_text": asked["prompt_text"], "seconds": 4.5}
            if self.report:
                self.voices[name]["report"] = self.report
            return [json.dumps(self.voices[name])]
        if asked["action"] == "delete":
            if name not in self.voices:
                raise ValueError(f"VoiceNotFound: voice {name!r} is not registered; register it first")
            del self.voices[name]
        return [json.dumps(voice) for voice in self.voices.values()]


WAIT = object()


@pytest.fixture
def wait() -> object:
    return WAIT


@pytest.fixture
def chunk_answer() -> Any:
    return speech


@pytest.fixture
def speaker() -> FakeSpeaker:
    return FakeSpeaker()


# gRPC ----------------------------------------------------------------------------------------------------------------


class GrpcServicer(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """The calls of KServe that a client makes."""

    def __init__(self, speaker: FakeSpeaker) -> None:
        self.speaker = speaker

    def ModelStreamInfer(self, requests: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        ended, over = threading.Event(), threading.Event()

        def call_over() -> None:
            over.set()
            if not ended.is_set():
                self.speaker.cancelled.set()

        assert context.add_callback(call_over)
        for request in requests:
            self.speaker.asked.append(_grpc_inputs(request))
            if self.speaker.refusals:
                yield service_pb2.ModelStreamInferResponse(error_message=self.speaker.refusals.pop(0))
                return
            for answer in self.speaker.answers:
                if answer is WAIT:
                    assert over.wait(PATIENCE_S)
                    return
                if isinstance(answer, str):
                    yield service_pb2.ModelStreamInferResponse(error_message=answer)
                    return
                yield service_pb2.ModelStreamInferResponse(infer_response=_grpc_answer(answer))
            ended.set()
            if request.parameters["triton_enable_empty_final_response"].bool_param:
                final = service_pb2.ModelInferResponse()
                final.parameters["triton_final_response"].bool_param = True
                yield service_pb2.ModelStreamInferResponse(infer_response=final)
        self.speaker.parted.append(context.is_active())

    def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            return _grpc_answer(self.speaker.answer(request.model_name, _grpc_inputs(request)))
        except ValueError as error:
            context.abort(grpc.StatusCode.NOT_FOUND, str(error))

    def ServerReady(self, request: Any, context: Any) -> Any:  # noqa: N802
        return service_pb2.ServerReadyResponse(ready=True)

    def ModelReady(self, request: Any, context: Any) -> Any:  # noqa: N802
        return service_pb2.ModelReadyResponse(ready=self.speaker.states.get(request.name) == "READY")

    def ServerMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        return service_pb2.ServerMetadataResponse(name="triton", version="2.51.0")

    def ModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        reply = service_pb2.ModelMetadataResponse(name=request.name)
        for name in self.speaker.inputs.get(request.name, []):
            reply.inputs.add(name=name)
        return reply

    def ModelConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        reply = service_pb2.ModelConfigResponse()
        for key, value in self.speaker.parameters.items():
            reply.config.parameters[key].string_value = value
        return reply

    def RepositoryIndex(self, request: Any, context: Any) -> Any:  # noqa: N802
        if not self.speaker.index_is_open:
            context.abort(grpc.StatusCode.UNAVAILABLE, "This protocol is restricted, expecting header 'admin-key'")
        reply = service_pb2.RepositoryIndexResponse()
        for name, state in self.speaker.states.items():
            reply.models.add(name=name, version="1", state=state)
        return reply


def _grpc_inputs(request: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True):
        if tensor.name == "aux_reference_audio":
            asked[tensor.name] = deserialize_bytes_tensor(raw).tolist()
            assert list(tensor.shape) == [len(asked[tensor.name])]
            continue
        assert list(tensor.shape) == [1]
        if tensor.datatype == "BYTES":
            value = deserialize_bytes_tensor(raw)[0]
            asked[tensor.name] = value if tensor.name == "reference_audio" else value.decode()
        else:
            asked[tensor.name] = np.frombuffer(raw, dtype=DTYPES[tensor.datatype])[0].item()
    return asked


def _grpc_answer(values: dict[str, Any]) -> Any:
    answer = service_pb2.ModelInferResponse()
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            dtype, shape, raw = "FP32", value.shape, value.tobytes()
        elif isinstance(value, int):
            dtype, shape, raw = "INT32", (1,), np.int32(value).tobytes()
        else:
            texts = [value] if isinstance(value, str) else value
            array = np.array([text.encode() for text in texts], dtype=object)
            dtype, shape = "BYTES", array.shape
            raw = serialize_byte_tensor(array).item() if array.size else b""
        answer.outputs.add(name=name, datatype=dtype, shape=shape)
        answer.raw_output_contents.append(raw)
    return answer


@pytest.fixture
def grpc_url(speaker: FakeSpeaker) -> Iterator[str]:
    server = grpc.server(futures.ThreadPoolExecutor(8))
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(GrpcServicer(speaker), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"grpc://127.0.0.1:{port}"
    server.stop(None).wait()


# HTTP ----------------------------------------------------------------------------------------------------------------


def http_app(speaker: FakeSpeaker) -> web.Application:
    """The paths of KServe and of Triton's generate extension that a client asks."""

    async def generate_stream(request: web.Request) -> web.StreamResponse:
        speaker.asked.append(await request.json())
        if speaker.refusals:
            return web.Response(status=503, text=f"data: {json.dumps({'error': speaker.refusals.pop(0)})}\n\n")
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await reply.prepare(request)
        for answer in speaker.answers:
            if answer is WAIT:
                await _until_cancelled(speaker)
            event = {"error": answer} if isinstance(answer, str) else _json_answer(answer)
            await reply.write(f"data: {json.dumps(event)}\n\n".encode())
            if isinstance(answer, str):
                break
        await reply.write_eof()
        return reply

    async def infer(request: web.Request) -> web.Response:
        body = await request.json()
        assert all(tensor["shape"] == [len(tensor["data"])] for tensor in body["inputs"])
        asked = {tensor["name"]: tensor["data"] for tensor in body["inputs"]}
        asked |= {name: values[0] for name, values in asked.items() if name != "aux_reference_audio"}
        if "reference_audio" in asked:
            asked["reference_audio"] = base64.b64decode(asked["reference_audio"])
            asked["aux_reference_audio"] = [base64.b64decode(each) for each in asked.get("aux_reference_audio", ())]
        try:
            answer = speaker.answer(request.match_info["model"], asked)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=404)
        outputs = [{"name": name, "shape": [len(texts)], "data": texts} for name, texts in answer.items()]
        return web.json_response({"outputs": outputs})

    async def ready(request: web.Request) -> web.Response:
        name = request.match_info.get("model", "tts")
        return web.Response(status=200 if speaker.states.get(name) == "READY" else 400)

    async def metadata(_: web.Request) -> web.Response:
        return web.json_response({"name": "triton", "version": "2.51.0"})

    async def model(request: web.Request) -> web.Response:
        return web.json_response({"inputs": [{"name": n} for n in speaker.inputs.get(request.match_info["model"], [])]})

    async def config(_: web.Request) -> web.Response:
        return web.json_response({"parameters": {k: {"string_value": v} for k, v in speaker.parameters.items()}})

    async def index(_: web.Request) -> web.Response:
        if not speaker.index_is_open:
            return web.Response(status=403, text='{"error":"This API is restricted, expecting header \'admin-key\'"}')
        return web.json_response([{"name": n, "version": "1", "state": s} for n, s in speaker.states.items()])

    app = web.Application()
    app.router.add_post("/v2/models/tts/generate_stream", generate_stream)
    app.router.add_post("/v2/models/{model}/infer", infer)
    app.router.add_get("/v2/health/ready", ready)
    app.router.add_get("/v2/models/{model}/ready", ready)
    app.router.add_get("/v2/models/{model}/config", config)
    app.router.add_get("/v2/models/{model}", model)
    app.router.add_get("/v2", metadata)
    app.router.add_post("/v2/repository/index", index)
    return app


async def _until_cancelled(speaker: FakeSpeaker) -> None:
    """Wait until the client has closed the socket, which cancels the handler."""
    try:
        await asyncio.wait_for(asyncio.Event().wait(), PATIENCE_S)
    except asyncio.CancelledError:
        speaker.cancelled.set()
        raise


def _json_answer(answer: dict[str, Any]) -> dict[str, Any]:
    pcm16 = (answer["waveform"] * 32767).astype("<i2").tobytes()
    return {**answer, "waveform": [], "audio_base64": base64.b64encode(pcm16).decode()}


@pytest.fixture
def http_url(speaker: FakeSpeaker) -> Iterator[str]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> tuple[web.AppRunner, int]:
        runner = web.AppRunner(http_app(speaker), shutdown_timeout=1.0, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return runner, runner.addresses[0][1]

    runner, port = asyncio.run_coroutine_threadsafe(start(), loop).result(PATIENCE_S)
    yield f"http://127.0.0.1:{port}"
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(PATIENCE_S)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(params=["grpc", "http"])
def url(request: pytest.FixtureRequest) -> str:
    """Address of the fake server, over each protocol in turn."""
    return str(request.getfixturevalue(f"{request.param}_url"))
