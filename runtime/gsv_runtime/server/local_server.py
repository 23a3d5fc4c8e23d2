"""`python -m gsv_runtime.server up|down|status|logs`: the local server, from `make up` to `make down`.

State lies in one directory (`var/` by default): server.json says what runs, server.log what it says.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import gsv_runtime
from gsv_runtime.model_files import DEFAULT_REPOSITORY, file_digest, joined_digest
from gsv_runtime.server import gateway_process, preload, triton_process, workarounds
from gsv_runtime.server.model_processes import server_process
from gsv_runtime.server.triton_process import Ports, ServerFailed, Wheel
from gsv_runtime.server.watchdog import watchdog_command
from gsv_runtime.settings import BUILD_FILE, read_build

DEFAULT_STATE = Path("var")
READY_LIMIT_S = 300.0
WITHOUT_CONTAINER = ("cpu", "cuda")  # presets that this server can run
_LOG_TAIL_LINES = 30

logger = logging.getLogger("gsv.server")


@dataclass(frozen=True)
class ServerState:
    """The running server, as server.json has it."""

    pid: int  # of its watchdog
    ports: Ports
    shm_prefix: str
    admin_key: str
    serves: str = ""  # digest of what it has loaded

    @property
    def server_pid(self) -> int | None:
        """Process id of tritonserver; None while there is none."""
        return server_process(self.pid)

    @classmethod
    def read(cls, directory: Path) -> ServerState | None:
        """Read server.json; None if there is none."""
        try:
            values = json.loads((directory / "server.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        known = {field.name for field in fields(cls)}  # a server of an older checkout can still be stopped
        return cls(**{name: values[name] for name in known & values.keys() - {"ports"}}, ports=Ports(**values["ports"]))

    def write(self, directory: Path) -> None:
        """Write server.json, readable by its owner only: it holds the admin key."""
        path = directory / "server.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")


def up(repository: Path, state_directory: Path, ports: Ports) -> ServerState:
    """Start the server and return when it is ready; one that already serves this build is left running.

    Args:
        repository: a repository made by `build` for one of `WITHOUT_CONTAINER`.
        state_directory: where state and log are kept.
        ports: where to listen.

    Raises:
        ServerFailed: with what is wrong; the log's tail has been logged.
    """
    repository, state_directory = repository.resolve(), state_directory.resolve()
    models, serves = _models(repository), _served_digest(repository)
    running = ServerState.read(state_directory)
    if running is not None:
        same = (running.ports, running.serves) == (ports, serves)
        if same and triton_process.is_alive(running.pid) and triton_process.is_ready(ports):
            logger.info("server already up pid=%d grpc=%s:%d", running.pid, ports.host, ports.grpc)
            return running
        down(state_directory)
    ports.require_free(patience_s=0.0 if running is None else 10.0)
    return _start(repository, state_directory, ports, models, serves)


def _models(repository: Path) -> list[str]:
    try:
        build = read_build(repository)
    except ValueError as failure:
        raise ServerFailed(str(failure)) from None
    if build["preset"] not in WITHOUT_CONTAINER:
        raise ServerFailed(
            f"{repository.name} was built for preset {build['preset']}, which runs in NVIDIA's container: "
            "`docker compose up`; for this server run `make build` with PRESET=cpu or PRESET=cuda"
        )
    models: list[str] = build["models"]
    return models


def _served_digest(repository: Path) -> str:
    """Changes with the build, the configuration, the code that the server has loaded, and how it is switched."""
    code = Path(gsv_runtime.__file__).parent
    paths = [*repository.glob("*/config.pbtxt"), *repository.glob("*/1/model.py"), *code.rglob("*.py")]
    paths += filter(None, [preload.library()])
    digests = [file_digest(path) for path in [repository / BUILD_FILE, *sorted(paths)]]
    return joined_digest([*digests, json.dumps(_positions())])


def _positions() -> dict[str, bool]:
    try:
        return workarounds.positions(os.environ | {workarounds.RELEASE: workarounds.WHEEL_RELEASE})
    except ValueError as failure:
        raise ServerFailed(str(failure)) from None


def _start(repository: Path, state_directory: Path, ports: Ports, models: list[str], serves: str) -> ServerState:
    wheel = Wheel.find()
    state_directory.mkdir(parents=True, exist_ok=True)
    backends, log = state_directory / "backends", state_directory / "server.log"
    wheel.install_backends(backends)
    admin_key, shm_prefix = secrets.token_hex(16), f"gsv-{secrets.token_hex(4)}-"
    command = triton_process.command_line(
        wheel,
        repository,
        backends,
        models=models,
        ports=ports,
        admin_key=admin_key,
        shm_prefix=shm_prefix,
    )
    if preload.library() is None:
        logger.warning(preload.MISSING)
    command = watchdog_command(command, f"{ports.host}:{ports.http}", shm_prefix, models)
    pid = triton_process.start(command, wheel.environment() | {"GSV_ADMIN_KEY": admin_key}, log)
    state = ServerState(pid, ports, shm_prefix, admin_key, serves)
    state.write(state_directory)
    logger.info("server starting pid=%d log=%s", pid, log)
    try:
        waited_s = triton_process.wait_until_ready(pid, ports, READY_LIMIT_S)
    except BaseException as failure:
        if isinstance(failure, ServerFailed):
            logger.error("last lines of %s:\n%s", log, log_tail(log))
        down(state_directory)
        raise
    logger.info("server ready after_s=%.1f http=%s:%d grpc=%d", waited_s, ports.host, ports.http, ports.grpc)
    return state


def down(state_directory: Path) -> bool:
    """Stop the server and remove what it left; False if there was none."""
    state = ServerState.read(state_directory)
    if state is None:
        return False
    triton_process.stop(state.pid, state.shm_prefix)
    (state_directory / "server.json").unlink(missing_ok=True)
    logger.info("server stopped pid=%d", state.pid)
    return True


def log_tail(log: Path, lines: int = _LOG_TAIL_LINES) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def ports_from_environment(environment: Mapping[str, str]) -> Ports:
    """Ports as GSV_HTTP_PORT, GSV_GRPC_PORT, GSV_METRICS_PORT say, else Triton's; GSV_HOST leaves loopback."""
    numbers = {}
    for name, default in (("http", 8000), ("grpc", 8001), ("metrics", 8002)):
        variable = f"GSV_{name.upper()}_PORT"
        text = environment.get(variable, str(default))
        if not (text.isdecimal() and 0 < int(text) < 65_536):
            raise ServerFailed(f"{variable} is {text!r}; need a port from 1 to 65535")
        numbers[name] = int(text)
    return Ports(**numbers, host=environment.get("GSV_HOST", "127.0.0.1"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of these commands."""
    parser.add_argument("--repository", type=Path, default=DEFAULT_REPOSITORY)
    parser.add_argument("--state", type=Path, default=DEFAULT_STATE, help="directory of server.json and server.log")
    if parser.prog.endswith("logs"):
        parser.add_argument("-f", "--follow", action="store_true", help="keep printing")


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit status."""
    try:
        if arguments.command == "up":
            ports = ports_from_environment(os.environ)
            port = gateway_process.port_from_environment(os.environ)
            up(arguments.repository, arguments.state, ports)
            if port is not None:
                gateway_process.up(arguments.state.resolve(), port, f"{ports.host}:{ports.grpc}", os.environ)
        elif arguments.command == "down":
            gateway_process.down(arguments.state)
            if not down(arguments.state):
                logger.info("no server to stop state=%s", arguments.state)
        elif arguments.command == "status":
            return _status(arguments.state)
        elif arguments.command == "logs":
            return _logs(arguments.state / "server.log", arguments.follow)
    except ServerFailed as failure:
        logger.error("%s", failure)
        return 1
    return 0


def _status(state_directory: Path) -> int:
    state = ServerState.read(state_directory)
    ready = state is not None and triton_process.is_alive(state.pid) and triton_process.is_ready(state.ports)
    shown = {"ready": ready} | ({"pid": state.pid, **asdict(state.ports)} if state else {})
    sys.stdout.write(json.dumps(shown) + "\n")
    return 0 if ready else 1


def _logs(log: Path, follow: bool) -> int:
    if not log.is_file():
        raise ServerFailed(f"no log at {log}; run `make up`")
    if follow:
        return subprocess.call(["tail", "-n", "+1", "-f", str(log)])
    sys.stdout.write(log.read_text(encoding="utf-8", errors="replace"))
    return 0
