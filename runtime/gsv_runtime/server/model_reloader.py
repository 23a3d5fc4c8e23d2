"""Starts a model again whose process has died; Triton 2.51 does not (triton.md, finding 6; decision 14)."""

from __future__ import annotations

import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from gsv_runtime.server.model_processes import is_running

POLL_S = 0.25
# How long `tts` stays unloaded once its process has died. Its streams hang, for nothing in Triton ends them; a client
# that hears nothing asks whether `tts` is ready, at least once in this time (gsv_client.transport.liveness).
HOLD_S = 2.5
ENDED_BY_CLIENTS = ("tts",)
ADMIN_HEADER = "admin-key"
_LONGEST_BACKOFF_S = 30.0

logger = logging.getLogger("gsv.reloader")


@dataclass(frozen=True)
class ModelControl:
    """Asks a tritonserver about its models, and loads and unloads them, over HTTP.

    Each request opens a connection of its own: an idle one would keep tritonserver from stopping (finding 7).
    """

    address: str
    admin_key: str

    def is_ready(self, model: str) -> bool:
        """Whether Triton says that it is; it says so of a dead one too."""
        return self._ask("GET", f"models/{model}/ready", limit_s=2.0) is not None

    def num_processes(self, model: str) -> int:
        """Processes that the model should have: its instances, if it runs in Python; else none."""
        config = json.loads(self._ask("GET", f"models/{model}/config", limit_s=5.0) or "{}")
        if config.get("backend") != "python":
            return 0
        return sum(int(group.get("count", 1)) for group in config.get("instance_group", ()))

    def unload(self, model: str) -> bool:
        """Take the model away; requests get an error at once. False if that failed."""
        return self._ask("POST", f"repository/models/{model}/unload", limit_s=10.0) is not None

    def load(self, model: str) -> bool:
        """Load the model and wait until it is ready; False if it did not load."""
        return self._ask("POST", f"repository/models/{model}/load", limit_s=300.0) is not None

    def _ask(self, method: str, path: str, limit_s: float) -> bytes | None:
        body = b"{}" if method == "POST" else None
        headers = {ADMIN_HEADER: self.admin_key}
        request = urllib.request.Request(f"http://{self.address}/v2/{path}", body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=limit_s) as reply:
                content: bytes = reply.read()
                return content
        except urllib.error.HTTPError as failure:
            if method == "POST":
                reason = failure.read().decode(errors="replace")
                logger.error("refused path=%s status=%d %s", path, failure.code, reason)
        except (OSError, HTTPException):
            pass  # not up yet, stopping, or dying in the middle of an answer
        return None


class ModelReloader:
    """Watches the models of one server.

    Args:
        control: how to reach it.
        processes: the running processes of every model.
        models: names of the models to watch.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        control: ModelControl,
        processes: Callable[[], Mapping[str, frozenset[int]]],
        models: Sequence[str],
        sleep: Callable[[float], Any] = time.sleep,
    ) -> None:
        self._control = control
        self._processes = processes
        self._models = models
        self._sleep = sleep
        self._known: dict[str, frozenset[int]] = {}
        self._num_expected: dict[str, int] = {}

    @property
    def has_seen_a_model(self) -> bool:
        """Whether any model was ever ready."""
        return bool(self._num_expected)

    def look(self) -> list[str]:
        """Look once, and start again what has died.

        Returns:
            The models that were started again.
        """
        self._learn()
        if not all(is_running(pid) for pids in self._known.values() for pid in pids):
            self._known = dict(self._processes())
        if not any(map(self._seems_dead, self._num_expected)):
            return []
        self._known = dict(self._processes())  # one that somebody has reloaded has other processes now
        dead = [model for model in self._num_expected if self._seems_dead(model)]
        if dead:
            self._start_again(dead)
        return dead

    def _learn(self) -> None:
        """Find the processes of models that became ready; what never was is not ours to load."""
        for model in self._models:
            if model not in self._num_expected and self._control.is_ready(model):
                self._num_expected[model] = self._control.num_processes(model)
                self._known = dict(self._processes())

    def _seems_dead(self, model: str) -> bool:
        """Whether it lacks a process though Triton says that it is ready; one unloaded on purpose is not."""
        return len(self._known.get(model, ())) < self._num_expected[model] and self._control.is_ready(model)

    def _start_again(self, models: Sequence[str]) -> None:
        started = time.monotonic()
        for model in models:
            logger.error("process died, model is loaded again model=%s", model)
            self._control.unload(model)  # readiness says so from here on, and the next load is none of a loaded model
        for model in sorted(models, key=ENDED_BY_CLIENTS.__contains__):
            if model in ENDED_BY_CLIENTS:
                self._sleep(max(0.0, started + HOLD_S - time.monotonic()))
            self._load(model)
            logger.warning("model is back model=%s after_s=%.1f", model, time.monotonic() - started)
        self._known = dict(self._processes())

    def _load(self, model: str) -> None:
        backoff_s = 1.0
        while not self._control.load(model):
            self._sleep(backoff_s)
            backoff_s = min(2 * backoff_s, _LONGEST_BACKOFF_S)
