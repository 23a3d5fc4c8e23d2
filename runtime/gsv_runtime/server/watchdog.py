"""Keeps a tritonserver: starts it, has its models watched, and starts it again when it dies (decision 21).

`python -m gsv_runtime.server.watchdog HOST:PORT SHM_PREFIX MODEL... -- tritonserver ...`. The admin key comes from
GSV_ADMIN_KEY. SIGTERM and SIGINT stop the server, and this process with it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from gsv_runtime import log_lines
from gsv_runtime.server import plain_paths
from gsv_runtime.server.kept_server import KeptServer
from gsv_runtime.server.logs import Log
from gsv_runtime.server.memory_limit import MemoryLimit
from gsv_runtime.server.model_processes import is_running, stub_pids
from gsv_runtime.server.model_reloader import POLL_S, ModelControl
from gsv_runtime.server.preload import GUARDED_PORT, library, with_preload

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_TRIES_TO_START = 3  # of a server that a model was lost from while it started
_LIVED_LONG_S = 60.0  # a server that lived for so long is started again at once
_SHARED_MEMORY = Path("/dev/shm")

logger = logging.getLogger("gsv.watchdog")


class Process(Protocol):
    """What is asked of a process."""

    pid: int

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""


class Watched(Protocol):
    """What is asked about a server that runs."""

    @property
    def has_served(self) -> bool:
        """Whether it was ever ready."""

    @property
    def lost(self) -> str:
        """Why it has to be started anew, which nothing else would mend; empty while it has not."""

    def look(self) -> object:
        """See whether all is well, and mend what is not."""


class ServerWatchdog:
    """Keeps one server running until it is told to stop.

    Args:
        start: starts tritonserver.
        reloader: a reloader of the server with this process id, which waits by calling the function given.
        clear: removes what a dead server has left.
        sleep: waits for some seconds.
        clock: seconds that only grow.
        name: of the server, for the log.
        log: that it writes, kept from growing without bound.
    """

    def __init__(
        self,
        start: Callable[[], Process],
        reloader: Callable[[int], Watched],
        clear: Callable[[], None],
        sleep: Callable[[float], Any] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        name: str = "tritonserver",
        log: Log | None = None,
    ) -> None:
        self._log = log
        self._name = name
        self._start = start
        self._reloader = reloader
        self._clear = clear
        self._sleep = sleep
        self._clock = clock
        self._server: Process | None = None
        self._stopping = False

    def stop(self, *_: Any) -> None:
        """Stop the server; `run` returns when it has ended. May be called from a signal handler."""
        self._stopping = True
        if self._server is not None:
            self._server.terminate()

    def run(self) -> int:
        """Keep it running.

        Returns:
            Its exit status, once it was told to stop, or if it ended before any model was ready: what cannot start
            would not the next time either. One that was lost while it started is given a few more tries.
        """
        served, pause_s, tries_left = False, 0.0, _TRIES_TO_START
        while True:
            began_s = self._clock()
            status, watched = self._run_once()
            served |= watched.has_served and not watched.lost
            tries_left -= 1
            if self._stopping or not (served or (watched.lost and tries_left)):
                return status if status >= 0 else 128 - status
            lived_s = self._clock() - began_s
            pause_s = _next_pause_s(pause_s, lived_s)
            logger.error("%s died status=%d lived_s=%.0f started_again_in_s=%g", self._name, status, lived_s, pause_s)
            self._clear()
            self._pause(pause_s)
            if self._stopping:
                return 0

    def _run_once(self) -> tuple[int, Watched]:
        """Start the server and watch it to its end: its exit status, and what watched it."""
        self._server = server = self._start()
        if self._stopping:  # told so while it was starting
            server.terminate()

        reloader, failure, log_failure = self._reloader(server.pid), "", ""
        while server.poll() is None:
            failure = self._look("models", reloader.look, failure)
            if reloader.lost and not self._stopping:
                logger.error("%s is started anew reason=%r", self._name, reloader.lost)
                server.kill()
            if self._log is not None:
                log_failure = self._look("log", self._log.look, log_failure)
            self._sleep(POLL_S)
        return server.poll() or 0, reloader

    @staticmethod
    def _look(what: str, look: Callable[[], object], told: str) -> str:
        """Have the models or the log looked at; whatever a server in trouble does to that, the watching goes on.

        Args:
            what: is looked at, for the log.
            look: looks at it.
            told: the failure that the log has last.

        Returns:
            The failure that the log has now.
        """
        try:
            look()
        except Exception as failure:
            if repr(failure) != told:
                logger.exception("looking at the %s failed", what)
            return repr(failure)
        return ""

    def _pause(self, seconds: float) -> None:
        until_s = self._clock() + seconds
        while not self._stopping and (left_s := until_s - self._clock()) > 0:
            self._sleep(min(left_s, POLL_S))


def _next_pause_s(before_s: float, lived_s: float) -> float:
    """Longer and longer, for a server that dies soon after each start."""
    if lived_s >= _LIVED_LONG_S:
        return 0.0
    return min(max(_FIRST_PAUSE_S, 2 * before_s), _LONGEST_PAUSE_S)


def clear_leftovers(shm_prefix: str) -> None:
    """End the model processes of a server that is gone, which hold its ports too, and remove its shared memory.

    Args:
        shm_prefix: begins the names of its shared memory files, and of no other server's.
    """
    left = stub_pids(shm_prefix)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline_s = time.monotonic() + 5.0
    while any(map(is_running, left)) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    for path in _SHARED_MEMORY.glob(f"{shm_prefix}*"):
        path.unlink(missing_ok=True)


def keep(command: Sequence[str], address: str, shm_prefix: str, models: Sequence[str], admin_key: str) -> int:
    """Keep a tritonserver until SIGTERM or SIGINT.

    Args:
        command: tritonserver and its flags.
        address: where it will serve HTTP, host:port.
        shm_prefix: as `clear_leftovers`.
        models: names of the models to watch.
        admin_key: opens its model control.

    Returns:
        The exit status of the server.
    """
    log_lines.configure()
    os.umask(0o077)  # shared memory and what models write is the server's user's alone
    repairs = plain_paths.plain(library(), plain_paths.folder_of(shm_prefix))
    environment = with_preload(os.environ, repairs) | {GUARDED_PORT: address.rpartition(":")[2]}
    control = ModelControl(address, admin_key)
    watchdog = ServerWatchdog(
        start=lambda: subprocess.Popen(list(command), env=environment),
        reloader=lambda pid: KeptServer(pid, shm_prefix, control, models, MemoryLimit.of(command, os.environ)),
        clear=lambda: clear_leftovers(shm_prefix),
        log=Log.of(os.environ),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, watchdog.stop)
    return watchdog.run()


def watchdog_command(command: Sequence[str], address: str, shm_prefix: str, models: Sequence[str]) -> list[str]:
    """The command line that does the same as `keep` in a new process; the key goes into its environment."""
    return [sys.executable, "-m", "gsv_runtime.server.watchdog", address, shm_prefix, *models, "--", *command]


def main() -> None:
    """See the module's first lines."""
    split = sys.argv.index("--")
    address, shm_prefix, *models = sys.argv[1:split]
    sys.exit(keep(sys.argv[split + 1 :], address, shm_prefix, models, os.environ["GSV_ADMIN_KEY"]))


if __name__ == "__main__":
    main()
