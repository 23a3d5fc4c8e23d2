"""`python -m gsv_runtime.server up|down|status|logs|usage`: the local server, from `make up` to `make down`.

State lies in one directory (`var/` by default), all of it: server.json says what runs, server.log what it says, voices
and cache are what it keeps, and gsv.toml is what the operator has decided.
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
from gsv_runtime.server import (
    account,
    gateway_process,
    plain_paths,
    preload,
    state_folder,
    triton_process,
    usage,
    workarounds,
)
from gsv_runtime.server.model_processes import server_process
from gsv_runtime.server.operator_settings import decided, log_of, settings_of, with_file
from gsv_runtime.server.served_repository import require_this_version, served_repository
from gsv_runtime.server.triton_process import ModelFailed, Ports, ServerFailed, Wheel
from gsv_runtime.server.watchdog import watchdog_command
from gsv_runtime.settings import ADMIN_KEY, BUILD_FILE, STATE, read_build
from gsv_runtime.voices.storage import LEAST_SHARED_MEMORY_BYTES, START_SHARED_MEMORY_BYTES, small_shared_memory

DEFAULT_STATE = Path("var")
PID_FILE = "server.pid"  # of the watchdog, for systemd
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
        """Read server.json; None if there is none.

        Raises:
            ServerFailed: it cannot be read.
        """
        path = directory / "server.json"
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            known = {field.name for field in fields(cls)} - {"ports"}  # that of an older checkout can still be stopped
            return cls(**{name: values[name] for name in known & values.keys()}, ports=Ports(**values["ports"]))
        except FileNotFoundError:
            return None
        except OSError as failure:
            raise ServerFailed(f"{path} cannot be read ({failure.strerror}); use the account that started it") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ServerFailed(f"{path} is damaged; stop the server by its process id, then remove the file") from None

    def write(self, directory: Path) -> None:
        """Write server.json, whole or not at all, readable by its owner only: it holds the admin key."""
        path = directory / "server.json"
        partial = path.with_suffix(".new")
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        partial.replace(path)
        (directory / PID_FILE).write_text(f"{self.pid}\n", encoding="utf-8")


def local_key(grpc_port: int, directory: Path = DEFAULT_STATE) -> str | None:
    """The key of the server that this checkout has at that port; None if it has none there."""
    state = ServerState.read(directory)
    return state.admin_key if state is not None and state.ports.grpc == grpc_port else None


def up(
    repository: Path, state_directory: Path, ports: Ports, environment: Mapping[str, str] = os.environ
) -> ServerState:
    """Start the server and return when it is ready; one that already serves this build is left running.

    Args:
        repository: a repository made by `build` for one of `WITHOUT_CONTAINER`.
        state_directory: where all is kept that the server keeps.
        ports: where to listen.
        environment: of the server, with what the operator has decided.

    Raises:
        ServerFailed: with what is wrong; the log's tail has been logged.
    """
    repository, state_directory = repository.resolve(), state_directory.resolve()
    _require_readable([repository, state_directory, Path(sys.prefix)], environment)
    account.chosen(environment)  # refused before what runs is stopped
    models, serves = _models(repository), _served_digest(repository, environment)
    state_folder.prepare(state_directory)
    _require_shared_memory(len(models))
    running = ServerState.read(state_directory)
    if running is not None:
        same = (running.ports, running.serves) == (ports, serves)
        if same and triton_process.is_alive(running.pid) and triton_process.is_ready(ports):
            logger.info("server already up pid=%d grpc=%s:%d", running.pid, ports.host, ports.grpc)
            return running
        down(state_directory)
    ports.require_free(patience_s=0.0 if running is None else 10.0)
    return _start(repository, state_directory, ports, models, serves, environment)


def _require_readable(paths: list[Path], environment: Mapping[str, str]) -> None:
    """Refuse paths that the server's programs cannot read; a list of paths holds no colon, whatever one does."""
    positions = _positions(environment)
    for path in map(str, paths):
        if ":" in path:
            raise ServerFailed(f"{path} has a colon, which separates the paths of a list; move it to a path without")
        if not path.isascii() and (preload.library() is None or not positions[workarounds.PRELOAD.switch]):
            raise ServerFailed(
                f"{path} has letters beyond ASCII, which models read only with our library; "
                "install gcc and gsv-runtime again (rm .venv/.server; make setup), or move it"
            )


def _require_shared_memory(num_models: int) -> None:
    """Refuse where the models could not begin, and warn where they would fail later; Triton names neither cause."""
    if shared := small_shared_memory(START_SHARED_MEMORY_BYTES * num_models, "models cannot start"):
        raise ServerFailed(shared)
    if shared := small_shared_memory(LEAST_SHARED_MEMORY_BYTES):
        logger.warning("%s", shared)


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
    require_this_version(repository)
    models: list[str] = build["models"]
    return models


def _served_digest(repository: Path, environment: Mapping[str, str]) -> str:
    """Changes with the build, the configuration, the code that the server has loaded, and what the operator decides."""
    code = Path(gsv_runtime.__file__).parent
    paths = [*repository.glob("*/config.pbtxt"), *repository.glob("*/1/model.py"), *code.rglob("*.py")]
    paths += filter(None, [preload.library()])
    digests = [file_digest(path) for path in [repository / BUILD_FILE, *sorted(paths)]]
    return joined_digest([*digests, json.dumps([_positions(environment), _decided_of_server(environment)])])


def _decided_of_server(environment: Mapping[str, str]) -> dict[str, str]:
    """What the operator has decided for the server, not where it listens, and not for the gateway."""
    elsewhere = ("host", "http_port", "grpc_port", "metrics_port")
    return {
        name: text
        for name, text in decided(environment).items()
        if name not in elsewhere and not name.startswith("gateway_")
    }


