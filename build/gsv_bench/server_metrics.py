"""Slots, streams and refusals of a server, from its metrics; of its processes gsv_loadtest.server_watch tells."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable

from gsv_runtime.server.triton_process import Ports

_PATIENCE_S = 300.0
_POLL_S = 0.02


class ServerMetrics:
    """Reads the metrics of one server."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    @property
    def slots_in_use(self) -> float:
        """Slots of t2s that are held; told by t2s four times a second while it works."""
        return self._sample("gsv_t2s_slots_in_use")

    @property
    def streams(self) -> float:
        """Requests that have not ended."""
        return self._sample("gsv_streams")

    @property
    def model_loads(self) -> float:
        """Fine-tunes that were loaded so far."""
        return self._sample("gsv_model_loads_total")

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

    def _sample(self, name: str) -> float:
        with urllib.request.urlopen(f"http://{self._ports.host}:{self._ports.metrics}/metrics", timeout=30) as reply:
            lines = reply.read().decode().splitlines()
        return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name} "))
