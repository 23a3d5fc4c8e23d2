"""How long something takes on a device, whose work goes on after a call returns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

_WARM_UPS = 3


class Timer:
    """Times calls on one device."""

    def __init__(self, device: str) -> None:
        """Time work of `device`, cpu or cuda."""
        self._wait = torch.cuda.synchronize if device == "cuda" else (lambda: None)

    def times_s(self, call: Callable[[], object], repeats: int, warm_ups: int = _WARM_UPS) -> list[float]:
        """Seconds of each of `repeats` calls, each begun when the one before is done."""
        for _ in range(warm_ups):
            call()
        times = []
        for _ in range(repeats):
            self._wait()
            began_s = time.perf_counter()
            call()
            self._wait()
            times.append(time.perf_counter() - began_s)
        return times

    def median_ms(self, call: Callable[[], object], repeats: int, warm_ups: int = _WARM_UPS) -> float:
        """The median of `times_s`, in milliseconds."""
        return round(1e3 * statistics.median(self.times_s(call, repeats, warm_ups)), 3)


def captured(call: Callable[[], object], times: int = 1) -> torch.cuda.CUDAGraph:
    """So many calls as one CUDA graph.

    What was begun before is waited for: calls on the stream of the warm-up would read memory that is not yet filled.
    """
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UPS):
            call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(times):
            call()
    return graph
