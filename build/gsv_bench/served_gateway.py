"""A server with the demo voice and a gateway before it, for benchmarks of the gateway."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gsv_bench.server_metrics import ServerMetrics
from gsv_bench.stages import lay_out
from gsv_build.build_repository import build
from gsv_build.deployment import PRESETS
from gsv_runtime.server import gateway_process, local_server, triton_process
from gsv_runtime.server.local_server import ServerState
from gsv_runtime.server.triton_process import Ports

_READY_S = 60.0


@dataclass(frozen=True)
class ServedGateway:
    """Where they answer.

    Attributes:
        server: What runs, as server.json has it.
        address: The gateway's host:port.
        gateway_pid: Its process.
    """

    server: ServerState
    address: str
    gateway_pid: int

    @property
    def grpc(self) -> str:
        """The server's gRPC address."""
        return f"127.0.0.1:{self.server.ports.grpc}"

    @property
    def metrics(self) -> ServerMetrics:
        """What the server counts."""
        return ServerMetrics(self.server.ports)


@contextmanager
def served(work: Path, weights: Path) -> Iterator[ServedGateway]:
    """Start both on free ports; stop both at the end.

    Args:
        work: Keeps the repository, the server's state and the gateway's log.
        weights: Folder of the checkpoints.

    Raises:
        ServerFailed: One of them does not start.
    """
    repository, state = work / "model_repository", work / "gateway"
    lay_out(repository)
    build(repository, PRESETS["cpu"], weights)
    ports, address = Ports.free(), f"127.0.0.1:{Ports.free().http}"
    running = local_server.up(repository, state, ports)
    command = [sys.executable, "-m", "gsv_gateway", "--port", address.rpartition(":")[2]]
    log = (state / "gateway.log").open("wb")
    with log, tempfile.TemporaryDirectory() as folder:
        command += ["--triton", f"127.0.0.1:{ports.grpc}", "--keys", f"{folder}/keys.json"]
        gateway = subprocess.Popen(command, stderr=log)
        try:
            deadline_s = time.monotonic() + _READY_S
            while not gateway_process.answers(address):
                if gateway.poll() is not None or time.monotonic() > deadline_s:
                    raise triton_process.ServerFailed(f"the gateway does not start; see {log.name}")
                time.sleep(0.05)
            yield ServedGateway(running, address, gateway.pid)
        finally:
            gateway.terminate()
            gateway.wait(_READY_S)
            local_server.down(state)
