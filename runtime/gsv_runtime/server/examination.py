"""What `gsv doctor` is told of the server that this machine keeps: its folder, its settings, its process.

The client knows no server. It finds `findings` by the entry point group `gsv.doctor`.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from gsv_runtime.server import account, state_folder
from gsv_runtime.server.local_server import DEFAULT_STATE, ServerState
from gsv_runtime.server.operator_settings import FILE, decided, with_file
from gsv_runtime.server.triton_process import ServerFailed
from gsv_runtime.settings import STATE
from gsv_runtime.voices.storage import LEAST_SHARED_MEMORY_BYTES, SHARED_MEMORY, free_bytes, small_shared_memory

_SMALL_DISK_BYTES = 2 * 10**9  # less than the cache may want
_PASSWORD = re.compile(r"(?<=://)[^@/ ]+@")

Finding = tuple[str, str, str, str]  # subject; ok, warning or failed; what was found; what to do


def findings(state: Path | None = None, environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Look at this machine's server; nothing where it has none.

    Args:
        state: folder of its state; without it GSV_STATE, or `var` of this environment's checkout or of this folder.
        environment: of this process.
    """
    state = state or _nearby(environment)
    if state is None:
        return
    yield _settings(state, environment)
    problems = state_folder.problems(state)
    yield from (("state", "failed", problem, "") for problem in problems)
    if not problems:
        yield _space(state)
    yield _shared_memory()
    yield from _process(state)


def _nearby(environment: Mapping[str, str]) -> Path | None:
    named = environment.get(STATE)
    candidates = [Path(named)] if named else [Path(sys.prefix).parent / DEFAULT_STATE, Path.cwd() / DEFAULT_STATE]
    return next(filter(Path.exists, candidates), None)


def _settings(state: Path, environment: Mapping[str, str]) -> Finding:
    try:
        chosen = decided(with_file(state, environment))
    except ServerFailed as failure:
        return "settings", "failed", str(failure), "correct it, then make up"
    told = " ".join(f"{name}={_PASSWORD.sub('…@', text)}" for name, text in chosen.items())
    return "settings", "ok", f"{told or 'all as built'} ({state / FILE} and environment)", ""


def _space(state: Path) -> Finding:
    free = shutil.disk_usage(state).free
    found = f"{state} can be written, {free / 1e9:.1f} GB are free"
    if free < _SMALL_DISK_BYTES:
        return "state", "warning", found, "free some space: gsv cache prune --max-bytes 100M"
    return "state", "ok", found, ""


def _process(state: Path) -> Iterator[Finding]:
    try:
        server = ServerState.read(state)
    except ServerFailed as failure:
        yield "process", "failed", str(failure), ""
        return
    if server is not None and server.server_pid is None:
        found = f"the server that was started from {state} is not running"
        yield "process", "failed", found, "its last words: make logs; start it: make up"
    elif server is not None and server.server_pid is not None and _is_roots(server.server_pid):
        found, _, advice = account.AS_ROOT.partition("; ")
        yield "account", "warning", found, advice


def _shared_memory() -> Finding:
    free = f"{free_bytes(SHARED_MEMORY) / 1e9:.1f} GB of shared memory ({SHARED_MEMORY}) are free"
    if not (small := small_shared_memory(LEAST_SHARED_MEMORY_BYTES)):
        return "shared memory", "ok", free, ""
    found, _, advice = small.partition("; ")
    return "shared memory", "warning", found, advice


def _is_roots(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}").stat().st_uid == 0
    except FileNotFoundError:  # it has just ended
        return False
