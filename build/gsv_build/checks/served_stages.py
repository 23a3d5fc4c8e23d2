"""The stages of a running Triton server, each called by name over gRPC: to compare and to measure, not to speak."""

from __future__ import annotations

import os
import secrets
from typing import Any

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from gsv_runtime import contract, errors, tensors
from gsv_runtime.server.local_server import local_key
from gsv_runtime.settings import ADMIN_KEY, KEY_PARAMETER
from gsv_runtime.stages import SequenceCall
from gsv_runtime.tensors import Arrays

_CALL_LIMIT_S = 120.0
_WIRE_DTYPES = {"STRING": "BYTES"}


class ServedStages:
    """`gsv_runtime.stages.Stages` over gRPC."""

    def __init__(self, url: str, key: str = "") -> None:
        """Connect to `url`, host and gRPC port.

        Args:
            url: of the server.
            key: the server's, which the stages ask for: GSV_ADMIN_KEY, or that of the local server at this port.
        """
        self._client = InferenceServerClient(url)
        self._key = key or os.environ.get(ADMIN_KEY) or local_key(int(url.rpartition(":")[2])) or ""

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Run one stage on the server.

        Raises:
            SynthesisError: what the stage answered, or InternalError with what Triton said.
        """
        dtypes = {tensor.name: _WIRE_DTYPES.get(tensor.dtype, tensor.dtype) for tensor in model.inputs}
        wire = []
        for name, array in tensors.to_wire(model, model.inputs, inputs).items():
            wire.append(InferInput(name, list(array.shape), dtypes[name]))
            wire[-1].set_data_from_numpy(array)
        place: dict[str, Any] = {"parameters": {KEY_PARAMETER: self._key}} if tensors.is_internal(model) else {}
        if sequence is not None:
            place |= {"sequence_id": sequence.sequence_id, "sequence_start": sequence.start}
            place["sequence_end"] = sequence.end
        try:
            answer = self._client.infer(model.name, wire, client_timeout=_CALL_LIMIT_S, **place)
        except InferenceServerException as failure:
            raise _as_ours(model, str(failure.message())) from None
        outputs = {tensor.name: np.array(answer.as_numpy(tensor.name)) for tensor in model.outputs}
        return tensors.check_outputs(model, outputs)

    def new_sequence_id(self) -> int:
        """A random id."""
        return secrets.randbits(62) + 1

    def take_times_ms(self) -> dict[str, float]:
        """Nothing is timed here."""
        return {}

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _as_ours(model: contract.Model, message: str) -> errors.SynthesisError:
    """A stage's error text as its leaf; anything else is Triton's own."""
    leaf, separator, rest = message.partition(": ")
    kind = errors.LEAVES.get(leaf) if separator else None
    return kind(rest) if kind is not None else errors.InternalError(f"stage {model.name}: {message}")
