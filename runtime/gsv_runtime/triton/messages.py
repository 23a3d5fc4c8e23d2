"""The only user of `triton_python_backend_utils`: requests in, responses out, stage calls.

Three rules hold here, each paid for in triton.md: a stage call is unary (`exec`, never `decoupled=True`), its
`has_error` is always read, and every request ends with exactly one FINAL, whatever happened.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import lru_cache, partial
from typing import Any, ClassVar

import numpy as np
import triton_python_backend_utils as pb_utils

from gsv_runtime import contract, errors, tensors
from gsv_runtime.jobs import Admit, Job
from gsv_runtime.metrics import COUNTER, GAUGE, HISTOGRAM, Metrics, MetricSpec, NoMetrics
from gsv_runtime.server.launch import BLS_THREADS
from gsv_runtime.server.model_processes import model_processes
from gsv_runtime.stages import SequenceCall, Stages, end_sequence
from gsv_runtime.tensors import Array, Arrays
from gsv_runtime.triton.bursts import Starter
from gsv_runtime.triton.metrics_queue import ToldLater
from gsv_runtime.triton.sequence_ids import new_sequence_id
from gsv_runtime.triton.watched_calls import ProcessDied, Unwanted, WatchedCalls

logger = logging.getLogger("gsv.serving")

# Set by Triton or its clients on any request, without asking for anything that we do.
_TRANSPORT_PARAMETERS = frozenset({"triton_enable_empty_final_response", "binary_data_output"})

# A cancelled gRPC stream that gets a data response and FINAL within a few ms crashes tritonserver before 25.04 (server
# PR 8078; without this pause here after 71 to 1,300 cancels, with it none in 5,900: tests/e2e/test_client_wire.py).
_CANCELLED_PAUSE_S = 0.25
_CLIENT_ASKED_EVERY_S = 0.01

_SHORT_TENSORS, _SHORT_BYTES = 64, 16  # those that a thread keeps, and how long their texts are at most

# What Triton says of a model whose process has died, and of one that is being loaded again.
_PROCESS_DIED = "is not healthy"
_BEING_LOADED = ("is not ready", "has no available versions")


def _leave() -> None:
    """Ends this process: too many of its calls hang. The supervisor starts it anew."""
    logger.critical("too many calls lost, ending this process")
    os._exit(1)


# Each lost call keeps one of Triton's threads for this model's calls.
_watched = WatchedCalls(lambda: model_processes(os.getppid()), max_lost=BLS_THREADS // 2, when_too_many=_leave)


def configure_logging() -> None:
    """Sends log records of this process to stderr, which Triton's log collects."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s %(message)s", force=True)


def decode(request: Any, model: contract.Model) -> Arrays:
    """Copies a request's inputs, checked against the contract.

    Args:
        request: `pb_utils.InferenceRequest`.
        model: contract of the model that serves it.

    Returns:
        Name to array; STRING tensors hold `str`, optional inputs left out are absent.

    Raises:
        InvalidRequest: dtype, shape, encoding or a request parameter is not as the contract says.
    """
    unknown = sorted(json.loads(request.parameters() or "{}").keys() - _TRANSPORT_PARAMETERS)
    if unknown:
        known = ", ".join(tensor.name for tensor in model.inputs)
        raise errors.InvalidRequest(f"unknown parameter {', '.join(map(repr, unknown))}; {model.name} takes {known}")
    given = {tensor.name(): tensor for tensor in request.inputs()}
    names = (tensor.name for tensor in model.inputs)
    return tensors.check_inputs(model, {name: np.array(given[name].as_numpy()) for name in names if name in given})


def response(model: contract.Model, outputs: Arrays, make: Callable[[str, Array], Any] | None = None) -> Any:
    """Builds a response from name to array, checked against the contract; `make` makes its tensors."""
    wire = outputs if isinstance(outputs, tensors.Wire) else tensors.to_wire(model, model.outputs, outputs)
    make = make or pb_utils.Tensor
    return pb_utils.InferenceResponse([make(name, array) for name, array in wire.items()])


class _Tensors(threading.local):
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
    """Builds an error response; what is not ours becomes an InternalError that names the model and no path."""
    if not isinstance(failure, errors.SynthesisError):
        logger.error("request failed model=%s", model.name, exc_info=failure)
        failure = errors.InternalError(f"stage {model.name} failed; the server's log has the cause")
    code = getattr(pb_utils.TritonError, failure.triton_code)
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(failure.wire_message(), code))


def answer_batch(
    requests: list[Any], model: contract.Model, answer: Callable[[list[Arrays]], list[Arrays]]
) -> list[Any]:
    """Answers unary requests in one call; one that is at fault fails alone."""
    responses: list[Any] = [None] * len(requests)
    decoded: dict[int, Arrays] = {}
    for index, request in enumerate(requests):
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
        _end(sender, message)

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


class BlsStages(Stages):
    """Calls the other models of the repository for one request, and adds up what each took."""

    def __init__(self, is_wanted: Callable[[], bool] | None = None) -> None:
        """For one request; when it is not wanted any more, no sequence model is waited for, which has to be told."""
        self._is_wanted = is_wanted
        self._times_ms: dict[str, float] = {}

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Runs one unary call; see `Stages.call`."""
        wire = tensors.to_wire(model, model.inputs, inputs)
        started = time.perf_counter()
        request = pb_utils.InferenceRequest(
            model_name=model.name,
            requested_output_names=[tensor.name for tensor in model.outputs],
            inputs=[pb_utils.Tensor(name, array) for name, array in wire.items()],
            preferred_memory=pb_utils.PreferredMemory(pb_utils.TRITONSERVER_MEMORY_CPU, 0),
            **_sequence_arguments(sequence),
        )
        reply = self._exec(request, model, sequence)
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
        """Runs a stage call; a sequence model answers later, so that its death has to be watched for.

        Raises:
            InternalError: the stage's process died.
            Cancelled: the client has left, and the sequence is to be ended.
        """
        if sequence is None:
            return request.exec()
        when_late = partial(_end_late, model, sequence) if sequence.start else None
        try:
            return _watched.run(model.name, request.exec, None if sequence.end else self._is_wanted, when_late)
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
    """Ends a sequence whose first call was left and answered all the same, as if it had come after its end."""
    if not reply.has_error():
        end_sequence(model, sequence.sequence_id, BlsStages())


def _stage_died(model: contract.Model) -> errors.InternalError:
    return errors.InternalError(f"the process of stage {model.name} has died; it is started again; try again")


def _sequence_arguments(sequence: SequenceCall | None) -> dict[str, int]:
    if sequence is None:
        return {}
    start = pb_utils.TRITONSERVER_REQUEST_FLAG_SEQUENCE_START if sequence.start else 0
    end = pb_utils.TRITONSERVER_REQUEST_FLAG_SEQUENCE_END if sequence.end else 0
    return {"correlation_id": sequence.sequence_id, "flags": start | end}


def _stage_error(model: contract.Model, message: str) -> errors.SynthesisError:
    """Turns a stage's error text back into its leaf; text that is not ours stays in the log."""
    leaf, separator, rest = message.partition(": ")
    kind = errors.LEAVES.get(leaf) if separator else None
    if kind is not None:
        return kind(rest)
    logger.error("stage failed stage=%s message=%r", model.name, message)
    if _PROCESS_DIED in message:
        return _stage_died(model)
    if any(wording in message for wording in _BEING_LOADED):
        return errors.ServerBusy(f"stage {model.name} is being started; try again in a few seconds")
    return errors.InternalError(f"stage {model.name} failed; the server's log has the cause")


class StreamServer:
    """Answers requests on a pool of threads; which are let in, says `admit`."""

    def __init__(self, model: contract.Model, admit: Admit, max_streams: int, metrics: Metrics | None = None) -> None:
        """Serve `model`; `admit` lets in at most `max_streams` at once."""
        self._model = model
        self._metrics = metrics or NoMetrics()
        self._admit = admit
        self._pool = ThreadPoolExecutor(max_streams, thread_name_prefix=f"{model.name}-stream")
        self._starter = Starter(self._start, model.name)
        self._tensors = _Tensors()

    def submit(self, request: Any) -> None:
        """Takes one request: copies its inputs and hands its sender to a thread; one not let in is told at once."""
        self._starter.arrived()
        came_s, sender = time.perf_counter(), request.get_response_sender()
        try:
            job = self._admit(lambda: decode(request, self._model))
        except Exception as failure:
            _end(sender, error_response(failure, self._model))
            self._metrics.observe("gsv_refusal_seconds", time.perf_counter() - came_s)
            return
        self._starter.put((sender, job, came_s))

    def _start(self, let_in: tuple[Any, Job, float]) -> None:
        sender, job, came_s = let_in
        try:
            self._pool.submit(self._run, sender, job, came_s)
        except Exception as failure:
            job.leave(failure)
            self._starter.ended()
            _end(sender, error_response(failure, self._model))

    def _run(self, sender: Any, job: Job, came_s: float) -> None:
        final: Any | None = None
        failed: Exception | None = None
        num_sent = 0
        client = _Client(sender)
        try:
            replies = job.replies(lambda: BlsStages(is_wanted=lambda: not client.has_left()), client.has_left)
            with closing(replies):  # so that no thread of it goes on
                for reply in replies:
                    final = response(self._model, reply.outputs, self._tensors.make)
                    if reply.last:
                        break
                    if client.has_left():
                        raise errors.Cancelled()
                    sender.send(final)
                    final, num_sent = None, num_sent + 1
        except Exception as failure:
            final, failed = error_response(failure, self._model), failure
        finally:
            job.leave(failed)  # before FINAL, so that whoever got it finds the place free
            self._starter.ended()
            if client.has_left(ask_anew=True):
                time.sleep(_CANCELLED_PAUSE_S)
            _end(sender, final)
            logger.info(
                "stream ended model=%s outcome=%s responses=%d elapsed_ms=%.2f",  # since it came
                self._model.name,
                "done" if failed is None else type(failed).__name__,
                num_sent + (final is not None),
                (time.perf_counter() - came_s) * 1e3,
            )

    def close(self) -> None:
        """Waits for the running streams."""
        self._starter.close()
        self._pool.shutdown(wait=True)


class _Client:
    """Whether the client of a stream is still there. Asking Triton takes a trip to another process (0.03 to 0.2 ms)."""

    def __init__(self, sender: Any) -> None:
        self._sender = sender
        self._lock = threading.Lock()
        self._asked_s = time.monotonic()  # it asked a moment ago, so it is there
        self._has_left = False

    def has_left(self, ask_anew: bool = False) -> bool:
        """Whether it has cancelled or gone, as of a moment ago or as of now; safe to share between threads."""
        with self._lock:
            now_s = time.monotonic()
            if not self._has_left and (ask_anew or now_s - self._asked_s >= _CLIENT_ASKED_EVERY_S):
                self._asked_s = now_s
                self._has_left = bool(self._sender.is_cancelled())
            return self._has_left


def _end(sender: Any, message: Any | None) -> None:
    """Sends FINAL, with a last response or without; a client that is gone is no error here."""
    flags = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL
    try:
        if message is None:
            sender.send(flags=flags)
        else:
            sender.send(message, flags=flags)
    except Exception:
        logger.warning("final response not delivered", exc_info=True)


class TritonMetrics(ToldLater):
    """`metrics.Metrics` on Triton's own Prometheus endpoint; make it in `initialize`, and keep it.

    Only one thread of the process speaks with Triton about metrics: two at once crash tritonserver within a second
    (24.10).
    """

    _KINDS: ClassVar = {COUNTER: "COUNTER", GAUGE: "GAUGE", HISTOGRAM: "HISTOGRAM"}

    def __init__(self, specs: Iterable[MetricSpec]) -> None:
        """Declare families; series whose labels are known are shown from the start, at zero."""
        self._specs = {spec.name: spec for spec in specs}
        self._families = {
            name: pb_utils.MetricFamily(
                name=name, description=spec.doc, kind=getattr(pb_utils.MetricFamily, self._KINDS[spec.kind])
            )
            for name, spec in self._specs.items()
        }
        self._series: dict[tuple[str, str], Any] = {}
        for spec in self._specs.values():
            labels = spec.labels or {}
            for values in itertools.product(*labels.values()):
                self._metric(spec.name, dict(zip(labels, values, strict=True)))
        super().__init__(self._tell_triton)

    def _tell_triton(self, name: str, verb: str, value: float, labels: dict[str, str]) -> None:
        getattr(self._metric(name, labels), verb)(value)

    def _metric(self, name: str, labels: dict[str, str]) -> Any:
        key = (name, str(sorted(labels.items())))
        if key not in self._series:
            buckets = self._specs[name].buckets
            extra = {"buckets": list(buckets)} if buckets else {}
            self._series[key] = self._families[name].Metric(labels=labels, **extra)
        return self._series[key]
