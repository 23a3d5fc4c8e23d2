"""What both gRPC transports share: the service's messages from arrays and into arrays, and its errors into ours.

Of tritonclient this takes the generated service and the coding of texts, which are public and the same in the tested
versions, and none of its clients: the threaded one leaves a thread behind a stream that is cancelled (decision 19).
"""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np
from tritonclient.grpc import InferResult, service_pb2
from tritonclient.utils import deserialize_bytes_tensor, serialize_byte_tensor, triton_to_np_dtype

from gsv_client.errors import ConnectionFailed, SynthesisError, error_from_wire
from gsv_client.protocol import Response, Tensors
from gsv_client.transport import unreachable

# Messages of any size, as tritonclient has it; and a long-lived caller looks at least once a second for a server that
# went away, where gRPC would wait for up to two minutes. A machine that answers nothing is given up after 2 s, where
# gRPC would wait for 20: who has other servers asks one of those. A stream that is not read holds half a mebibyte,
# which is four seconds of speech; gRPC measures the line, and let each hold 35 MB.
_ANY_SIZE = 2**31 - 1
CHANNEL_OPTIONS = (
    ("grpc.max_send_message_length", _ANY_SIZE),
    ("grpc.max_receive_message_length", _ANY_SIZE),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.min_reconnect_backoff_ms", 2000),  # how long an attempt to connect may take
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 1 << 19),
)
_DTYPE_NAMES = {"O": "BYTES", "f": "FP32", "b": "BOOL"}


def infer_request(model: str, tensors: Tensors) -> Any:
    """Make a `ModelInferRequest` of these arrays."""
    request = service_pb2.ModelInferRequest(model_name=model)
    for name, array in tensors.items():
        dtype = _DTYPE_NAMES.get(array.dtype.kind) or f"INT{8 * array.dtype.itemsize}"
        request.inputs.add(name=name, datatype=dtype, shape=array.shape)
        request.raw_input_contents.append(_texts(array) if dtype == "BYTES" else array.tobytes())
    return request


def _texts(array: Any) -> bytes:
    """Write texts or bytes as the wire has them: each after its length."""
    return bytes(serialize_byte_tensor(array).item()) if array.size else b""


def response_of(message: Any) -> Response:
    """Every output of a `ModelInferResponse` as an array, by name.

    tritonclient's own reader looks for each name from the beginning, which takes twice as long for a chunk; it reads
    what does not come as raw contents, one for each output.
    """
    if len(message.raw_output_contents) == len(message.outputs):
        return {
            output.name: _array(output, raw)
            for output, raw in zip(message.outputs, message.raw_output_contents, strict=True)
        }
    result = InferResult(message)
    return {output.name: result.as_numpy(output.name) for output in message.outputs}


def _array(output: Any, raw: bytes) -> Any:
    """One output, whose numbers are those bytes."""
    dtype = output.datatype
    flat = deserialize_bytes_tensor(raw) if dtype == "BYTES" else np.frombuffer(raw, triton_to_np_dtype(dtype))
    return flat.reshape(tuple(output.shape))


def streamed_response_of(message: Any, url: str) -> Response:
    """Read a `ModelStreamInferResponse` in the same way; empty where that carries no output.

    Raises:
        SynthesisError: It carries an error.
    """
    if message.error_message:
        raise readable(error_from_wire(message.error_message), url)
    return response_of(message.infer_response)


def error_of(error: grpc.RpcError, url: str) -> SynthesisError:
    """An error of gRPC as one of ours."""
    return readable(error_from_wire(error.details() or "", error.code().name), url)


def readable(error: SynthesisError, url: str) -> SynthesisError:
    """The same error, or a short one where gRPC has only told of its attempts to connect."""
    return ConnectionFailed(unreachable(url)) if type(error) is ConnectionFailed else error


def repository_states(index: Any) -> dict[str, str]:
    """State of each model in a repository index."""
    return {model.name: f"{model.state} {model.reason}".strip() or "not loaded" for model in index.models}