def _positions(environment: Mapping[str, str]) -> dict[str, bool]:
    try:
        return workarounds.positions({**environment, workarounds.RELEASE: workarounds.WHEEL_RELEASE})
    except ValueError as failure:
        raise ServerFailed(str(failure)) from None


def _start(
    repository: Path,
    state_directory: Path,
    ports: Ports,
    models: list[str],
    serves: str,
    environment: Mapping[str, str],
) -> ServerState:
    wheel, log = Wheel.find(), log_of(state_directory / "server.log", environment)
    backends = state_directory / "backends"
    wheel.install_backends(backends)
    admin_key, shm_prefix = secrets.token_hex(16), f"gsv-{secrets.token_hex(4)}-"
    links, owner = plain_paths.folder_of(shm_prefix), account.chosen(environment)
    told = wheel.environment(environment) | {ADMIN_KEY: admin_key, STATE: str(state_directory)}
    repairs = plain_paths.plain(preload.library(), links)
    command = triton_process.command_line(
        wheel,
        plain_paths.plain(served_repository(repository, state_directory, settings_of(environment)), links),
        plain_paths.plain(backends, links),
        models=models,
        ports=ports,
        admin_key=preload.KEY_PLACE if preload.is_loaded(told, repairs) else admin_key,
        shm_prefix=shm_prefix,
    )
    if preload.library() is None:
        logger.warning(preload.MISSING)
    if owner is None and os.geteuid() == 0:
        logger.warning(account.AS_ROOT)
    account.give(owner, [state_directory, links])
    command = watchdog_command(command, f"{ports.host}:{ports.http}", shm_prefix, models)
    pid = triton_process.start(account.command_as(owner, command), told, log)
    state = ServerState(pid, ports, shm_prefix, admin_key, serves)
    try:
        state.write(state_directory)
        account.give(owner, [state_directory / name for name in ("server.json", PID_FILE, log.path.name)])
        logger.info("server starting pid=%d log=%s", pid, log.path)
        waited_s = triton_process.wait_until_ready(pid, ports, READY_LIMIT_S, log.path)
    except BaseException as failure:
        if isinstance(failure, ServerFailed) and not isinstance(failure, ModelFailed):
            logger.error("last lines of %s:\n%s", log.path, log_tail(log.path))
        _end(state, state_directory)
        raise
    logger.info("server ready after_s=%.1f http=%s:%d grpc=%d", waited_s, ports.host, ports.http, ports.grpc)
    return state


def down(state_directory: Path) -> bool:
    """Stop the server and remove what it left; False if there was none."""
    state = ServerState.read(state_directory)
    if state is None:
        return False
    _end(state, state_directory)
    logger.info("server stopped pid=%d", state.pid)
    return True


def _end(state: ServerState, state_directory: Path) -> None:
    """End a server, also one that no file tells of."""
    triton_process.stop(state.pid, state.shm_prefix)
    for name in ("server.json", PID_FILE):
        (state_directory / name).unlink(missing_ok=True)


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
    parser.add_argument("--state", type=Path, default=DEFAULT_STATE, help="folder of all that the server keeps")
    if parser.prog.endswith("usage"):
        parser.add_argument("--json", action="store_true", help="print JSON, in bytes")
    if parser.prog.endswith("logs"):
        parser.add_argument("-f", "--follow", action="store_true", help="keep printing")
        parser.add_argument("--previous", action="store_true", help="the log before this one")


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit status."""
    try:
        if arguments.command == "up":
            _up(arguments.repository, arguments.state)
        elif arguments.command == "down":
            gateway_process.down(arguments.state)
            if not down(arguments.state):
                logger.info("no server to stop state=%s", arguments.state)
        elif arguments.command == "status":
            return _status(arguments.state)
        elif arguments.command == "usage":
            return _usage(arguments.repository, arguments.state, arguments.json)
        elif arguments.command == "logs":
            return _logs(arguments.state / ("server.log.1" if arguments.previous else "server.log"), arguments.follow)
    except ServerFailed as failure:
        logger.error("%s", failure)
        return 1
    except OSError as failure:
        logger.error("%s: %s", failure.filename or arguments.state, failure.strerror or failure)
        return 1
    return 0


def _up(repository: Path, state: Path) -> None:
    environment = with_file(state, os.environ)
    ports, port = ports_from_environment(environment), gateway_process.port_from_environment(environment)
    up(repository, state, ports, environment)
    if port is not None:
        gateway_process.up(state.resolve(), port, f"{ports.host}:{ports.grpc}", environment)


def _status(state_directory: Path) -> int:
    state = ServerState.read(state_directory)
    ready = state is not None and triton_process.is_alive(state.pid) and triton_process.is_ready(state.ports)
    shown = {"ready": ready} | ({"pid": state.pid, **asdict(state.ports)} if state else {})
    sys.stdout.write(json.dumps(shown) + "\n")
    return 0 if ready else 1


def _usage(repository: Path, state_directory: Path, as_json: bool) -> int:
    state = ServerState.read(state_directory)
    pid, prefix = (None, "none") if state is None else (state.server_pid, state.shm_prefix)
    found = usage.usage(pid, prefix, repository, state_directory)
    sys.stdout.write(json.dumps(found) if as_json else "\n".join(usage.lines(found)))
    sys.stdout.write("\n")
    return 0


def _logs(log: Path, follow: bool) -> int:
    if not log.is_file():
        raise ServerFailed(f"no log at {log}; run `make up`")
    if follow:
        return subprocess.call(["tail", "-n", "+1", "-f", str(log)])
    sys.stdout.write(log.read_text(encoding="utf-8", errors="replace"))
    return 0
