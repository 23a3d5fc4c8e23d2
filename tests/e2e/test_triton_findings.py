"""What docs/triton-findings.md says of Triton 2.51, shown on small models that know nothing of ours.

A test that fails here with a newer server is good news: the finding no longer holds, and its workaround may go.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.grpc.aio
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from gsv_runtime.server import model_processes, triton_process
from gsv_runtime.server.logs import Log

pytestmark = pytest.mark.triton

LIMIT_S = 30.0
TEXT = 'name: "{name}" data_type: TYPE_STRING dims: [1]'
STREAMS = f"""
backend: "python" model_transaction_policy {{ decoupled: true }}
input [ {{ {TEXT.format(name="DO")} }} ] output [ {{ {TEXT.format(name="SAID")} }} ]
"""
ANSWERS = STREAMS.replace("decoupled: true", "decoupled: false")
ROWS = """
backend: "python" max_batch_size: 8 dynamic_batching {{ max_queue_delay_microseconds: 300000 }}
input [ {{ name: "ROW" data_type: TYPE_INT32 dims: [-1] {ragged} }} ]
output [ {{ name: "TOGETHER" data_type: TYPE_INT32 dims: [1] }} ]
"""
COUNTER = """
backend: "python"
sequence_batching { state [ { input_name: "BEFORE" output_name: "AFTER" data_type: TYPE_INT32 dims: [1]
  initial_state { name: "zero" data_type: TYPE_INT32 dims: [1] zero_data: true } } ] }
input [ { name: "ANY" data_type: TYPE_INT32 dims: [1] } ] output [ { name: "SEEN" data_type: TYPE_INT32 dims: [1] } ]
"""
COMMON = """
import os, sys
import numpy as np
import triton_python_backend_utils as pb

FINAL = pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL
def text(name, value):
    return pb.Tensor(name, np.array([value], dtype=object))
def asked(request):
    return pb.get_input_tensor_by_name(request, "DO").as_numpy()[0].decode()
"""
STREAM_MODEL = """
class TritonPythonModel:
    last_failure = ""

    def execute(self, requests):
        for request in requests:
            what, sender = asked(request), request.get_response_sender()
            said = lambda value: pb.InferenceResponse([text("SAID", value)])
            if what == "refuse":
                sender.send(pb.InferenceResponse(error=pb.TritonError("full", pb.TritonError.UNAVAILABLE)))
            elif what == "wrong type":
                sender.send(pb.InferenceResponse([pb.Tensor("ELSE", np.zeros(3, np.int32))]))
            elif what == "what failed":
                sender.send(said(TritonPythonModel.last_failure))
            else:
                sender.send(said("one"))
                if what == "late error":
                    sender.send(pb.InferenceResponse(error=pb.TritonError("too late")))
                elif what == "two":
                    sender.send(said("two"))
            sender.send(flags=FINAL)
            if what == "once more":
                try:
                    sender.send(said("after the end"))
                except Exception as failure:
                    TritonPythonModel.last_failure = str(failure)
"""
ANSWER_MODEL = """
class TritonPythonModel:
    def execute(self, requests):
        return [pb.InferenceResponse([text("SAID", self.answer(asked(request)))]) for request in requests]

    def answer(self, what):
        if what == "raise":
            raise RuntimeError("a secret")
        if what == "PYTHONPATH":
            return str(os.environ["PYTHONPATH"] in sys.path)
        call = pb.InferenceRequest(model_name="streams", requested_output_names=["SAID"], inputs=[text("DO", what)])
        replies = [reply for reply in call.exec(decoupled=True)]
        errors = sum(reply.has_error() for reply in replies)
        return f"data={sum(bool(reply.output_tensors()) for reply in replies)} errors={errors}"
"""
ROW_MODEL = """
class TritonPythonModel:
    def execute(self, requests):
        count = np.full((1, 1), len(requests), np.int32)
        return [pb.InferenceResponse([pb.Tensor("TOGETHER", count)]) for _ in requests]
"""
COUNTER_MODEL = """
class TritonPythonModel:
    def execute(self, requests):
        before = [pb.get_input_tensor_by_name(request, "BEFORE").as_numpy() for request in requests]
        return [
            pb.InferenceResponse([pb.Tensor("SEEN", value), pb.Tensor("AFTER", value + 1)]) for value in before
        ]
"""
EARLY_MODEL = """
class TritonPythonModel:
    def initialize(self, args):
        call = pb.InferenceRequest(model_name="answers", requested_output_names=["SAID"], inputs=[text("DO", "two")])
        assert not call.exec().has_error()

    def execute(self, requests):
        return []
