"""The gateway beside the local server: started by `up`, watched, started again when it dies, stopped by `down`.

`python -m gsv_runtime.server.gateway_process HOST:PORT -- COMMAND` is its parent. gateway.json in the state directory
says what runs, gateway.log what it says. The runtime knows no gateway: it only starts one that is installed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from gsv_runtime import log_lines
from gsv_runtime.model_files import file_digest, joined_digest
from gsv_runtime.server import account, triton_process
from gsv_runtime.server.logs import Log
from gsv_runtime.server.model_processes import is_running
from gsv_runtime.server.operator_settings import log_of
from gsv_runtime.server.triton_process import ServerFailed
from gsv_runtime.server.watchdog import ServerWatchdog

READY_LIMIT_S = 60.0
KEYS_FILE = "gateway-keys.json"  # in the folder of the state
_STOP_LIMIT_S = 40.0  # streams may take 30 s to end
_PACKAGE = "gsv_gateway"
_MODULE = "gsv_runtime.server.gateway_process"

logger = logging.getLogger("gsv.server")


@dataclass(frozen=True)
class GatewayState:
    """The running gateway, as gateway.json has it: its parent's process id, its address, and what it runs."""

    pid: int
    address: str
    runs: str

    @classmethod
    def read(cls, directory: Path) -> GatewayState | None:
        """Read gateway.json; None if there is none."""
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError):
            return cls(**json.loads((directory / "gateway.json").read_text(encoding="utf-8")))
        return None

    @property
    def is_alive(self) -> bool:
        """Whether that process still is the gateway's parent."""
        with contextlib.suppress(OSError):
            return _MODULE.encode() in Path(f"/proc/{self.pid}/cmdline").read_bytes() and is_running(self.pid)
        return False


def up(state_directory: Path, port: int, triton: str, environment: Mapping[str, str]) -> None:
    """Start the gateway and return when it answers; one that already does so is left running.

    Args:
        state_directory: where gateway.json and gateway.log are kept.
        port: where it is to listen, at GSV_GATEWAY_HOST, else on 127.0.0.1.
        triton: the server's gRPC, host:port.
        environment: of this process.

    Raises:
        ServerFailed: it does not answer; the log's tail has been logged.
    """
    package = _installed()
    if package is None:
        logger.info("no gateway: gsv-gateway is not installed")
        return
    address = f"{environment.get('GSV_GATEWAY_HOST', '127.0.0.1')}:{port}"
    command = [sys.executable, "-m", _PACKAGE, "--port", str(port), "--triton", triton]
    environment = {"GSV_GATEWAY_KEYS": str(state_directory / KEYS_FILE), **environment}
    running, runs = GatewayState.read(state_directory), _digest(package, [*command, *_settings(environment)])
    if running is not None and running.runs == runs and running.is_alive and answers(address):
        logger.info("gateway already up pid=%d http://%s", running.pid, address)
        return
    down(state_directory)
    if answers(address):
        logger.warning("no gateway: something else answers at %s; stop it or set GSV_GATEWAY_PORT", address)
        return
    _start(command, address, runs, state_directory, environment)


def _start(command: list[str], address: str, runs: str, state_directory: Path, environment: Mapping[str, str]) -> None:
    log = log_of(state_directory / "gateway.log", environment)
    owner = account.chosen(environment)
    parent = account.command_as(owner, [sys.executable, "-m", _MODULE, address, "--", *command])
    state = GatewayState(triton_process.start(parent, environment, log), address, runs)
    try:
        (state_directory / "gateway.json").write_text(json.dumps(asdict(state)), encoding="utf-8")
        account.give(owner, [state_directory / "gateway.json", log.path])
    except OSError as failure:
        os.killpg(state.pid, signal.SIGKILL)
        raise ServerFailed(f"{state_directory / 'gateway.json'} cannot be written ({failure.strerror})") from None
    deadline_s = time.monotonic() + READY_LIMIT_S
    while not answers(address):
        if not is_running(state.pid) or time.monotonic() > deadline_s:
            tail = "\n".join(log.path.read_text(encoding="utf-8", errors="replace").splitlines()[-10:])
            down(state_directory)
            raise ServerFailed(f"the gateway does not answer at {address}; last lines of {log.path}:\n{tail}")
        time.sleep(0.1)
    logger.info("gateway ready pid=%d http://%s log=%s", state.pid, address, log.path)


def down(state_directory: Path) -> bool:
    """Stop the gateway, which lets its streams end first; False if there was none."""
    state = GatewayState.read(state_directory)
    if state is None:
        return False
    (state_directory / "gateway.json").unlink(missing_ok=True)
    if not state.is_alive:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(state.pid, signal.SIGTERM)
    deadline_s = time.monotonic() + _STOP_LIMIT_S
    while state.is_alive and time.monotonic() < deadline_s:
        with contextlib.suppress(ChildProcessError):  # if it was a child of this process, let it go
            os.waitpid(state.pid, os.WNOHANG)
        time.sleep(0.05)
    if state.is_alive:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(state.pid, signal.SIGKILL)
    logger.info("gateway stopped pid=%d", state.pid)
    return True


def answers(address: str) -> bool:
    """Whether a gateway, or anything else, answers HTTP there."""
    host, _, port = address.rpartition(":")
    reached = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
    try:
        with urllib.request.urlopen(f"http://{reached}:{port}/healthz", timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except (urllib.error.URLError, OSError, ValueError):
        return False


def port_from_environment(environment: Mapping[str, str]) -> int | None:
    """Where the gateway is to listen: GSV_GATEWAY_PORT, else 9880; None where it says "off".

    Raises:
        ServerFailed: it says something else.
    """
    text = environment.get("GSV_GATEWAY_PORT", "9880")
    if text == "off":
        return None
    if not (text.isdecimal() and 0 < int(text) < 65_536):
        raise ServerFailed(f"GSV_GATEWAY_PORT is {text!r}; need a port from 1 to 65535, or off")
    return int(text)


def _installed() -> Path | None:
    spec = importlib.util.find_spec(_PACKAGE)
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def _settings(environment: Mapping[str, str]) -> list[str]:
    return sorted(f"{name}={value}" for name, value in environment.items() if "_GATEWAY_" in name)


def _digest(package: Path, words: list[str]) -> str:
    """Change with the gateway's code and with what it is told."""
    files = sorted(path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return joined_digest([*map(file_digest, files), json.dumps(words)])


class _Gateway:
    """What the watchdog asks of a gateway that it has started."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.has_served = False
        self.lost = ""  # nothing but its end is watched for

    def look(self) -> None:
        """Note whether it has ever answered."""
        if not self.has_served and answers(self._address):
            self.has_served = True
            logger.info("gateway answers at %s", self._address)


def main() -> None:
    """Keep a gateway until SIGTERM or SIGINT."""
    log_lines.configure()
    split = sys.argv.index("--")
    address, command = sys.argv[1], sys.argv[split + 1 :]
    watchdog = ServerWatchdog(
        start=lambda: subprocess.Popen(command),
        reloader=lambda _: _Gateway(address),
        clear=lambda: None,
        name="gateway",
        log=Log.of(os.environ),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, watchdog.stop)
    sys.exit(watchdog.run())


if __name__ == "__main__":
    main()
