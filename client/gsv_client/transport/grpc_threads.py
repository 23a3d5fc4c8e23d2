"""gRPC for threads."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Mapping
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from gsv_client.errors import SynthesisError
from gsv_client.protocol import Response, Tensors
from gsv_client.transport import Address, Arrival
from gsv_client.transport.grpc_messages import (
    CHANNEL_OPTIONS,
    error_of,
    infer_request,
    repository_states,
    response_of,
    streamed_response_of,
)
from gsv_client.transport.liveness import next_answer

# What came of a stream, and when: an answer, the failure that ended it, or None where the server has hung up.
_Arrivals = queue.Queue[tuple[Any, float]]


class GrpcTransport:
    """One server over gRPC; safe to share between threads."""

    encoding = "float32"

    def __init__(self, address: Address, timeout_s: float) -> None:
        self._url = address.url
        self._timeout_s = timeout_s
        self._channel = (
            grpc.secure_channel(address.netloc, grpc.ssl_channel_credentials(), CHANNEL_OPTIONS)
            if address.tls
            else grpc.insecure_channel(address.netloc, CHANNEL_OPTIONS)
        )
        self._stub = GRPCInferenceServiceStub(self._channel)

    def stream(self, model: str, inputs: Tensors) -> Generator[Arrival, None, None]:
        """Send one request and yield its answers; closing the generator cancels the request.

        A stream carries one request, so the server hangs up after the last answer: a stream that is heard to its end
        is never cancelled, which costs both sides (decision 19).
        """
        arrivals: _Arrivals = queue.Queue()
        call = self._stub.ModelStreamInfer(iter([infer_request(model, inputs)]))
        threading.Thread(target=_read, args=(call, arrivals), name="gsv-stream", daemon=True).start()
        try:
            while True:
                answer, at_s = next_answer(arrivals, self._timeout_s, model, self._is_gone)
                if answer is None:
                    return
                if isinstance(answer, grpc.RpcError):
                    raise error_of(answer, self._url)
                if response := streamed_response_of(answer, self._url):
                    yield Arrival(response, at_s)
        finally:
            call.cancel()  # does nothing to one that has ended

    def infer(self, model: str, inputs: Tensors, dtypes: Mapping[str, str]) -> Response:
        """Send one request and return its only answer."""
        return response_of(self._call(self._stub.ModelInfer, infer_request(model, inputs)))

    def is_ready(self, model: str = "") -> bool:
        """Whether the server, or one of its models, takes requests."""
        try:
            if model:
                return bool(self._call(self._stub.ModelReady, messages.ModelReadyRequest(name=model)).ready)
            return bool(self._call(self._stub.ServerReady, messages.ServerReadyRequest()).ready)
        except SynthesisError:
            return False

    def _is_gone(self, model: str) -> bool:
        """Whether the server says that it does not have the model; a server that says nothing does not say so."""
        try:
            return not self._call(self._stub.ModelReady, messages.ModelReadyRequest(name=model)).ready
        except SynthesisError:
            return False

    def server_version(self) -> tuple[str, str]:
        """The server's name and version."""
        metadata = self._call(self._stub.ServerMetadata, messages.ServerMetadataRequest())
        return metadata.name, metadata.version

    def model_states(self) -> dict[str, str]:
        """State of each model in the repository."""
        return repository_states(self._call(self._stub.RepositoryIndex, messages.RepositoryIndexRequest()))

    def model_inputs(self, model: str) -> tuple[str, ...]:
        """Names of a model's inputs."""
        metadata = self._call(self._stub.ModelMetadata, messages.ModelMetadataRequest(name=model))
        return tuple(tensor.name for tensor in metadata.inputs)

    def close(self) -> None:
        """Let the connection go."""
        self._channel.close()

    def _call(self, method: Callable[..., Any], request: Any) -> Any:
        try:
            return method(request, timeout=self._timeout_s)
        except grpc.RpcError as error:
            raise error_of(error, self._url) from None


def _read(call: Any, arrivals: _Arrivals) -> None:
    """Put each answer of a stream into `arrivals` with the moment at which it came, and at last how it ended."""
    try:
        for answer in call:
            arrivals.put((answer, time.perf_counter()))
    except grpc.RpcError as failure:
        arrivals.put((failure, time.perf_counter()))
    else:
        arrivals.put((None, time.perf_counter()))
