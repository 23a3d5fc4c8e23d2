"""Starts a model again whose process has died; Triton 2.51 does not (triton.md, finding 6; decision 0014).

`python -m gsv_runtime.supervisor HOST:PORT MODEL... -- tritonserver ...` starts a supervisor, then becomes
tritonserver. The supervisor is its child, sees its models' processes, and ends with it. The admin key comes from
GSV_ADMIN_KEY.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from gsv_runtime.model_processes import is_running, model_processes
from gsv_runtime.preload import library, with_preload

POLL_S = 0.25
# How long `tts` stays unloaded once its process has died. Its streams hang, for nothing in Triton ends them; a client
# that hears nothing asks whether `tts` is ready, at least once in this time (gsv_client.transport.liveness).
HOLD_S = 2.5
ENDED_BY_CLIENTS = ("tts",)
ADMIN_HEADER = "admin-key"
_LONGEST_BACKOFF_S = 30.0

logger = logging.getLogger("gsv.supervisor")


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
        """Takes the model away; requests get an error at once. False if that failed."""
        return self._ask("POST", f"repository/models/{model}/unload", limit_s=10.0) is not None

    def load(self, model: str) -> bool:
        """Loads the model and waits until it is ready; False if it did not load."""
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
        except OSError:
            pass  # not up yet, or stopping
        return None


class Supervisor:
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

    def look(self) -> list[str]:
        """Looks once, and starts again what has died.

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
        """Finds the processes of models that became ready; what never was is not ours to load."""
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


def watch(server: int, address: str, models: Sequence[str], admin_key: str) -> None:
    """Watches the server, this process's parent, until it ends."""

    def sleep(seconds: float) -> None:
        if os.getppid() != server:
            sys.exit(0)
        time.sleep(seconds)

    supervisor = Supervisor(ModelControl(address, admin_key), lambda: model_processes(server), models, sleep)
    while True:
        supervisor.look()
        sleep(POLL_S)


def become(command: Sequence[str], address: str, models: Sequence[str], admin_key: str) -> NoReturn:
    """Starts the supervisor as a child and turns this process into tritonserver.

    Args:
        command: tritonserver and its flags.
        address: where it will serve HTTP, host:port.
        models: names of the models to watch.
        admin_key: opens its model control.
    """
    child = [sys.executable, "-m", "gsv_runtime.supervisor", "--watch", str(os.getpid()), address, *models]
    os.posix_spawn(child[0], child, os.environ | {"GSV_ADMIN_KEY": admin_key})
    os.execvpe(command[0], list(command), with_preload(os.environ, library()))


def supervised(command: Sequence[str], address: str, models: Sequence[str]) -> list[str]:
    """The command line that does the same as `become` in a new process; the key goes into its environment."""
    return [sys.executable, "-m", "gsv_runtime.supervisor", address, *models, "--", *command]


def main() -> None:
    """See the module's first lines."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s %(message)s")
    admin_key = os.environ["GSV_ADMIN_KEY"]
    arguments = sys.argv[1:]
    if arguments[0] == "--watch":
        server, address, *models = arguments[1:]
        watch(int(server), address, models, admin_key)
    split = arguments.index("--")
    address, *models = arguments[:split]
    become(arguments[split + 1 :], address, models, admin_key)


if __name__ == "__main__":
    main()
