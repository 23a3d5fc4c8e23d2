"""HTTP for threads, over urllib3: `generate_stream` for speech, `infer` for the rest."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Generator, Mapping
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError, ReadTimeoutError

from gsv_client.errors import ConnectionFailed, ConnectionLost, DeadlineExceeded, SynthesisError
from gsv_client.protocol import Response, Tensors, infer_body, infer_outputs, json_inputs
from gsv_client.sse import EventDecoder, error_from_body
from gsv_client.transport import Address, Arrival, no_answer, unreachable
from gsv_client.transport.http_messages import (
    JSON_HEADERS,
    REPOSITORY_INDEX,
    body_bytes,
    checked_json,
    infer_path,
    ready_path,
    repository_states,
    stream_path,
)
from gsv_client.transport.liveness import next_answer


class _Reader(threading.Thread):
    """Reads one answer's events on a thread of its own, so that whoever waits for them can give up.

    Attributes:
        events: Arrivals, then the error that ended them or None.
    """

    def __init__(self, send: Callable[[], urllib3.BaseHTTPResponse]) -> None:
        super().__init__(name="gsv-http-stream", daemon=True)
        self.events: queue.Queue[Arrival | Exception | None] = queue.Queue()
        self._send = send
        self._lock = threading.Lock()
        self._answer: urllib3.BaseHTTPResponse | None = None
        self._stopped = False

    def run(self) -> None:
        """Send the request and read until the end or until stopped, then close the socket."""
        try:
            answer = self._send()
            with self._lock:
                self._answer = None if self._stopped else answer
            try:
                if self._answer is not None:
                    self._read(answer)
            finally:
                answer.close()
            self.events.put(None)
        except (HTTPError, SynthesisError) as error:
            self.events.put(error)

    def _read(self, answer: urllib3.BaseHTTPResponse) -> None:
        if answer.status != 200:
            raise error_from_body(answer.read(), answer.status)
        decoder = EventDecoder()
        for data in answer.stream():
            at_s = time.perf_counter()
            for event in decoder.feed(data):
                self.events.put(Arrival(event, at_s))

    def stop(self) -> None:
        """End the reading, wherever it is; what has ended already has no socket to shut."""
        with self._lock:
            self._stopped, answer = True, self._answer
        if isinstance(answer, urllib3.HTTPResponse):
            with contextlib.suppress(ValueError, RuntimeError, OSError):
                answer.shutdown()


class HttpTransport:
    """One server over HTTP; safe to share between threads. Audio travels as base64 PCM16 inside JSON."""

    encoding = "pcm16_base64"

    def __init__(self, address: Address, timeout_s: float) -> None:
        self._url = address.url
        self._timeout_s = timeout_s
        self._pool = urllib3.PoolManager(retries=False, timeout=timeout_s, maxsize=8)

    def stream(self, model: str, inputs: Tensors) -> Generator[Arrival, None, None]:
        """Send one request and yield its answers; closing the generator closes the socket, which cancels."""
        reader = _Reader(lambda: self._open("POST", stream_path(model), json_inputs(inputs)))
        reader.start()
        try:
            while (event := next_answer(reader.events, self._timeout_s, model, self._is_gone)) is not None:
                if isinstance(event, HTTPError):
                    raise self._error(event)
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            reader.stop()

    def infer(self, model: str, inputs: Tensors, dtypes: Mapping[str, str]) -> Response:
        """Send one request and return its only answer."""
        return infer_outputs(self._json("POST", infer_path(model), infer_body(inputs, dtypes)))

    def is_ready(self, model: str = "") -> bool:
        """Whether the server, or one of its models, takes requests."""
        try:
            self._json("GET", ready_path(model))
        except SynthesisError:
            return False
        return True

    def _is_gone(self, model: str) -> bool:
        """Whether the server says that it does not have the model; a server that says nothing does not say so."""
        try:
            answer = self._open("GET", ready_path(model), None)
        except SynthesisError:
            return False
        answer.drain_conn()
        answer.release_conn()
        return answer.status == 400

    def server_version(self) -> tuple[str, str]:
        """The server's name and version."""
        metadata = self._json("GET", "/v2")
        return metadata["name"], metadata["version"]

    def model_states(self) -> dict[str, str]:
        """State of each model in the repository."""
        return repository_states(self._json("POST", REPOSITORY_INDEX, {}))

    def model_inputs(self, model: str) -> tuple[str, ...]:
        """Names of a model's inputs."""
        return tuple(tensor["name"] for tensor in self._json("GET", f"/v2/models/{model}")["inputs"])

    def close(self) -> None:
        """Let the connections go; an idle one would keep a stopping server waiting."""
        self._pool.clear()

    def _json(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        answer = self._open(method, path, body)
        try:
            return checked_json(answer.status, answer.read())
        except HTTPError as error:
            raise self._error(error) from None
        finally:
            answer.release_conn()

    def _open(self, method: str, path: str, body: Mapping[str, Any] | None) -> urllib3.BaseHTTPResponse:
        data = None if body is None else body_bytes(body)
        try:
            return self._pool.request(
                method, self._url + path, body=data, headers=JSON_HEADERS, preload_content=False, redirect=False
            )
        except HTTPError as error:
            raise self._error(error) from None

    def _error(self, error: HTTPError) -> SynthesisError:
        cause = error.reason if isinstance(error, MaxRetryError) and error.reason else error
        if isinstance(cause, ReadTimeoutError):
            return DeadlineExceeded(no_answer(self._timeout_s))
        if isinstance(cause, NewConnectionError):
            return ConnectionFailed(unreachable(self._url))
        return ConnectionLost(f"{self._url}: {cause}; the server went away")
