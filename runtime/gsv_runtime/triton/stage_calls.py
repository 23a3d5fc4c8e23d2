"""Stage calls by Business Logic Scripting; each is unary (`exec`), and its `has_error` is always read."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from gsv_runtime import contract, errors, tensors
from gsv_runtime.contract import WEIGHTS_INPUT
from gsv_runtime.server.model_processes import model_processes
from gsv_runtime.settings import BLS_THREADS
from gsv_runtime.stages import SequenceCall, Stages, end_sequence
from gsv_runtime.tensors import Arrays
from gsv_runtime.triton.messages import key_parameters
from gsv_runtime.triton.sequence_ids import new_sequence_id
from gsv_runtime.triton.watched_calls import NoProcess, ProcessDied, Unwanted, WatchedCalls

logger = logging.getLogger("gsv.stages")

# What Triton says of a model whose process has died, and of one that is being loaded again.
_PROCESS_DIED = "is not healthy"
_BEING_LOADED = ("is not ready", "has no available versions")


# Whose `execute` returns before the answer is there: nothing in Triton ends a call when their process dies.
_ANSWER_LATER = (contract.T2S, contract.TEXT_FRONTEND, contract.FINE_TUNES)
# Of these, whose calls are left when the client has gone. One for a lease would take it after it was given back.
_MAY_BE_LEFT = (contract.T2S, contract.TEXT_FRONTEND)


def _leave() -> None:
    """End this process: too many of its calls hang. The model reloader starts it anew."""
    logger.critical("too many calls lost, ending this process")
    os._exit(1)


# Each lost call keeps one of Triton's threads for this model's calls.
_watched = WatchedCalls(lambda: model_processes(os.getppid()), max_lost=BLS_THREADS // 2, when_too_many=_leave)


class BlsStages(Stages):
    """Calls the other models of the repository for one request, and adds up what each took."""

    def __init__(self, is_wanted: Callable[[], bool] | None = None) -> None:
        """For one request; when it is not wanted any more, no sequence model is waited for, which has to be told."""
        self._is_wanted = is_wanted
        self._times_ms: dict[str, float] = {}

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Run one unary call; see `Stages.call`."""
        wire = tensors.to_wire(model, model.call_inputs, inputs)
        started = time.perf_counter()
        request = pb_utils.InferenceRequest(
            model_name=model.name,
            requested_output_names=[tensor.name for tensor in model.outputs],
            inputs=[pb_utils.Tensor(name, array) for name, array in wire.items()],
            preferred_memory=pb_utils.PreferredMemory(pb_utils.TRITONSERVER_MEMORY_CPU, 0),
            parameters=key_parameters(model),
            **_sequence_arguments(sequence),
        )
        # Other stages answer later while they open the weights that a call names.
        is_watched = model in _ANSWER_LATER or WEIGHTS_INPUT in inputs
        reply = self._exec(request, model, sequence) if is_watched else request.exec()
        elapsed_ms = (time.perf_counter() - started) * 1e3
        self._times_ms[model.name] = self._times_ms.get(model.name, 0.0) + elapsed_ms
        if reply.has_error():
            raise _stage_error(model, reply.error().message())
        outputs = {tensor.name: pb_utils.get_output_tensor_by_name(reply, tensor.name) for tensor in model.outputs}
        missing = [name for name, output in outputs.items() if output is None]
        if missing:
            raise errors.InternalError(f"stage {model.name} answered without {', '.join(missing)}")
        return tensors.check_outputs(model, {name: np.array(output.as_numpy()) for name, output in outputs.items()})

    def _exec(self, request: Any, model: contract.Model, sequence: SequenceCall | None) -> Any:
        """Run the call of a stage that may answer later, whose death has to be watched for.

        Raises:
            InternalError: the stage's process died.
            ServerBusy: there is none yet.
            Cancelled: the client has left, and the sequence is to be ended.
        """
        is_last = sequence is not None and sequence.end
        is_wanted = None if is_last or model not in _MAY_BE_LEFT else self._is_wanted
        when_late = partial(_end_late, model, sequence) if sequence is not None and sequence.start else None
        try:
            return _watched.run(model.name, request.exec, is_wanted, when_late)
        except NoProcess:
            raise _being_started(model) from None
        except ProcessDied:
            raise _stage_died(model) from None
        except Unwanted:
            raise errors.Cancelled() from None

    def new_sequence_id(self) -> int:
        """A correlation id that no other running sequence has."""
        return new_sequence_id(os.getpid())

    def take_times_ms(self) -> dict[str, float]:
        """Milliseconds per stage since the last time this was asked."""
        times, self._times_ms = self._times_ms, {}
        return times


def _end_late(model: contract.Model, sequence: SequenceCall, reply: Any) -> None:
    """End a sequence whose first call was left and answered all the same, as if it had come after its end."""
    if not reply.has_error():
        end_sequence(model, sequence.sequence_id, BlsStages())


def _stage_died(model: contract.Model) -> errors.InternalError:
    return errors.InternalError(f"the process of stage {model.name} has died; it is started again; try again")


def _being_started(model: contract.Model) -> errors.ServerBusy:
    return errors.ServerBusy(f"stage {model.name} is being started; try again in a few seconds")


def _sequence_arguments(sequence: SequenceCall | None) -> dict[str, int]:
    if sequence is None:
        return {}
    start = pb_utils.TRITONSERVER_REQUEST_FLAG_SEQUENCE_START if sequence.start else 0
    end = pb_utils.TRITONSERVER_REQUEST_FLAG_SEQUENCE_END if sequence.end else 0
    return {"correlation_id": sequence.sequence_id, "flags": start | end}


def _stage_error(model: contract.Model, message: str) -> errors.SynthesisError:
    """Turn a stage's error text back into its leaf; text that is not ours stays in the log."""
    leaf, separator, rest = message.partition(": ")
    kind = errors.LEAVES.get(leaf) if separator else None
    if kind is not None:
        return kind(rest)
    logger.error("stage failed stage=%s message=%r", model.name, message)
    if _PROCESS_DIED in message:
        return _stage_died(model)
    if any(wording in message for wording in _BEING_LOADED):
        return _being_started(model)
    return errors.InternalError(f"stage {model.name} failed; the server's log has the cause")
