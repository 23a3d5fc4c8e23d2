"""What a running server holds: slots and streams from its metrics; threads, files and memory from the kernel."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gsv_runtime.server.local_server import ServerState
from gsv_runtime.server.model_processes import model_processes

_PATIENCE_S = 300.0
_POLL_S = 0.02


@dataclass(frozen=True)
class Footprint:
    """Of the server and all processes of its models."""

    processes: int
    threads: int
    files: int
    shared_memory_kib: int
    resident_kib: int


class ServerWatch:
    """Looks at one server."""

    def __init__(self, state: ServerState) -> None:
        self._state = state

    @property
    def slots_in_use(self) -> float:
        """Slots of t2s that are held; told by t2s four times a second while it works."""
        return self._sample("gsv_t2s_slots_in_use")

    @property
    def streams(self) -> float:
        """Requests that have not ended."""
        return self._sample("gsv_streams")

    def refusals(self) -> tuple[float, float]:
        """Requests that were not let in so far, and the seconds that telling them took, one after the other."""
        return self._sample("gsv_refusal_seconds_count"), self._sample("gsv_refusal_seconds_sum")

    def wait_until(self, is_true: Callable[[], bool]) -> None:
        """Look until it is so.

        Raises:
            TimeoutError: it does not come true.
        """
        deadline_s = time.monotonic() + _PATIENCE_S
        while not is_true():
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"after {_PATIENCE_S:.0f} s: {self.slots_in_use} slots, {self.streams} streams")
            time.sleep(_POLL_S)

    def footprint(self) -> Footprint:
        """What there is now."""
        server = self._state.server_pid
        if server is None:
            raise RuntimeError("there is no tritonserver; see its log")
        pids = [server, *(pid for pids in model_processes(server).values() for pid in pids)]
        processes = [Path("/proc") / str(pid) for pid in pids]
        shared = Path("/dev/shm").glob(f"{self._state.shm_prefix}*")
        return Footprint(
            processes=len(pids),
            threads=sum(len(list((process / "task").iterdir())) for process in processes),
            files=sum(len(list((process / "fd").iterdir())) for process in processes),
            shared_memory_kib=sum(path.stat().st_size for path in shared) // 1024,
            resident_kib=sum(_resident_kib(process) for process in processes),
        )

    def _sample(self, name: str) -> float:
        ports = self._state.ports
        with urllib.request.urlopen(f"http://{ports.host}:{ports.metrics}/metrics", timeout=30) as reply:
            lines = reply.read().decode().splitlines()
        return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name} "))


def _resident_kib(process: Path) -> int:
    lines = (process / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
