"""HTTP for asyncio, over aiohttp: `generate_stream` for speech, `infer` for the rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import aiohttp

from gsv_client.errors import ConnectionFailed, ConnectionLost, DeadlineExceeded, SynthesisError
from gsv_client.protocol import Response, Tensors, infer_body, infer_outputs, json_inputs
from gsv_client.sse import EventDecoder, error_from_body
from gsv_client.transport import Address, Arrival, Headers, no_answer, no_headers, unreachable
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
from gsv_client.transport.liveness import answer_of

_FAILURES = (aiohttp.ClientError, asyncio.TimeoutError)


class AsyncHttpTransport:
    """One server over HTTP; create and use it in one event loop."""

    encoding = "pcm16_base64"

    def __init__(self, address: Address, timeout_s: float, headers: Headers = no_headers) -> None:
        self._url = address.url
        self._timeout_s = timeout_s
        self._headers = headers
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=timeout_s, sock_read=timeout_s)
        self._session = aiohttp.ClientSession(timeout=timeout, headers=JSON_HEADERS)

    async def stream(self, model: str, inputs: Tensors) -> AsyncGenerator[Arrival, None]:
        """Send one request and yield its answers; closing the generator closes the socket, which cancels."""
        decoder = EventDecoder()
        try:
            body, headers = body_bytes(json_inputs(inputs)), dict(self._headers())
            post = self._session.post(self._url + stream_path(model), data=body, headers=headers)
            answer = await answer_of(post, self._timeout_s, model, self._is_gone)  # its head comes with the first event
            try:
                if answer.status != 200:
                    raise error_from_body(await answer.read(), answer.status)
                while data := await answer_of(answer.content.readany(), self._timeout_s, model, self._is_gone):
                    at_s = time.perf_counter()
                    for event in decoder.feed(data):
                        yield Arrival(event, at_s)
            finally:
                answer.close()
        except _FAILURES as error:
            raise self._error(error) from None

    async def infer(self, model: str, inputs: Tensors, dtypes: Mapping[str, str]) -> Response:
        """Send one request and return its only answer."""
        return infer_outputs(await self._json("POST", infer_path(model), infer_body(inputs, dtypes)))

    async def is_ready(self, model: str = "") -> bool:
        """Whether the server, or one of its models, takes requests."""
        try:
            await self._json("GET", ready_path(model))
        except SynthesisError:
            return False
        return True

    async def _is_gone(self, model: str) -> bool:
        """Whether the server says that it does not have the model; a server that says nothing does not say so."""
        try:
            async with self._session.get(self._url + ready_path(model)) as answer:
                return answer.status == 400
        except _FAILURES:
            return False

    async def server_version(self) -> tuple[str, str]:
        """The server's name and version."""
        metadata = await self._json("GET", "/v2")
        return metadata["name"], metadata["version"]

    async def model_states(self) -> dict[str, str]:
        """State of each model in the repository."""
        return repository_states(await self._json("POST", REPOSITORY_INDEX, {}))

    async def close(self) -> None:
        """Let the connections go; an idle one would keep a stopping server waiting."""
        await self._session.close()

    async def _json(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        data = None if body is None else body_bytes(body)
        try:
            async with self._session.request(method, self._url + path, data=data) as answer:
                return checked_json(answer.status, await answer.read())
        except _FAILURES as error:
            raise self._error(error) from None

    def _error(self, error: Exception) -> SynthesisError:
        if isinstance(error, asyncio.TimeoutError):
            return DeadlineExceeded(no_answer(self._timeout_s))
        if isinstance(error, aiohttp.ClientConnectorError):
            return ConnectionFailed(unreachable(self._url))
        return ConnectionLost(f"{self._url}: {error}; the server went away")
