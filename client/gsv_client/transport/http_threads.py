"""HTTP for threads, over urllib3: `generate_stream` for speech, `infer` for the rest."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
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


class HttpTransport:
    """One server over HTTP; safe to share between threads. Audio travels as base64 PCM16 inside JSON."""

    encoding = "pcm16_base64"

    def __init__(self, address: Address, timeout_s: float) -> None:
        self._url = address.url
        self._timeout_s = timeout_s
        self._pool = urllib3.PoolManager(retries=False, timeout=timeout_s, maxsize=8)

    def stream(self, model: str, inputs: Tensors) -> Generator[Arrival, None, None]:
        """Send one request and yield its answers; closing the generator closes the socket, which cancels."""
        decoder = EventDecoder()
        answer = self._open("POST", stream_path(model), json_inputs(inputs))
        try:
            if answer.status != 200:
                raise error_from_body(answer.read(), answer.status)
            for data in answer.stream():
                at_s = time.perf_counter()
                for event in decoder.feed(data):
                    yield Arrival(event, at_s)
        except HTTPError as error:
            raise self._error(error) from None
        finally:
            answer.close()

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

    def model_parameters(self, model: str) -> dict[str, str]:
        """Parameters in a model's config.pbtxt."""
        parameters = self._json("GET", f"/v2/models/{model}/config").get("parameters", {})
        return {key: value["string_value"] for key, value in parameters.items()}

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
