"""Requests in, responses out: what crosses the door to Triton, checked against the contract.

This package is the only user of `triton_python_backend_utils`. Three rules hold in it: a stage call is unary (`exec`,
never `decoupled=True`), its `has_error` is always read, and every request ends with exactly one FINAL
(docs/triton-findings.md, findings 3, 4 and 22).
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from gsv_runtime import contract, errors, log_lines, tensors
from gsv_runtime.settings import ADMIN_KEY, KEY_PARAMETER, PULSE_PARAMETER
from gsv_runtime.stages import SequenceCall
from gsv_runtime.tensors import Array, Arrays
from gsv_runtime.triton.log_limit import LogLimit

logger = logging.getLogger("gsv.messages")

# Set by Triton or its clients on any request, without asking for anything that we do.
_TRANSPORT_PARAMETERS = frozenset({"triton_enable_empty_final_response", "binary_data_output"})


_SHORT_TENSORS, _SHORT_BYTES = 64, 16  # those that a thread keeps, and how long their texts are at most


def configure_logging() -> None:
    """Send log records of this process to stderr, which the server's log collects; no kind of them without bound."""
    log_lines.configure()
    for handler in logging.getLogger().handlers:
        handler.addFilter(LogLimit())


def is_pulse(request: Any) -> bool:
    """Whether a request asks for a sign of life only."""
    return PULSE_PARAMETER in (request.parameters() or "")


def alive() -> Any:
    """The answer to a pulse."""
    return pb_utils.InferenceResponse([])


def decode(request: Any, model: contract.Model) -> Arrays:
    """Copy a request's inputs, checked against the contract.

    Args:
        request: `pb_utils.InferenceRequest`.
        model: contract of the model that serves it.

    Returns:
        Name to array; STRING tensors hold `str`, optional inputs left out are absent.

    Raises:
        InvalidRequest: dtype, shape, encoding or a request parameter is not as the contract says, or the model is
            internal and the request has not the server's key.
    """
    parameters = json.loads(request.parameters() or "{}")
    if tensors.is_internal(model):
        _require_key(model, parameters.pop(KEY_PARAMETER, ""))
    unknown = sorted(parameters.keys() - _TRANSPORT_PARAMETERS)
    if unknown:
        known = ", ".join(tensor.name for tensor in model.inputs)
        raise errors.InvalidRequest(f"unknown parameter {', '.join(map(repr, unknown))}; {model.name} takes {known}")
    given = {tensor.name(): tensor for tensor in request.inputs()}
    names = (tensor.name for tensor in model.call_inputs)
    return tensors.check_inputs(model, {name: np.array(given[name].as_numpy()) for name in names if name in given})


def key_parameters(model: contract.Model) -> dict[str, str]:
    """Parameters of a request to `model` that one of our own models sends."""
    key = os.environ.get(ADMIN_KEY, "")
    return {KEY_PARAMETER: key} if tensors.is_internal(model) and key else {}


def shows_key(request: Any, model: contract.Model) -> bool:
    """Whether a request may be answered by `model`: anybody's, or one with the server's key if that is internal."""
    return not tensors.is_internal(model) or _is_key(json.loads(request.parameters() or "{}").get(KEY_PARAMETER, ""))


def _is_key(shown: object) -> bool:
    """Whether it is the server's key; one that was started without a key has no secret to ask for."""
    key = os.environ.get(ADMIN_KEY, "")
    return not key or hmac.compare_digest(str(shown).encode(), key.encode())


def _require_key(model: contract.Model, shown: object) -> None:
    """Let nobody in but our own models."""
    if not _is_key(shown):
        raise errors.InvalidRequest(f"{model.name} answers the server's own models only; ask tts or voices")


def response(model: contract.Model, outputs: Arrays, make: Callable[[str, Array], Any] | None = None) -> Any:
    """Build a response from name to array, checked against the contract; `make` makes its tensors."""
    wire = outputs if isinstance(outputs, tensors.Wire) else tensors.to_wire(model, model.outputs, outputs)
    make = make or pb_utils.Tensor
    return pb_utils.InferenceResponse([make(name, array) for name, array in wire.items()])


