"""Requests at the same moment, more than there is room for: each served whole or refused, and how soon it is refused.

The clients are several processes, each with many connections that are open before, so that they are not what is
measured; the server's own account, from a request's arrival in `tts` to its refusal, stands beside what they saw.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gsv_bench import burst_clients
from gsv_bench.burst_clients import Heard
from gsv_bench.server_metrics import ServerMetrics

_PATIENCE_S = 600.0


@dataclass(frozen=True)
class Burst:
    """What became of them."""

    requests: int
    processes: int
    sent_within_ms: float
    whole: int
    refused: int
    failed: int  # neither
    refusal_p50_ms: float
    refusal_p95_ms: float
    slowest_refusal_ms: float
    server_refusal_mean_ms: float  # from its arrival in `tts`, where one is taken after the other
    ttfa_p50_s: float
    ttfa_p95_s: float


class _Clients:
    """One process of `burst_clients`."""

    def __init__(self, url: str, first_seed: int, number: int, voices: Sequence[str]) -> None:
        command = [sys.executable, "-m", burst_clients.__name__, url, str(first_seed), str(number), *voices]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def wait_until_connected(self) -> None:
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError(f"clients ended with {self._process.wait(_PATIENCE_S)} before they were connected")

    def go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def heard(self) -> list[Heard]:
        written, _ = self._process.communicate(timeout=_PATIENCE_S)
        return [Heard(**each) for each in json.loads(written)]


def burst(url: str, voices: Sequence[str], requests: int, processes: int, metrics: ServerMetrics) -> Burst:
    """Send `requests` at the same moment from `processes` processes, which share them evenly.

    Raises:
        ValueError: they cannot be shared evenly.
        RuntimeError: a process of clients did not come up.
    """
    each, rest = divmod(requests, processes)
    if rest:
        raise ValueError(f"{requests} requests cannot be shared evenly by {processes} processes")
    before = metrics.refusals()
    clients = [_Clients(url, number * each, each, voices) for number in range(processes)]
    for client in clients:
        client.wait_until_connected()
    for client in clients:
        client.go()
    heard = [one for client in clients for one in client.heard()]
    count, seconds = (after - was for after, was in zip(metrics.refusals(), before, strict=True))
    return summary(heard, processes, 1e3 * seconds / max(count, 1))


def summary(heard: Sequence[Heard], processes: int, server_refusal_mean_ms: float) -> Burst:
    """Figures of what the clients heard."""
    refusals_ms = [1e3 * (one.first_s - one.sent_s) for one in heard if one.refused] or [0.0]
    starts_s = [one.first_s - one.sent_s for one in heard if one.whole] or [0.0]
    sent_s = [one.sent_s for one in heard]
    whole, refused = sum(one.whole for one in heard), sum(one.refused for one in heard)
    return Burst(
        requests=len(heard),
        processes=processes,
        sent_within_ms=round(1e3 * (max(sent_s) - min(sent_s)), 1),
        whole=whole,
        refused=refused,
        failed=len(heard) - whole - refused,
        refusal_p50_ms=round(statistics.median(refusals_ms), 1),
        refusal_p95_ms=round(float(np.quantile(refusals_ms, 0.95)), 1),
        slowest_refusal_ms=round(max(refusals_ms), 1),
        server_refusal_mean_ms=round(server_refusal_mean_ms, 2),
        ttfa_p50_s=round(statistics.median(starts_s), 2),
        ttfa_p95_s=round(float(np.quantile(starts_s, 0.95)), 2),
    )
