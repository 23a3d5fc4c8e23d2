"""The engine behind the client's own interface: who speaks with a server speaks with this device by the same calls."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from importlib import metadata
from pathlib import Path

from gsv_client import AsyncClient, Client
from gsv_client import errors as client_errors
from gsv_client.protocol import Response, Tensors
from gsv_client.transport import Arrival
from gsv_local.bundle import open_bundle
from gsv_local.engine import LocalEngine
from gsv_runtime import contract
from gsv_runtime.errors import SynthesisError

ADDRESS = "127.0.0.1:0"  # nobody listens there: a client wants an address


class LocalTransport:
    """`gsv_client.transport.Transport` that ends in this process."""

    encoding = "float32"

    def __init__(self, engine: LocalEngine, owns_engine: bool = True) -> None:
        """Speak with `engine`, which is closed with this transport if it is its own."""
        self._engine = engine
        self._owns_engine = owns_engine

    def stream(
        self, model: str, inputs: Tensors, is_cancelled: Callable[[], bool] = lambda: False
    ) -> Generator[Arrival, None, None]:
        """Answer one request; closing the generator, or `is_cancelled` from another thread, ends the work."""
        replies = self._engine.stream(model, inputs, is_cancelled)
        try:
            for outputs in replies:
                yield Arrival(outputs, time.perf_counter())
        except SynthesisError as failure:
            raise client_errors.error_from_wire(failure.wire_message()) from None
        finally:
            replies.close()

    def infer(self, model: str, inputs: Tensors, dtypes: Mapping[str, str]) -> Response:
        """Answer one request that has one answer."""
        try:
            return self._engine.infer(model, inputs)
        except SynthesisError as failure:
            raise client_errors.error_from_wire(failure.wire_message()) from None

    def is_ready(self, model: str = "") -> bool:
        """Whether it can speak: always, once it is open."""
        return not model or model in self.model_states()

    def server_version(self) -> tuple[str, str]:
        """Name and version of this package."""
        return "gsv-local", metadata.version("gsv-local")

    def model_states(self) -> dict[str, str]:
        """State of each model in memory."""
        return dict.fromkeys(self._engine.opened, "READY")

    def model_inputs(self, model: str) -> tuple[str, ...]:
        """Names of a model's inputs."""
        return tuple(tensor.name for each in contract.MODELS if each.name == model for tensor in each.inputs)

    def close(self) -> None:
        """Close the engine, if it is this transport's own."""
        if self._owns_engine:
            self._engine.close()


class AsyncLocalTransport:
    """`gsv_client.transport.AsyncTransport` over the same: work is done on threads, an answer at a time."""

    encoding = "float32"

    def __init__(self, transport: LocalTransport) -> None:
        self._transport = transport

    async def stream(self, model: str, inputs: Tensors) -> AsyncGenerator[Arrival, None]:
        """Answer one request; closing the generator ends the work."""
        left = threading.Event()
        answers = self._transport.stream(model, inputs, left.is_set)
        asked: asyncio.Future[Arrival | None] | None = None
        try:
            while True:
                asked = asyncio.ensure_future(asyncio.to_thread(next, answers, None))
                arrival = await asyncio.shield(asked)
                if arrival is None:
                    return
                yield arrival
        finally:
            left.set()
            if asked is not None and not asked.done():
                await asyncio.gather(asked, return_exceptions=True)  # a generator that runs cannot be closed
            await asyncio.to_thread(answers.close)

    async def infer(self, model: str, inputs: Tensors, dtypes: Mapping[str, str]) -> Response:
        """Answer one request that has one answer."""
        return await asyncio.to_thread(self._transport.infer, model, inputs, dtypes)

    async def is_ready(self, model: str = "") -> bool:
        """Whether it can speak."""
        return self._transport.is_ready(model)

    async def server_version(self) -> tuple[str, str]:
        """Name and version of this package."""
        return self._transport.server_version()

    async def model_states(self) -> dict[str, str]:
        """State of each model in memory."""
        return self._transport.model_states()

    async def close(self) -> None:
        """Close the engine, if it is its own."""
        await asyncio.to_thread(self._transport.close)


def open_client(
    bundle: str | Path,
    *,
    home: Path | None = None,
    max_words: int | None = None,
    threads: int = 0,
    engine: str = "",
    device: str = "",
) -> Client:
    """Open a bundle as a client that needs no server.

    Args:
        bundle: The file.
        home: Where bundles are unpacked; default: the user's folder for data.
        max_words: Words that one request may have; None: as the bundle says; 0: any number.
        threads: Of one operator; 0: as the bundle says.
        engine: Of the graphs: onnxruntime, openvino or openvino-bf16; empty: as the bundle says.
        device: Of the graphs: cpu or cuda; empty: as the bundle says.

    Raises:
        BundleUnreadable: The file is no bundle, damaged, or of another version.
    """
    opened = LocalEngine(open_bundle(Path(bundle), home), max_words, threads, engine, device)
    return Client(ADDRESS, transport=LocalTransport(opened))


def open_async_client(engine: LocalEngine) -> AsyncClient:
    """Make a client for asyncio of an engine, which whoever opened it closes."""
    return AsyncClient(ADDRESS, transport=AsyncLocalTransport(LocalTransport(engine, owns_engine=False)))
