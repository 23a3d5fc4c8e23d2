"""Asks each model now and then for a sign of life, as a client would: neither Triton nor /proc tells of one that hangs.

A model that is busy answers late, and a machine that was paused answered nobody meanwhile. So a model has no pulse only
if it has not answered for long, and its processes have done nothing either.
"""

from __future__ import annotations

import json
import math
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from gsv_runtime.server.model_processes import is_stopped, processor_time_s
from gsv_runtime.settings import PULSE_PARAMETER

EVERY_S, SILENT_S = 5.0, 15.0
_BUSY_SHARE = 0.05  # of the time that a process works which is busy, not stuck
_LONGEST_BUSY_S = 300.0
_GAP_S = 2.0  # between two looks: this process was paused, and so were perhaps the others

Ask = Callable[[str], None]  # a model, for a sign of life; returns when it has answered, whatever that is


def minimal_request(config: Mapping[str, Any]) -> dict[str, Any]:
    """The smallest JSON body for `infer` that Triton hands on to a model.

    Args:
        config: of the model, as Triton tells it.
    """
    leading = [1] if int(config.get("max_batch_size", 0)) > 0 else []
    inputs = []
    for tensor in config.get("input", ()):
        if tensor.get("optional"):
            continue
        shape = [*leading, *(max(int(size), 1) for size in tensor["dims"])]
        kind = str(tensor["data_type"]).removeprefix("TYPE_")
        datatype, value = ("BYTES", "") if kind == "STRING" else (kind, False if kind == "BOOL" else 0)
        inputs.append(
            {"name": tensor["name"], "shape": shape, "datatype": datatype, "data": [value] * math.prod(shape)}
        )
    return {"inputs": inputs, "parameters": {PULSE_PARAMETER: True}}


def ask_over_http(address: str, configs: Mapping[str, Mapping[str, Any]], model: str, limit_s: float = 60.0) -> None:
    """Ask a model at `address`, host:port, for a sign of life; return when it has answered.

    Raises:
        OSError: nothing answered within `limit_s`.
    """
    config = configs[model]
    if "sequence_batching" in config:
        return  # it would wait for a slot, which others may hold for long
    if config.get("model_transaction_policy", {}).get("decoupled"):
        path, body = "generate", {"text": "", PULSE_PARAMETER: True}
    else:
        path, body = "infer", minimal_request(config)
    request = urllib.request.Request(f"http://{address}/v2/models/{model}/{path}", json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=limit_s) as reply:
            reply.read()
    except urllib.error.HTTPError:
        pass  # an answer, too
    except HTTPException as failure:
        raise OSError(str(failure)) from None


@dataclass
class _Beat:
    """What is known of one model."""

    since_s: float  # last sign of life, or the moment since which it is waited for
    worked_s: float  # processor time of its processes then
    stopped_s: float | None = None  # since when a process of it is stopped, by a signal
    asked_s: float = float("-inf")
    is_asked: bool = False  # and has not answered yet


class Pulse:
    """The signs of life of one server's models.

    Args:
        ask: asks one model, and raises OSError if that cannot be done.
        clock: seconds that only grow.
        work: processor time of a process, in seconds.
        is_stopped: whether a signal has stopped a process.
        start: runs a function beside what goes on.
    """

    def __init__(
        self,
        ask: Ask,
        clock: Callable[[], float] = time.monotonic,
        work: Callable[[int], float] = processor_time_s,
        is_stopped: Callable[[int], bool] = is_stopped,
        start: Callable[[Callable[[], None]], None] = lambda run: threading.Thread(target=run, daemon=True).start(),
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._work = work
        self._is_stopped = is_stopped
        self._start = start
        self._beats: dict[str, _Beat] = {}
        self._looked_s = clock()

    def without(self, models: Mapping[str, frozenset[int]]) -> Sequence[str]:
        """Ask those that are due, and name those that have no pulse.

        Args:
            models: which are ready, each with its processes.
        """
        now_s = self._clock()
        if now_s - self._looked_s > _GAP_S:
            self._beats.clear()
        self._looked_s = now_s
        self._beats = {model: beat for model, beat in self._beats.items() if model in models}
        for model, pids in models.items():
            beat = self._beats.setdefault(model, _Beat(now_s, self._worked_s(pids)))
            if not beat.is_asked and now_s - beat.asked_s >= EVERY_S:
                self._send(model, beat, pids)
        return [model for model, pids in models.items() if self._is_silent(self._beats[model], pids)]

    def _send(self, model: str, beat: _Beat, pids: frozenset[int]) -> None:
        beat.is_asked, beat.asked_s = True, self._clock()
        beat.since_s, beat.worked_s = beat.asked_s, self._worked_s(pids)

        def run() -> None:
            try:
                self._ask(model)
            except OSError:
                return  # no answer; the time goes on
            beat.is_asked = False

        self._start(run)

    def _is_silent(self, beat: _Beat, pids: frozenset[int]) -> bool:
        now_s = self._clock()
        beat.stopped_s = (beat.stopped_s or now_s) if any(map(self._is_stopped, pids)) else None
        if beat.stopped_s is not None and now_s - beat.stopped_s >= SILENT_S:
            return True
        silent_s = now_s - beat.since_s
        if not beat.is_asked or silent_s < SILENT_S:
            return False
        is_busy = self._worked_s(pids) - beat.worked_s > _BUSY_SHARE * silent_s
        return not is_busy or silent_s > _LONGEST_BUSY_S

    def _worked_s(self, pids: frozenset[int]) -> float:
        return sum(map(self._work, pids))
