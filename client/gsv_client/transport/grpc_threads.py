"""gRPC for threads, over tritonclient.grpc."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeVar

from tritonclient.grpc import InferenceServerClient, InferResult
from tritonclient.utils import InferenceServerException

from gsv_client.errors import SynthesisError
from gsv_client.protocol import Response, Tensors
from gsv_client.transport import Address, Arrival
from gsv_client.transport.grpc_messages import (
    error_of,
    infer_inputs,
    is_final,
    parameters_of,
    repository_states,
    response_of,
)
from gsv_client.transport.liveness import next_answer

T = TypeVar("T")

_PARTING_S = 1.0  # that a server may take to hang up when it has sent its last answer


class GrpcTransport:
    """One server over gRPC; safe to share between threads.

    A tritonclient carries one stream at a time, so each stream gets its own, and gRPC puts them all on
    the same connection.
    """

    encoding = "float32"

    def __init__(self, address: Address, timeout_s: float) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._client = self._open()

    def _open(self) -> InferenceServerClient:
        return InferenceServerClient(self._address.netloc, ssl=self._address.tls)

    def stream(self, model: str, inputs: Tensors) -> Generator[Arrival, None, None]:
        """Send one request and yield its answers; closing the generator cancels the request."""
        arrivals: queue.Queue[tuple[InferResult | None, InferenceServerException | None, float]] = queue.Queue()

        def arrived(result: InferResult | None, error: InferenceServerException | None) -> None:
            arrivals.put((result, error, time.perf_counter()))

        client, whole = self._open(), False
        try:
            client.start_stream(arrived)
            # Where the connection has failed already this raises without the reason, which `arrivals` brings.
            with contextlib.suppress(InferenceServerException):
                client.async_stream_infer(model, infer_inputs(inputs), enable_empty_final_response=True)
            while not whole:
                result, error, at_s = next_answer(arrivals, self._timeout_s, model, self._is_gone)
                if error is not None:
                    raise error_of(error, self._address.url)
                whole = is_final(result)
                if response := response_of(result):
                    yield Arrival(response, at_s)
        except InferenceServerException as error:
            raise error_of(error, self._address.url) from None
        finally:
            _hang_up(client, whole)

    def infer(self, model: str, inputs: Tensors, dtypes: Mapping[str, str]) -> Response:
        """Send one request and return its only answer."""
        return response_of(self._call(self._client.infer, model, infer_inputs(inputs)))

    def is_ready(self, model: str = "") -> bool:
        """Whether the server, or one of its models, takes requests."""
        try:
            if model:
                return bool(self._call(self._client.is_model_ready, model))
            return bool(self._call(self._client.is_server_ready))
        except SynthesisError:
            return False

    def _is_gone(self, model: str) -> bool:
        """Whether the server says that it does not have the model; a server that says nothing does not say so."""
        try:
            return not self._call(self._client.is_model_ready, model)
        except SynthesisError:
            return False

    def server_version(self) -> tuple[str, str]:
        """The server's name and version."""
        metadata = self._call(self._client.get_server_metadata)
        return metadata.name, metadata.version

    def model_states(self) -> dict[str, str]:
        """State of each model in the repository."""
        return repository_states(self._call(self._client.get_model_repository_index))

    def model_inputs(self, model: str) -> tuple[str, ...]:
        """Names of a model's inputs."""
        return tuple(tensor.name for tensor in self._call(self._client.get_model_metadata, model).inputs)

    def model_parameters(self, model: str) -> dict[str, str]:
        """Parameters in a model's config.pbtxt."""
        return parameters_of(self._call(self._client.get_model_config, model))

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()

    def _call(self, method: Callable[..., T], *args: Any) -> T:
        try:
            return method(*args, client_timeout=self._timeout_s)
        except InferenceServerException as error:
            raise error_of(error, self._address.url) from None


def _hang_up(client: InferenceServerClient, whole: bool) -> None:
    """End a client's stream and close the client; what was not heard `whole` is cancelled.

    Left to itself, tritonclient (2.73) cancels without ending the thread that sends, which then waits for requests, and
    keeps all that was heard, as long as the process lives. Its queue is private; there is no other way to that thread.
    """
    stream = client._stream
    if stream is not None:
        stream._request_queue.put(None)  # no more requests
        if whole:
            stream._handler.join(_PARTING_S)  # until the server has hung up too: nothing is left to be cancelled
        client.stop_stream(cancel_requests=True)
    client.close()
