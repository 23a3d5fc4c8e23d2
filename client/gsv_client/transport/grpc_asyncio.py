"""gRPC for asyncio, over tritonclient.grpc.aio."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

import grpc
from tritonclient.grpc import MAX_GRPC_MESSAGE_SIZE
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from gsv_client.errors import SynthesisError, error_from_wire
from gsv_client.protocol import Response, Tensors
from gsv_client.transport import Address, Arrival
from gsv_client.transport.grpc_messages import error_of, infer_inputs, readable, repository_states, response_of
from gsv_client.transport.liveness import answer_of

T = TypeVar("T")

# tritonclient's own, which a list of ours replaces; and a long-lived caller looks at least once a second for a server
# that went away, where gRPC would wait for up to two minutes.
_CHANNEL = [
    ("grpc.max_send_message_length", MAX_GRPC_MESSAGE_SIZE),
    ("grpc.max_receive_message_length", MAX_GRPC_MESSAGE_SIZE),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]


class AsyncGrpcTransport:
    """One server over gRPC; create and use it in one event loop."""

    encoding = "float32"

    def __init__(self, address: Address, timeout_s: float) -> None:
        self._url = address.url
        self._timeout_s = timeout_s
        self._client = InferenceServerClient(address.netloc, ssl=address.tls, channel_args=_CHANNEL)

    async def stream(self, model: str, inputs: Tensors) -> AsyncGenerator[Arrival, None]:
        """Send one request and yield its answers; closing the generator cancels the request.

        The asyncio client ignores `enable_empty_final_response`, so a stream carries one request and is read
        to its end.
        """

        async def requests() -> AsyncGenerator[dict[str, Any], None]:
            yield {"model_name": model, "inputs": infer_inputs(inputs)}

        answers = self._client.stream_infer(requests())
        try:
            while True:
                try:
                    result, error = await answer_of(anext(answers), self._timeout_s, model, self._is_gone)
                except StopAsyncIteration:
                    return
                if error is not None:
                    raise error_of(error, self._url)
                if response := response_of(result):
                    yield Arrival(response, time.perf_counter())
        except grpc.aio.AioRpcError as error:
            raise readable(error_from_wire(error.details() or "", error.code().name), self._url) from None
        finally:
            answers.cancel()

    async def infer(self, model: str, inputs: Tensors, dtypes: Mapping[str, str]) -> Response:
        """Send one request and return its only answer."""
        return response_of(await self._call(self._client.infer, model, infer_inputs(inputs)))

    async def is_ready(self, model: str = "") -> bool:
        """Whether the server, or one of its models, takes requests."""
        try:
            if model:
                return bool(await self._call(self._client.is_model_ready, model))
            return bool(await self._call(self._client.is_server_ready))
        except SynthesisError:
            return False

    async def _is_gone(self, model: str) -> bool:
        """Whether the server says that it does not have the model; a server that says nothing does not say so."""
        try:
            return not await self._call(self._client.is_model_ready, model)
        except SynthesisError:
            return False

    async def server_version(self) -> tuple[str, str]:
        """The server's name and version."""
        metadata = await self._call(self._client.get_server_metadata)
        return metadata.name, metadata.version

    async def model_states(self) -> dict[str, str]:
        """State of each model in the repository."""
        return repository_states(await self._call(self._client.get_model_repository_index))

    async def close(self) -> None:
        """Let the connection go."""
        await self._client.close()

    async def _call(self, method: Callable[..., Awaitable[T]], *args: Any) -> T:
        try:
            return await method(*args, client_timeout=self._timeout_s)
        except InferenceServerException as error:
            raise error_of(error, self._url) from None
