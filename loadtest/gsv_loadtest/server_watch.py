"""What a load does to the server's processes, where they run on this machine: memory, threads, files, shared memory."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gevent
import psutil

SAMPLE_EVERY_S = 1.0
_LOCAL = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Sample:
    """The server at one moment.

    Attributes:
        at_s: Seconds since the load began.
        resident_mb: Resident memory of all its processes, in MB; pages that several share count for each.
        by_process: The same, of each model and of Triton itself.
        threads: Of all its processes.
        files: Open file descriptors of all its processes.
        shared_mb: Its files under /dev/shm, in MB.
        processes: Process ids.
    """

    at_s: float
    resident_mb: float
    by_process: dict[str, float]
    threads: int
    files: int
    shared_mb: float
    processes: frozenset[int]


@dataclass
class ServerWatch:
    """Samples one server, found by the `server.json` that `make up` writes."""

    pid: int
    shm_prefix: str
    samples: list[Sample] = field(default_factory=list)

    @classmethod
    def find(cls, state: Path, urls: Sequence[str]) -> ServerWatch | None:
        """Read server.json in `state`; None where the server at `urls` is another one, or does not run here."""
        try:
            values = json.loads((state / "server.json").read_text(encoding="utf-8"))
            found = cls(int(values["pid"]), str(values["shm_prefix"]))
            here = {f"{host}:{port}" for host in _LOCAL for port in values["ports"].values()}
        except (OSError, ValueError, KeyError):
            return None
        return found if {urlsplit(url).netloc for url in urls} <= here and psutil.pid_exists(found.pid) else None

    def run(self, began_s: float) -> None:
        """Samples for ever; run it on a greenlet and kill that.

        Args:
            began_s: `time.perf_counter` when the load began.
        """
        while True:
            self.sample(time.perf_counter() - began_s)
            gevent.sleep(SAMPLE_EVERY_S)

    def sample(self, at_s: float) -> None:
        """Take one sample; a server that is gone has none."""
        by_process: dict[str, float] = {}
        threads = files = 0
        pids = set()
        try:
            server = psutil.Process(self.pid)
            family = [server, *server.children(recursive=True)]
        except psutil.Error:
            return
        for process in family:
            try:
                with process.oneshot():
                    name, resident = _name(process), process.memory_info().rss / 1e6
                    threads, files = threads + process.num_threads(), files + process.num_fds()
            except psutil.Error:
                continue
            by_process[name] = by_process.get(name, 0.0) + resident
            pids.add(process.pid)
        shared = sum(_size(path) for path in Path("/dev/shm").glob(f"{self.shm_prefix}*")) / 1e6
        total = sum(by_process.values())
        self.samples.append(Sample(at_s, total, by_process, threads, files, shared, frozenset(pids)))


def _name(process: psutil.Process) -> str:
    """Model of a stub process, by its first argument <repository>/<model>/1/model.py; else the program's name."""
    arguments = process.cmdline()
    if arguments and os.path.basename(arguments[0]) == "triton_python_backend_stub":
        return Path(arguments[1]).parents[1].name
    return str(process.name())


def _size(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512
    except OSError:
        return 0


def growth(samples: Sequence[Sample], warm_up_s: float) -> dict[str, Any]:
    """What grew between the first and the last tenth of the time after the warm-up.

    Returns:
        Resident memory in MB at both ends, its growth in percent and of each model in MB; growth of threads, files and
        shared memory; whether every process lived through it. Empty where there are too few samples.
    """
    counted = [sample for sample in samples if sample.at_s >= warm_up_s]
    if len(counted) < 2:
        return {}
    tenth = max(1, len(counted) // 10)
    first, last = counted[:tenth], counted[-tenth:]

    def middle(part: Sequence[Sample], what: str) -> float:
        return float(statistics.median(getattr(sample, what) for sample in part))

    resident = middle(first, "resident_mb"), middle(last, "resident_mb")
    return {
        "resident_first_mb": round(resident[0], 1),
        "resident_last_mb": round(resident[1], 1),
        "resident_growth_percent": round(100 * (resident[1] / resident[0] - 1), 2),
        "growth_by_process_mb": {
            name: round(_middle(last, name) - _middle(first, name), 1) for name in sorted(first[0].by_process)
        },
        "threads_growth": round(middle(last, "threads") - middle(first, "threads")),
        "files_growth": round(middle(last, "files") - middle(first, "files")),
        "shared_growth_mb": round(middle(last, "shared_mb") - middle(first, "shared_mb"), 1),
        "same_processes": counted[0].processes == counted[-1].processes,
    }


def _middle(part: Sequence[Sample], process: str) -> float:
    return float(statistics.median(sample.by_process.get(process, 0.0) for sample in part))
