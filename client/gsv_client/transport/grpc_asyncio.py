"""gRPC for asyncio."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from gsv_client.errors import SynthesisError
from gsv_client.protocol import Response, Tensors
from gsv_client.transport import Address, Arrival, Headers, no_headers
from gsv_client.transport.grpc_messages import (
    CHANNEL_OPTIONS,
    error_of,
    infer_request,
    repository_states,
    response_of,
    streamed_response_of,
)
from gsv_client.transport.liveness import answer_of


class AsyncGrpcTransport:
    """One server over gRPC; create and use it in one event loop."""

    encoding = "float32"

    def __init__(self, address: Address, timeout_s: float, headers: Headers = no_headers) -> None:
        self._url = address.url
        self._timeout_s = timeout_s
        self._headers = headers
        self._channel = (
            grpc.aio.secure_channel(address.netloc, grpc.ssl_channel_credentials(), CHANNEL_OPTIONS)
            if address.tls
            else grpc.aio.insecure_channel(address.netloc, CHANNEL_OPTIONS)
        )
        self._stub = GRPCInferenceServiceStub(self._channel)

    async def stream(self, model: str, inputs: Tensors) -> AsyncGenerator[Arrival, None]:
        """Send one request and yield its answers; closing the generator cancels the request.

        A stream carries one request, so the server hangs up after the last answer.
        """
        call = self._stub.ModelStreamInfer(iter([infer_request(model, inputs)]))
        answers = aiter(call)
        try:
            while True:
                try:
                    answer = await answer_of(anext(answers), self._timeout_s, model, self._is_gone)
                except StopAsyncIteration:
                    return
                if response := streamed_response_of(answer, self._url):
                    yield Arrival(response, time.perf_counter())
        except grpc.RpcError as error:
            raise error_of(error, self._url) from None
        finally:
            call.cancel()

    async def infer(self, model: str, inputs: Tensors, dtypes: Mapping[str, str]) -> Response:
        """Send one request and return its only answer."""
        return response_of(await self._call(self._stub.ModelInfer, infer_request(model, inputs)))

    async def is_ready(self, model: str = "") -> bool:
        """Whether the server, or one of its models, takes requests."""
        try:
            if model:
                return bool((await self._call(self._stub.ModelReady, messages.ModelReadyRequest(name=model))).ready)
            return bool((await self._call(self._stub.ServerReady, messages.ServerReadyRequest())).ready)
        except SynthesisError:
            return False

    async def _is_gone(self, model: str) -> bool:
        """Whether the server says that it does not have the model; a server that says nothing does not say so."""
        try:
            return not (await self._call(self._stub.ModelReady, messages.ModelReadyRequest(name=model))).ready
        except SynthesisError:
            return False

    async def server_version(self) -> tuple[str, str]:
        """The server's name and version."""
        metadata = await self._call(self._stub.ServerMetadata, messages.ServerMetadataRequest())
        return metadata.name, metadata.version

    async def model_states(self) -> dict[str, str]:
        """State of each model in the repository."""
        return repository_states(await self._call(self._stub.RepositoryIndex, messages.RepositoryIndexRequest()))

    async def close(self) -> None:
        """Let the connection go."""
        await self._channel.close()

    async def _call(self, method: Callable[..., Any], request: Any) -> Any:
        try:
            return await method(request, timeout=self._timeout_s)
        except grpc.RpcError as error:
            raise error_of(error, self._url) from None
