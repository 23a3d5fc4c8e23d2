"""Starts a model again whose process has died, which Triton 2.51 does not.

Source: docs/triton-findings.md, finding 6; decision 14.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from typing import Any

from gsv_runtime.server.model_processes import is_running
from gsv_runtime.server.pulse import Pulse
from gsv_runtime.server.workarounds import RELOAD_HOLD

POLL_S = 0.25
# How long `tts` stays unloaded once its process has died. Its streams hang, for nothing in Triton ends them; a client
# that hears nothing asks whether `tts` is ready, at least once in this time (gsv_client.transport.liveness).
HOLD_S = 2.5  # where workarounds.RELOAD_HOLD is on
ENDED_BY_CLIENTS = ("tts",)
ADMIN_HEADER = "admin-key"
DEAD_AT_START_S = 3.0  # after which a model whose process has died before it was ready will not come
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0  # between tries to load a model

logger = logging.getLogger("gsv.reloader")


@dataclass(frozen=True)
class ModelControl:
    """Asks a tritonserver about its models, and loads and unloads them, over HTTP.

    Each request opens a connection of its own: an idle one would keep tritonserver from stopping
    (docs/triton-findings.md, finding 7).
    """

    address: str
    admin_key: str

    def is_ready(self, model: str) -> bool:
        """Whether Triton says that it is; it says so of a dead one too."""
        return self._ask("GET", f"models/{model}/ready", limit_s=2.0) is not None

    def config(self, model: str) -> dict[str, Any]:
        """Return the model's configuration; an empty one if the server does not tell it now.

        Raises:
            ValueError: what the server answered is no configuration.
        """
        answer = self._ask("GET", f"models/{model}/config", limit_s=5.0)
        if answer is None:
            return {}
        try:
            config = json.loads(answer)
            num_processes_of(config)
            return dict(config)
        except (ValueError, TypeError, AttributeError):
            raise ValueError(f"configuration of {model} is {answer[:200]!r}; need a JSON object") from None

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


def num_processes_of(config: Mapping[str, Any]) -> int:
    """How many processes a model so configured should have: its instances, if it runs in Python; else none."""
    if config.get("backend") != "python":
        return 0
    return sum(int(group.get("count", 1)) for group in config.get("instance_group", ()))


@dataclass
class _Down:
    """A model that is to be loaded again."""

    since_s: float
    next_try_s: float
    pause_s: float = _FIRST_PAUSE_S  # after the next failure
    is_loading: bool = False


@dataclass
class _Starting:
    """The processes of a model that is not ready yet, and since when they are gone."""

    pids: frozenset[int] = frozenset()
    gone_s: float | None = None


class ModelReloader:
    """Watches the models of one server, and loads again those whose process has died.

    Args:
        control: how to reach it.
        processes: the running processes of every model.
        models: names of the models to watch.
        clock: seconds that only grow.
        pulse: asks the models for signs of life; by default none is asked.
        configs: takes the configuration of each model that became ready, under its name.
        start: runs a function beside what goes on: loading takes its time, and no model waits for another one.
    """

    def __init__(
        self,
        control: ModelControl,
        processes: Callable[[], Mapping[str, frozenset[int]]],
        models: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
        pulse: Pulse | None = None,
        configs: dict[str, dict[str, Any]] | None = None,
        start: Callable[[Callable[[], None]], None] = lambda run: threading.Thread(target=run, daemon=True).start(),
    ) -> None:
        self._control = control
        self._processes = processes
        self._models = models
        self._clock = clock
        self._hold_s = HOLD_S if RELOAD_HOLD.is_on() else 0.0
        self._pulse = pulse
        self._start = start
        self._known: dict[str, frozenset[int]] = {}
        self._num_expected: dict[str, int] = {}
        self._down: dict[str, _Down] = {}
        self._loaded: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._starting: dict[str, _Starting] = defaultdict(_Starting)
        self._configs = {} if configs is None else configs

    @property
    def has_served(self) -> bool:
        """Whether any model was ever ready."""
        return bool(self._num_expected)

    @property
    def lost(self) -> str:
        """Why the server has to be started anew; empty while it has not.

        A process that dies while it starts keeps Triton waiting for it: the model never comes, and cannot be loaded.
        """
        for model, starting in self._starting.items():
            if starting.gone_s is not None and self._clock() - starting.gone_s > DEAD_AT_START_S:
                return f"the process of {model} died while it started"
        return ""

    def look(self) -> list[str]:
        """Look once: unload what has died, and load what is down and due for a try.

        One that cannot be loaded is tried again later, after longer and longer pauses, and keeps no other waiting.

        Returns:
            The models that were loaded again.
        """
        self._learn()
        self._end_silent()
        for model in self._find_dead():
            self._take_down(model)
        return self._load_due()

    def _end_silent(self) -> None:
        """Kill the processes of models that give no sign of life; what is dead is loaded again."""
        if self._pulse is None:
            return
        there = {model: self._known.get(model, frozenset()) for model in self._num_expected if model not in self._down}
        for model in self._pulse.without({model: pids for model, pids in there.items() if pids}):
            logger.error("no sign of life, processes are killed model=%s pids=%s", model, sorted(there[model]))
            for pid in there[model]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _learn(self) -> None:
        """Find the processes of models that became ready; what never was is not ours to load."""
        for model in self._models:
            if model not in self._num_expected and self._control.is_ready(model):
                self._configs[model] = self._control.config(model)
                self._num_expected[model] = num_processes_of(self._configs[model])
                self._known = dict(self._processes())
                self._starting.pop(model, None)
        self._watch_starts([model for model in self._models if model not in self._num_expected or self._loads(model)])

    def _loads(self, model: str) -> bool:
        return model in self._down and self._down[model].is_loading

    def _watch_starts(self, models: Sequence[str]) -> None:
        """Take note of processes that start, and of those among them that are gone before their model is ready."""
        found = self._processes() if models else {}
        for model in models:
            starting = self._starting[model]
            if pids := found.get(model, frozenset()):
                starting.pids, starting.gone_s = pids, None
            elif starting.pids and starting.gone_s is None:
                starting.gone_s = self._clock()

    def _find_dead(self) -> list[str]:
        if not all(is_running(pid) for pids in self._known.values() for pid in pids):
            self._known = dict(self._processes())
        if not any(map(self._seems_dead, self._num_expected)):
            return []
        self._known = dict(self._processes())  # one that somebody has reloaded has other processes now
        return [model for model in self._num_expected if self._seems_dead(model)]

    def _seems_dead(self, model: str) -> bool:
        """Whether it lacks a process though Triton says that it is ready; one unloaded on purpose is not."""
        return (
            model not in self._down
            and len(self._known.get(model, ())) < self._num_expected[model]
            and self._control.is_ready(model)
        )

    def _take_down(self, model: str) -> None:
        """Unload a dead model: readiness says so from here on, and the next load is none of a loaded model."""
        logger.error("process died, model is loaded again model=%s", model)
        now_s = self._clock()
        self._control.unload(model)
        self._down[model] = _Down(now_s, now_s + (self._hold_s if model in ENDED_BY_CLIENTS else 0.0))

    def _load_due(self) -> list[str]:
        for model, down in list(self._down.items()):
            if not down.is_loading and self._clock() >= down.next_try_s:
                down.is_loading = True
                self._start(partial(self._load, model, down))
        loaded = [self._loaded.get() for _ in range(self._loaded.qsize())]
        for model in loaded:
            self._down.pop(model, None)
        if loaded:
            self._known = dict(self._processes())
        return loaded

    def _load(self, model: str, down: _Down) -> None:
        """Load a model; may run on a thread of its own."""
        is_loaded = self._control.load(model)
        self._starting.pop(model, None)
        if is_loaded:
            logger.warning("model is back model=%s after_s=%.1f", model, self._clock() - down.since_s)
            self._loaded.put(model)
            return
        down.next_try_s, down.pause_s = self._clock() + down.pause_s, min(2 * down.pause_s, _LONGEST_PAUSE_S)
        down.is_loading = False
