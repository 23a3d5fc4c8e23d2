"""A server in a process of its own, whose processor time nobody else adds to.

Server and device in one process share threads that work ahead, so that neither's time could be told from the other's.
"""

from __future__ import annotations

import multiprocessing
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from gsv_client.protocol import TTS_MODEL, Response, Tensors
from gsv_client.transport import Arrival
from gsv_client.transport.grpc_messages import infer_request
from gsv_local.bundle import Bundle, open_bundle
from gsv_local.clients import LocalTransport
from gsv_local.engine import LocalEngine
from gsv_runtime import contract
from gsv_runtime.model_files import GRAPH_FILE
from gsv_runtime.settings import CheckpointFacts


def with_the_servers_vocoder(bundle: Bundle, repository: Path) -> Bundle:
    """Put the vocoder of a server's repository into an unpacked bundle, whose own is made for devices (decision 40).

    Args:
        bundle: unpacked for this alone.
        repository: what the bundle was made of.

    Raises:
        ValueError: it was made of other weights.
        FileNotFoundError: there is no repository.
    """
    facts = CheckpointFacts.from_repository(repository)
    if facts.weights_digest != bundle.facts.weights_digest:
        raise ValueError(f"{repository} has other weights than the bundle; run `make bundle` again")
    version = Path(contract.VOCODER.name) / "1"
    for path in (repository / version).glob(f"{GRAPH_FILE}*"):
        shutil.copy(path, bundle.folder / version)
    return bundle


def _serve(bundle: Path, repository: Path, home: Path, threads: int, door: Connection) -> None:
    """Answer requests until the door is closed; after each, tell the processor time that it took."""
    opened = with_the_servers_vocoder(open_bundle(bundle, home / "server"), repository)
    engine = LocalEngine(opened, max_words=0, threads=threads)
    transport = LocalTransport(engine)
    door.send(None)
    try:
        while True:
            model, inputs = door.recv()
            began_s = time.process_time()
            for arrival in transport.stream(model, inputs):
                door.send(arrival.response)
            door.send(time.process_time() - began_s)
    except EOFError:
        transport.close()


class ServerProcess:
    """`Transport` to a bundle that speaks in a process of its own, with the vocoder of a server.

    Attributes:
        work_s: Processor seconds of the last answer, at the server.
    """

    encoding = "float32"

    def __init__(self, bundle: Path, repository: Path, home: Path, threads: int) -> None:
        """Start it, and wait until it can speak."""
        context = multiprocessing.get_context("spawn")
        self._door, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(bundle, repository, home, threads, other), daemon=True)
        self._process.start()
        other.close()
        self._door.recv()
        self.work_s = 0.0
        self._answers: list[Response] = []

    @property
    def answered_bytes(self) -> int:
        """What the last answer was on the network."""
        return sum(int(infer_request(TTS_MODEL, dict(answer)).ByteSize()) for answer in self._answers)

    def stream(self, model: str, inputs: Tensors) -> Iterator[Arrival]:
        """Send one request and yield its answers."""
        self._answers = []
        self._door.send((model, dict(inputs)))
        while isinstance(answer := self._door.recv(), Mapping):
            self._answers.append(answer)
            yield Arrival(answer, time.perf_counter())
        self.work_s = answer

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise AttributeError(f"a server that is measured only speaks; {name} was asked for")

    def close(self) -> None:
        """Nothing: whoever started it ends it."""

    def end(self) -> None:
        """End the process."""
        self._door.close()
        self._process.join(timeout=30)