"""
MODELS = {
    "streams": (STREAMS, STREAM_MODEL),
    "answers": (ANSWERS, ANSWER_MODEL),
    "ragged": (ROWS.format(ragged="allow_ragged_batch: true"), ROW_MODEL),
    "equal": (ROWS.format(ragged=""), ROW_MODEL),
    "counter": (COUNTER, COUNTER_MODEL),
    "early": (ANSWERS, EARLY_MODEL),
    "kept": (STREAMS + "response_cache { enable: true }", STREAM_MODEL),
}
NOT_LOADED = ("early", "kept")  # at the start; that they cannot be is shown below


class Server(NamedTuple):
    """A tritonserver without any part of ours."""

    pid: int
    ports: triton_process.Ports
    log: Path

    def client(self) -> Any:
        return tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{self.ports.grpc}")

    def post(self, path: str, body: Any, key: str = "") -> tuple[int, str]:
        """Status and text."""
        url, headers = f"http://127.0.0.1:{self.ports.http}/v2/{path}", {"admin-key": key}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, json.dumps(body).encode(), headers), timeout=LIMIT_S
            ) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as failure:
            return failure.code, failure.read().decode()


def started(folder: Path, models: list[str]) -> Iterator[Server]:
    """A server with these models, stopped in the end."""
    try:
        wheel = triton_process.Wheel.find()
    except triton_process.ServerFailed as failure:
        pytest.skip(str(failure))
    repository, backends = folder / "models", folder / "backends"
    for name, (config, code) in MODELS.items():
        (repository / name / "1").mkdir(parents=True)
        (repository / name / "config.pbtxt").write_text(config, encoding="utf-8")
        (repository / name / "1" / "model.py").write_text(COMMON + code, encoding="utf-8")
    wheel.install_backends(backends)
    ports, prefix = triton_process.Ports.free(), f"gsv-find-{folder.parent.name}-{folder.name}-"
    command = triton_process.command_line(wheel, repository, backends, models, ports, "key", prefix)
    environment = wheel.environment() | {"PYTHONPATH": str(folder)}
    pid = triton_process.start(command, environment, Log(folder / "log"))
    try:
        triton_process.wait_until_ready(pid, ports, limit_s=60.0)
        yield Server(pid, ports, folder / "log")
    finally:
        triton_process.stop(pid, prefix)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from started(tmp_path_factory.mktemp("findings"), [name for name in MODELS if name not in NOT_LOADED])


@pytest.fixture
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that a test may end."""
    yield from started(tmp_path_factory.mktemp("doomed"), ["ragged", "streams"])


def do(what: str) -> Any:
    tensor = tritonclient.grpc.InferInput("DO", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([what.encode()], dtype=object))
    return tensor


def ask(server: Server, what: str) -> str:
    """The answer of the unary model."""
    with server.client() as client:
        said: bytes = client.infer("answers", [do(what)], client_timeout=LIMIT_S).as_numpy("SAID")[0]
    return said.decode()


def stream(server: Server, what: str, *metadata: tuple[str, str]) -> list[Any]:
    """Responses of the stream model as they are on the wire."""
    request = service_pb2.ModelInferRequest(model_name="streams")
    tensor = do(what)
    request.inputs.add(name="DO", datatype="BYTES", shape=[1])
    request.raw_input_contents.append(tensor._get_content())
    with grpc.insecure_channel(f"127.0.0.1:{server.ports.grpc}") as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        return list(stub.ModelStreamInfer(iter([request]), timeout=LIMIT_S, metadata=metadata))


def test_4_an_error_after_the_first_response_never_reaches_a_bls_caller(server: Server) -> None:
    assert ask(server, "two") == "data=2 errors=0"
    assert ask(server, "late error") == "data=1 errors=0"


def test_8_the_stub_ignores_pythonpath(server: Server) -> None:
    assert ask(server, "PYTHONPATH") == "False"


def test_13_an_http_stream_answers_400_to_every_error(server: Server) -> None:
    for endpoint in ("generate", "generate_stream"):
        status, text = server.post(f"models/streams/{endpoint}", {"DO": "refuse"})
        assert (status, "full" in text) == (400, True)


def test_14_an_error_on_a_grpc_stream_has_a_text_and_no_status_unless_asked_for(doomed: Server) -> None:
    """On a server of its own: the header's mode reads freed memory, and the server dies some requests later."""
    (response, *_) = stream(doomed, "refuse")
    assert response.error_message == "full"
    with pytest.raises(grpc.RpcError) as raised:
        stream(doomed, "refuse", ("triton_grpc_error", "true"))
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE  # type: ignore[attr-defined]


