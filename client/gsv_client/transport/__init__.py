"""How requests reach a server: four thin transports behind two interfaces, one for threads and one for asyncio."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias
from urllib.parse import urlsplit

from gsv_client.errors import InvalidRequest
from gsv_client.protocol import Response, Tensors

Headers: TypeAlias = "Callable[[], Mapping[str, str]]"


def no_headers() -> Mapping[str, str]:
    """Add nothing to a request."""
    return {}


@dataclass(frozen=True)
class Address:
    """Where a server is: `netloc` is ``host:port``; `http` and `tls` follow from the URL's scheme."""

    netloc: str
    http: bool = False
    tls: bool = False

    @property
    def url(self) -> str:
        """The address with its scheme."""
        return f"{'http' if self.http else 'grpc'}{'s' if self.tls else ''}://{self.netloc}"


@dataclass(frozen=True)
class Arrival:
    """One answer of a stream, and when it reached this machine, in seconds of `time.perf_counter`."""

    response: Response
    at_s: float


def parse_url(url: str) -> Address:
    """Read ``host:port``, ``grpc://``, ``grpcs://``, ``http://`` or ``https://``.

    Raises:
        InvalidRequest: The URL has another form.
    """
    parts = urlsplit(url if "://" in url else f"grpc://{url}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in ("grpc", "grpcs", "http", "https") or not parts.hostname or port is None:
        raise InvalidRequest(f"server address is {url!r}; need host:port, grpc://host:port or http://host:port")
    if parts.path.strip("/") or parts.query:
        raise InvalidRequest(f"server address is {url!r}; need no path after the port")
    return Address(parts.netloc, http=parts.scheme.startswith("http"), tls=parts.scheme in ("grpcs", "https"))


class Transport(Protocol):
    """A connection for threads. Every method raises errors of `gsv_client.errors` only."""

    encoding: str

    def stream(self, model: str, inputs: Tensors) -> Generator[Arrival, None, None]:
        """Send one request and yield its answers; closing the generator cancels the request."""
        ...

    def infer(self, model: str, inputs: Tensors, dtypes: Mapping[str, str]) -> Response:
        """Send one request and return its only answer."""
        ...

    def is_ready(self, model: str = "") -> bool:
        """Whether the server, or one of its models, takes requests."""
        ...

    def server_version(self) -> tuple[str, str]:
        """The server's name and version."""
        ...

    def model_states(self) -> dict[str, str]:
        """State of each model in the repository, such as READY, or UNAVAILABLE and why."""
        ...

    def model_inputs(self, model: str) -> tuple[str, ...]:
        """Names of a model's inputs."""
        ...

    def close(self) -> None:
        """Let the connection go."""
        ...


class AsyncTransport(Protocol):
    """A connection for asyncio; the same as `Transport`."""

    encoding: str

    def stream(self, model: str, inputs: Tensors) -> AsyncGenerator[Arrival, None]:
        """Send one request and yield its answers; closing the generator cancels the request."""
        ...

    async def infer(self, model: str, inputs: Tensors, dtypes: Mapping[str, str]) -> Response:
        """Send one request and return its only answer."""
        ...

    async def is_ready(self, model: str = "") -> bool:
        """Whether the server, or one of its models, takes requests."""
        ...

    async def server_version(self) -> tuple[str, str]:
        """The server's name and version."""
        ...

    async def model_states(self) -> dict[str, str]:
        """State of each model in the repository."""
        ...

    async def close(self) -> None:
        """Let the connection go."""
        ...


def open_transport(address: Address, timeout_s: float) -> Transport:
    """The transport for threads that fits the address."""
    if address.http:
        from gsv_client.transport.http_threads import HttpTransport

        return HttpTransport(address, timeout_s)
    from gsv_client.transport.grpc_threads import GrpcTransport

    return GrpcTransport(address, timeout_s)


def open_async_transport(address: Address, timeout_s: float, headers: Headers = no_headers) -> AsyncTransport:
    """The transport for asyncio that fits the address; `headers` are asked for at each stream."""
    if address.http:
        from gsv_client.transport.http_asyncio import AsyncHttpTransport

        return AsyncHttpTransport(address, timeout_s, headers)
    from gsv_client.transport.grpc_asyncio import AsyncGrpcTransport

    return AsyncGrpcTransport(address, timeout_s, headers)


def no_answer(timeout_s: float) -> str:
    """What to say when a server is silent."""
    return f"no answer for {timeout_s:g} s; raise timeout_s, or look at the server with `gsv doctor`"


def unreachable(url: str) -> str:
    """What to say when nobody answers."""
    return f"nothing answers at {url}; start the server (`make up`) or correct the URL"
