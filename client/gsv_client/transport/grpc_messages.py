"""What both gRPC transports share: arrays into tritonclient's inputs, its results and errors into ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tritonclient.grpc import InferInput, InferResult
from tritonclient.utils import InferenceServerException

from gsv_client.errors import ConnectionFailed, SynthesisError, error_from_wire
from gsv_client.protocol import Response, Tensors
from gsv_client.transport import unreachable

_DTYPE_NAMES = {"O": "BYTES", "f": "FP32", "b": "BOOL"}


def infer_inputs(tensors: Tensors) -> list[InferInput]:
    """Arrays as tritonclient wants them."""
    inputs = []
    for name, array in tensors.items():
        dtype = _DTYPE_NAMES.get(array.dtype.kind) or f"INT{8 * array.dtype.itemsize}"
        inputs.append(InferInput(name, list(array.shape), dtype))
        inputs[-1].set_data_from_numpy(array)
    return inputs


def response_of(result: InferResult) -> Response:
    """Every output of a result as an array, by name."""
    return {output.name: result.as_numpy(output.name) for output in result.get_response().outputs}


def is_final(result: InferResult) -> bool:
    """Whether the server marked this answer as the last of its request."""
    parameter = result.get_response().parameters.get("triton_final_response")
    return bool(parameter and parameter.bool_param)


def error_of(error: InferenceServerException, url: str) -> SynthesisError:
    """A tritonclient error as one of ours."""
    return readable(error_from_wire(str(error.message()), error.status()), url)


def readable(error: SynthesisError, url: str) -> SynthesisError:
    """The same error, or a short one where gRPC has only told of its attempts to connect."""
    return ConnectionFailed(unreachable(url)) if type(error) is ConnectionFailed else error


def repository_states(index: Any) -> dict[str, str]:
    """State of each model in a repository index."""
    return {model.name: f"{model.state} {model.reason}".strip() or "not loaded" for model in index.models}


def parameters_of(config: Any) -> dict[str, str]:
    """Parameters of a model configuration."""
    parameters: Mapping[str, Any] = config.config.parameters
    return {key: value.string_value for key, value in parameters.items()}