@pytest.mark.parametrize(("model", "together"), [("ragged", True), ("equal", False)])
def test_20_requests_of_different_shapes_share_a_batch_only_where_ragged_ones_may(
    model: str, together: bool, server: Server
) -> None:
    def rows(length: int) -> int:
        tensor = tritonclient.grpc.InferInput("ROW", [1, length], "INT32")
        tensor.set_data_from_numpy(np.zeros((1, length), np.int32))
        return int(client.infer(model, [tensor], client_timeout=LIMIT_S).as_numpy("TOGETHER")[0, 0])

    with server.client() as client, ThreadPoolExecutor(8) as pool:
        assert (max(pool.map(rows, range(1, 9))) > 1) is together


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("early", "BLS is only supported during the 'execute' function"),
        ("kept", "failed to poll from model repository"),
    ],
)
def test_21_and_28_a_model_that_calls_others_while_it_loads_or_is_decoupled_and_cached_cannot_be_loaded(
    model: str, told: str, server: Server
) -> None:
    status, text = server.post(f"repository/models/{model}/load", {}, key="key")
    assert status >= 400
    assert told in text


def test_22_a_response_sender_refuses_only_what_comes_after_the_end(server: Server) -> None:
    stream(server, "once more")
    (told, *_) = stream(server, "what failed")
    assert b"Response sender has been closed" in told.infer_response.raw_output_contents[0]
    (wrong, *_) = stream(server, "wrong type")
    assert not wrong.error_message


def test_23_the_traceback_of_an_exception_travels_to_the_client(server: Server) -> None:
    with pytest.raises(InferenceServerException, match=r"a secret(.|\n)*model\.py"):
        ask(server, "raise")


def test_25_a_decoupled_model_cannot_be_asked_by_every_endpoint(server: Server) -> None:
    tensor = {"name": "DO", "shape": [1], "datatype": "BYTES", "data": ["two"]}
    assert server.post("models/streams/infer", {"inputs": [tensor]})[0] == 501
    with server.client() as client, pytest.raises(InferenceServerException) as raised:
        client.infer("streams", [do("two")], client_timeout=LIMIT_S)
    assert raised.value.status() == "StatusCode.UNIMPLEMENTED"
    assert "exactly 1 response" in server.post("models/streams/generate", {"DO": "two"})[1]


def test_26_the_asyncio_client_sees_no_end_of_a_stream(server: Server) -> None:
    async def finals() -> list[Any]:
        async def requests() -> Any:
            yield {"model_name": "streams", "inputs": [do("two")], "enable_empty_final_response": True}

        async with tritonclient.grpc.aio.InferenceServerClient(f"127.0.0.1:{server.ports.grpc}") as client:
            replies = client.stream_infer(requests(), stream_timeout=LIMIT_S)
            return [reply.get_response().parameters["triton_final_response"].bool_param async for reply, _ in replies]

    assert asyncio.run(finals()) == [False, False]


def test_27_the_syntax_of_restricted_interfaces(server: Server) -> None:
    assert server.post("repository/index", {})[0] == 403
    assert server.post("repository/index", {}, key="key")[0] == 200


def test_33_implicit_state_stays_at_its_first_value(server: Server) -> None:
    tensor = tritonclient.grpc.InferInput("ANY", [1], "INT32")
    tensor.set_data_from_numpy(np.zeros(1, np.int32))
    with server.client() as client:
        seen = [
            int(
                client.infer(
                    "counter", [tensor], sequence_id=7, sequence_start=turn == 0, client_timeout=LIMIT_S
                ).as_numpy("SEEN")[0]
            )
            for turn in range(3)
        ]
    assert seen == [0, 0, 0]


def test_6_a_model_whose_process_has_died_is_ready_and_answers_nothing(doomed: Server) -> None:
    (victim,) = model_processes.model_processes(doomed.pid)["ragged"]
    os.kill(victim, signal.SIGKILL)
    with doomed.client() as client:
        tensor = tritonclient.grpc.InferInput("ROW", [1, 1], "INT32")
        tensor.set_data_from_numpy(np.zeros((1, 1), np.int32))
        with pytest.raises(InferenceServerException, match="is not healthy"):
            client.infer("ragged", [tensor], client_timeout=LIMIT_S)
        assert client.is_model_ready("ragged")
    assert triton_process.is_ready(doomed.ports)


def test_7_an_idle_connection_keeps_the_server_until_its_time_out(doomed: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", doomed.ports.http)
    connection.request("GET", "/v2/health/ready")
    connection.getresponse().read()
    os.kill(doomed.pid, signal.SIGTERM)
    _, status = os.waitpid(doomed.pid, 0)
    connection.close()
    assert os.waitstatus_to_exitcode(status) == 1
    assert "Exit timeout expired" in doomed.log.read_text(errors="replace")


def test_9_one_http_request_with_a_huge_shape_ends_the_server(doomed: Server) -> None:
    tensor = {"name": "ROW", "shape": [1, 2**63 - 1], "datatype": "INT32", "data": [0]}
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError, urllib.error.URLError)):
        doomed.post("models/ragged/infer", {"inputs": [tensor]})
    _, status = os.waitpid(doomed.pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGABRT
