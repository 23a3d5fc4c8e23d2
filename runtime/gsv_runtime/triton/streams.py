"""Serve a decoupled model: each request on a thread of its own, ended by exactly one FINAL response."""

from __future__ import annotations

import logging
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from gsv_runtime import contract, errors
from gsv_runtime.jobs import Admit, Job
from gsv_runtime.metrics import Metrics, NoMetrics
from gsv_runtime.server.workarounds import CANCEL_PAUSE
from gsv_runtime.speech_request import shortened
from gsv_runtime.triton.bursts import BurstGate
from gsv_runtime.triton.messages import (
    ResponseTensors,
    alive,
    decode,
    end_stream,
    error_response,
    is_pulse,
    response,
)
from gsv_runtime.triton.stage_calls import BlsStages

logger = logging.getLogger("gsv.streams")

# A cancelled gRPC stream that gets a data response and FINAL within a few ms crashes tritonserver before 25.04 (server
# PR 8078; without this pause here after 71 to 1,300 cancels, with it none in 5,900: tests/e2e/test_client_wire.py).
_CANCELLED_PAUSE_S = 0.25  # where workarounds.CANCEL_PAUSE is on
_CLIENT_ASKED_EVERY_S = 0.01
_PLAIN = re.compile(r"[\w.:-]{1,64}", re.ASCII)


class StreamServer:
    """Answers requests on a pool of threads; which are let in, says `admit`."""

    def __init__(self, model: contract.Model, admit: Admit, max_streams: int, metrics: Metrics | None = None) -> None:
        """Serve `model`; `admit` lets in at most `max_streams` at once."""
        self._model = model
        self._metrics = metrics or NoMetrics()
        self._admit = admit
        self._pool = ThreadPoolExecutor(max_streams, thread_name_prefix=f"{model.name}-stream")
        self._gate = BurstGate(self._start, model.name)
        self._tensors = ResponseTensors()
        self._pauses = CANCEL_PAUSE.is_on()

    def submit(self, request: Any) -> None:
        """Take one request: copy its inputs and hand its sender to a thread; one not let in is told at once."""
        if is_pulse(request):
            end_stream(request.get_response_sender(), alive())
            return
        self._gate.arrived()
        came_s, sender = time.perf_counter(), request.get_response_sender()
        request_id = _told(request.request_id() or "-")
        try:
            job = self._admit(lambda: decode(request, self._model))
        except Exception as failure:
            end_stream(sender, error_response(failure, self._model))
            self._metrics.observe("gsv_refusal_seconds", time.perf_counter() - came_s)
            logger.info(
                "request refused model=%s request=%s error=%s", self._model.name, request_id, type(failure).__name__
            )
            return
        self._gate.put((sender, job, request_id, came_s))

    def _start(self, let_in: tuple[Any, Job, str, float]) -> None:
        sender, job, request_id, came_s = let_in
        try:
            self._pool.submit(self._run, sender, job, request_id, came_s)
        except Exception as failure:
            job.leave(failure)
            self._gate.ended()
            end_stream(sender, error_response(failure, self._model))

    def _run(self, sender: Any, job: Job, request_id: str, came_s: float) -> None:
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
            self._gate.ended()
            if self._pauses and client.has_left(ask_anew=True):
                time.sleep(_CANCELLED_PAUSE_S)
            end_stream(sender, final)
            logger.info(
                "stream ended model=%s request=%s outcome=%s responses=%d elapsed_ms=%.2f%s",  # since it came
                self._model.name,
                request_id,
                "done" if failed is None else type(failed).__name__,
                num_sent + (final is not None),
                (time.perf_counter() - came_s) * 1e3,
                "".join(f" {name}={_told(value)}" for name, value in job.facts().items()),
            )

    def close(self) -> None:
        """Wait for the running streams."""
        self._gate.close()
        self._pool.shutdown(wait=True)


def _told(value: object) -> str:
    """A value as the log has it: what a client sent as it is only where nothing in it can be misread."""
    text = str(value)
    return text if _PLAIN.fullmatch(text) else shortened(text)


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
