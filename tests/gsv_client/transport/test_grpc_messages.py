"""The messages of the gRPC service: what is sent, what is read, and what of tritonclient both need."""

import ast
import asyncio
from pathlib import Path

import grpc
import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from tritonclient.grpc import service_pb2

from gsv_client import errors
from gsv_client.transport.grpc_messages import CHANNEL_OPTIONS, infer_request, response_of, streamed_response_of

tomllib = pytest.importorskip("tomllib")  # from Python 3.11

ROOT = Path(__file__).parents[3]
# The generated service, and how texts are coded: what stayed the same from 2.51 to 2.73.
PUBLIC = {
    "tritonclient.grpc": {"InferResult", "service_pb2"},
    "tritonclient.grpc.service_pb2_grpc": {"GRPCInferenceServiceStub"},
    "tritonclient.utils": {"deserialize_bytes_tensor", "serialize_byte_tensor", "triton_to_np_dtype"},
}


@pytest.mark.parametrize(
    ("array", "datatype", "raw"),
    [
        (np.array([1.5], np.float32), "FP32", b"\x00\x00\xc0\x3f"),
        (np.array([True, False]), "BOOL", b"\x01\x00"),
        (np.array([7], np.int32), "INT32", b"\x07\x00\x00\x00"),
        (np.array([-1], np.int64), "INT64", b"\xff" * 8),
        (np.array(["é"], object), "BYTES", b"\x02\x00\x00\x00\xc3\xa9"),
        (np.array([b"\x00\xff"], object), "BYTES", b"\x02\x00\x00\x00\x00\xff"),
        (np.array([], object), "BYTES", b""),
    ],
)
def test_an_array_is_sent_with_its_type_its_shape_and_its_bytes(array, datatype, raw):
    request = infer_request("tts", {"a": array})
    (tensor,) = request.inputs
    assert (request.model_name, tensor.name, tensor.datatype, list(tensor.shape)) == (
        "tts",
        "a",
        datatype,
        list(array.shape),
    )
    assert list(request.raw_input_contents) == [raw]


def test_what_is_sent_can_be_read_as_an_answer():
    sent = {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "t": np.array([b"a", "é".encode()], object)}
    request = infer_request("tts", sent)
    answer = service_pb2.ModelInferResponse(raw_output_contents=request.raw_input_contents)
    for tensor in request.inputs:
        answer.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
    read = response_of(answer)
    assert read.keys() == sent.keys()
    for name, array in sent.items():
        np.testing.assert_array_equal(read[name], array)


def test_texts_that_do_not_come_as_raw_contents_are_read_too():
    answer = service_pb2.ModelInferResponse()
    answer.outputs.add(name="t", datatype="BYTES", shape=[1]).contents.bytes_contents.append(b"a")
    assert response_of(answer)["t"].tolist() == [b"a"]


def test_an_answer_of_a_stream_is_empty_its_outputs_or_an_error_of_ours():
    assert streamed_response_of(service_pb2.ModelStreamInferResponse(), "grpc://a:1") == {}
    broken = service_pb2.ModelStreamInferResponse(error_message="ServerBusy: 64 streams are running")
    with pytest.raises(errors.ServerBusy, match="64 streams"):
        streamed_response_of(broken, "grpc://a:1")


@pytest.mark.slow
def test_the_client_imports_only_what_is_public_in_tritonclient_and_none_of_its_clients():
    imported = {}
    for path in (ROOT / "client" / "gsv_client").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tritonclient"):
                imported.setdefault(node.module, set()).update(alias.name for alias in node.names)
            if isinstance(node, ast.Import):
                assert not [alias for alias in node.names if alias.name.startswith("tritonclient")]
    assert imported == PUBLIC


@pytest.mark.parametrize("package", ["client", "build"])
def test_tritonclient_has_a_range_in_which_lies_the_version_that_is_tested_here(package):
    project = tomllib.loads((ROOT / package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (asked,) = (Requirement(each) for each in project["dependencies"] if each.startswith("tritonclient"))
    assert {each.operator for each in asked.specifier} == {">=", "<"}
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    (pinned,) = (SpecifierSet(pin.removeprefix("tritonclient")) for pin in pins if pin.startswith("tritonclient"))
    assert all(each.version in asked.specifier for each in pinned)


def test_streams_that_are_not_read_hold_little_however_fast_the_line_is():
    piece, sent = bytes(1 << 18), {}

    async def speak(asked, context):
        sent[asked] = 0
        for _ in range(200):
            await context.write(piece)
            sent[asked] += len(piece)

    async def listen():
        server = grpc.aio.server(options=CHANNEL_OPTIONS)
        methods = {"Speak": grpc.unary_stream_rpc_method_handler(speak)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test", methods),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", CHANNEL_OPTIONS) as channel:
            call = channel.unary_stream("/test/Speak")
            unread = [call(b"%d" % number) for number in range(3)]
            for each in unread:
                await each.read()
            async for _ in call(b"read"):
                pass
            found = dict(sent)
            for each in unread:
                each.cancel()
        await server.stop(None)
        return found

    found = asyncio.run(listen())
    assert found.pop(b"read") == 200 * len(piece)
    assert max(found.values()) <= 4 * len(piece), found