class ResponseTensors(threading.local):
    """Makes tensors for a thread's responses; one short value, such as "eos" or the sample rate, makes one tensor.

    A tensor is serialised when it is made and copied to shared memory when it is first sent, where it stays while it
    lives. A thread sends one response at a time, so that none is copied by two at once.
    """

    def __init__(self) -> None:
        self._short = lru_cache(_SHORT_TENSORS)(
            lambda name, dtype, value: pb_utils.Tensor(name, np.array([value], dtype))
        )

    def make(self, name: str, array: Array) -> Any:
        """A tensor, perhaps one that was sent before."""
        if array.shape == (1,) and (array.dtype != object or len(array[0]) <= _SHORT_BYTES):
            return self._short(name, array.dtype, array[0])
        return pb_utils.Tensor(name, array)


def error_response(failure: BaseException, model: contract.Model) -> Any:
    """Build an error response; what is not ours becomes an InternalError that names the model and no path."""
    if not isinstance(failure, errors.SynthesisError):
        logger.error("request failed model=%s", model.name, exc_info=failure)
        failure = errors.InternalError(f"stage {model.name} failed; the server's log has the cause")
    code = getattr(pb_utils.TritonError, failure.triton_code)
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(failure.wire_message(), code))


def answer_batch(
    requests: list[Any], model: contract.Model, answer: Callable[[list[Arrays]], list[Arrays]]
) -> list[Any]:
    """Answer unary requests in one call; one that is at fault fails alone."""
    responses: list[Any] = [None] * len(requests)
    decoded: dict[int, Arrays] = {}
    for index, request in enumerate(requests):
        if is_pulse(request):
            responses[index] = alive()
            continue
        try:
            decoded[index] = decode(request, model)
        except Exception as failure:
            responses[index] = error_response(failure, model)
    for index, outputs in zip(decoded, _answers(list(decoded.values()), answer), strict=True):
        failed = isinstance(outputs, Exception)
        responses[index] = error_response(outputs, model) if failed else response(model, outputs)
    return responses


def reply_to(request: Any, model: contract.Model) -> Callable[[Arrays | Exception], None]:
    """A function that answers a unary request later, from any thread, by its outputs or its failure; once."""
    sender = request.get_response_sender()

    def reply(outcome: Arrays | Exception) -> None:
        try:
            message = error_response(outcome, model) if isinstance(outcome, Exception) else response(model, outcome)
        except Exception as failure:
            message = error_response(failure, model)
        end_stream(sender, message)

    return reply


def _answers(batch: list[Arrays], answer: Callable[[list[Arrays]], list[Arrays]]) -> list[Any]:
    """Outputs or the failure of each request; a batch that fails is tried again request by request."""
    try:
        return list(answer(batch)) if batch else []
    except Exception as failure:
        if len(batch) == 1:
            return [failure]
    return [result for request in batch for result in _answers([request], answer)]


def sequence_of(request: Any) -> SequenceCall:
    """Which sequence a request to a sequence model belongs to, from the controls that Triton adds."""
    start, end, sequence_id = (
        int(pb_utils.get_input_tensor_by_name(request, name).as_numpy().flat[0])
        for name in (contract.SEQUENCE_START, contract.SEQUENCE_END, contract.SEQUENCE_ID)
    )
    return SequenceCall(sequence_id, start=bool(start), end=bool(end))


def number_in(request: Any, name: str) -> int:
    """The number that a request has as this input; 0 where it has none."""
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return int(tensor.as_numpy().flat[0]) if tensor is not None else 0


def correlation_id_of(request: Any) -> int | str:
    """The id of a request's sequence as Triton knows it; our own are numbers, and others may use texts."""
    found: int | str = request.correlation_id()
    return found


def end_stream(sender: Any, message: Any | None) -> None:
    """Send FINAL, with a last response or without; a client that is gone is no error here."""
    flags = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL
    try:
        if message is None:
            sender.send(flags=flags)
        else:
            sender.send(message, flags=flags)
    except Exception:
        logger.warning("final response not delivered", exc_info=True)
