"""The tritonserver of the nvidia-pytriton wheel as a process: how it is started, watched and buried.

Every flag here answers a finding of docs/triton-findings.md. The wheel's server is 2.51.0 (24.10), with the Python
backend only.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import socket
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gsv_runtime.server import plain_paths
from gsv_runtime.server.flags import EXIT_TIMEOUT_S, server_flags
from gsv_runtime.server.logs import Log
from gsv_runtime.server.model_processes import is_running, server_process
from gsv_runtime.server.watchdog import clear_leftovers
from gsv_runtime.server.workarounds import RELEASE, WHEEL_RELEASE

# As tritonserver 2.51 logs it: failed to load 'acoustic' version 1: Internal: ImportError: ...
_MODEL_FAILED = re.compile(r"failed to load '(?P<model>\w+)' version \d+: (?P<reason>[^\n]+)")


class ServerFailed(Exception):
    """The server cannot start or did not become ready; the message says why and what to do."""


class ModelFailed(ServerFailed):
    """A model cannot be loaded, and will not be the next time; the message has Triton's reason."""


@dataclass(frozen=True)
class Ports:
    """Where the server listens, on 127.0.0.1 unless `host` says otherwise."""

    http: int
    grpc: int
    metrics: int
    host: str = "127.0.0.1"

    @classmethod
    def free(cls) -> Ports:
        """Three that nobody listens on now."""
        with contextlib.ExitStack() as stack:
            probes = [stack.enter_context(socket.socket()) for _ in range(3)]
            for probe in probes:
                probe.bind((cls.host, 0))
            http, grpc, metrics = (int(probe.getsockname()[1]) for probe in probes)
            return cls(http, grpc, metrics)

    def require_free(self, patience_s: float = 0.0) -> None:
        """Raise ServerFailed naming the first port that somebody else listens on.

        Args:
            patience_s: how long to wait for a server that was just killed: its sockets outlive it by a second or two.
        """
        deadline = time.monotonic() + patience_s
        for name, port in (("HTTP", self.http), ("GRPC", self.grpc), ("METRICS", self.metrics)):
            while (problem := self._problem(port)) is not None:
                if time.monotonic() >= deadline:
                    raise ServerFailed(
                        f"{name} port {self.host}:{port} cannot be used ({problem}); "
                        f"stop what listens there or set GSV_{name}_PORT"
                    )
                time.sleep(0.1)

    def _problem(self, port: int) -> str | None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, port))
            except OSError as failure:
                return failure.strerror
        return None


@dataclass(frozen=True)
class Wheel:
    """Files of the nvidia-pytriton wheel."""

    package: Path
    libraries: Path

    @classmethod
    def find(cls) -> Wheel:
        """Find the wheel in this Python's site-packages."""
        spec = importlib.util.find_spec("pytriton")
        if spec is None or spec.origin is None:
            raise ServerFailed("nvidia-pytriton is not installed; run `make setup`")
        package = Path(spec.origin).parent
        return cls(package / "tritonserver", package.parent / "nvidia_pytriton.libs")

    def install_backends(self, target: Path) -> None:
        """Lay out the Python backend with the stub of this Python version, as tritonserver expects it."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        stub = self.package / "python_backend_stubs" / version / "triton_python_backend_stub"
        if not stub.is_file():
            raise ServerFailed(f"nvidia-pytriton has no stub for Python {version}; use Python 3.10, 3.11 or 3.12")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.package / "backends" / "python", target / "python")
        shutil.copy2(stub, target / "python" / stub.name)
        (target / "python" / stub.name).chmod(0o755)

    def environment(self, given: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The process environment; the stub finds its Python by the first python3 on PATH.

        Also in one of NVIDIA's containers the release is the wheel's.
        """
        environment = dict(given)
        libraries = [str(sysconfig.get_config_var("LIBDIR")), str(self.libraries), environment.get("LD_LIBRARY_PATH")]
        environment["LD_LIBRARY_PATH"] = ":".join(filter(None, libraries))
        environment["PATH"] = f"{Path(sys.prefix) / 'bin'}:{environment.get('PATH', '')}"
        environment[RELEASE] = WHEEL_RELEASE
        return environment


def command_line(
    wheel: Wheel,
    repository: Path,
    backends: Path,
    models: Iterable[str],
    ports: Ports,
    admin_key: str,
    shm_prefix: str,
) -> list[str]:
    """Build the server's command line.

    Args:
        wheel: where tritonserver lies.
        repository: the model repository.
        backends: directory made by `Wheel.install_backends`.
        models: names of the models to load; others in the repository are left alone.
        ports: where to listen.
        admin_key: value of the header without which models, memory and logs cannot be touched.
        shm_prefix: begins the names of this server's shared memory files, so that they can be told from others'.
    """
    return [
        str(wheel.package / "bin" / "tritonserver"),
        *server_flags(repository, models, admin_key, shm_prefix),
        f"--backend-directory={backends}",
        f"--cache-directory={wheel.package / 'caches'}",
        f"--http-address={ports.host}",
        f"--grpc-address={ports.host}",
        f"--metrics-address={ports.host}",
        f"--http-port={ports.http}",
        f"--grpc-port={ports.grpc}",
        f"--metrics-port={ports.metrics}",
    ]


def start(command: list[str], environment: Mapping[str, str], log: Log) -> int:
    """Start the server's watchdog in a session of its own, so that all of it can be ended; return its process id.

    It and its children append to a log of their own; that of the run before is put aside.
    """
    log.begin()
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        command[0],
        command,
        {**environment, **log.variables()},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log.path), flags, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def is_ready(ports: Ports) -> bool:
    """Whether every loaded model answers."""
    try:
        with urllib.request.urlopen(f"http://{ports.host}:{ports.http}/v2/health/ready", timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def wait_until_ready(pid: int, ports: Ports, limit_s: float, log: Path | None = None) -> float:
    """Wait for readiness.

    Args:
        pid: of the watchdog.
        ports: where the server will listen.
        limit_s: how long to wait.
        log: of the server, where it says that a model has failed for good.

    Returns:
        Seconds waited.

    Raises:
        ModelFailed: a model cannot be loaded.
        ServerFailed: the process ended, or is not ready within `limit_s`.
    """
    started = time.monotonic()
    while True:
        waited_s = time.monotonic() - started
        check_models(log)
        if not is_running(pid):
            raise ServerFailed(f"tritonserver ended after {waited_s:.1f} s")
        if is_ready(ports):
            return waited_s
        if waited_s > limit_s:
            raise ServerFailed(f"tritonserver is not ready after {waited_s:.0f} s")
        time.sleep(0.1)


def check_models(log: Path | None) -> None:
    """Look into a server's log for a model that cannot be loaded.

    Raises:
        ModelFailed: the first one, with Triton's reason.
    """
    text = "" if log is None else log.read_text(encoding="utf-8", errors="replace")
    found = _MODEL_FAILED.search(text)
    if found is not None:
        reason = found["reason"].partition(r"\n")[0].strip().rstrip('"').removeprefix("Internal: ")
        raise ModelFailed(f"model {found['model']} cannot be loaded: {reason}; the whole story: make logs")


def is_alive(pid: int) -> bool:
    """Whether `pid` is a running tritonserver, or keeps one."""
    return server_process(pid) is not None


def stop(pid: int, shm_prefix: str) -> None:
    """End the server and all that it left: SIGTERM, then SIGKILL, its stubs, its shared memory files.

    One open stream keeps this tritonserver from ever exiting (docs/triton-findings.md, finding 7), hence the SIGKILL.
    """
    if is_alive(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        _wait_until_gone([pid], EXIT_TIMEOUT_S + 3)
    kill(pid)
    with contextlib.suppress(ChildProcessError):  # if it was a child of this process, let it go
        os.waitpid(pid, os.WNOHANG)
    clear_leftovers(shm_prefix)
    plain_paths.remove(plain_paths.folder_of(shm_prefix))


def kill(pid: int) -> None:
    """Kill watchdog, server and models at once, as a machine that fails does; `stop` clears what is left."""
    members = _session_members(pid)
    for member in members:
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)
    _wait_until_gone(members, EXIT_TIMEOUT_S)


def _wait_until_gone(pids: list[int], limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)


def _session_members(session: int) -> list[int]:
    """Processes of the session that the watchdog leads: the server and its stubs, orphaned or not."""
    members = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):
            if int(path.read_text().rpartition(")")[2].split()[3]) == session:
                members.append(int(path.parent.name))
    return members
