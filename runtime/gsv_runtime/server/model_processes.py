"""The processes in which Triton runs our models, read from /proc.

Each instance of a Python model is a child of tritonserver, and its command line begins with the stub, the model's file
and the name of its shared memory (the instance's name, as `t2s_0_0`, comes later). Triton 2.51 neither restarts one
that has died nor says that it has (docs/triton-findings.md, finding 6), so whoever must know looks here.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

_PROC = Path("/proc")
_STUB = "triton_python_backend_stub"
_SERVER = "tritonserver"
_STAT_BYTES = 4096  # more than a line of /proc/PID/stat has


def model_processes(server: int) -> Mapping[str, frozenset[int]]:
    """Which model runs in which processes.

    Args:
        server: process id of tritonserver.

    Returns:
        Name of each model to the ids of its running processes; a model without any is absent.
    """
    found: dict[str, set[int]] = defaultdict(set)
    for directory in _PROC.glob("[0-9]*"):
        pid = int(directory.name)
        state, parent = _state_and_parent(pid)
        if parent != server or state in "ZX":
            continue
        if model := _model_of(pid):
            found[model].add(pid)
    return {model: frozenset(pids) for model, pids in found.items()}


def stub_pids(shm_prefix: str) -> frozenset[int]:
    """Running model processes, orphans too, of the server whose shared memory files' names begin so."""
    pids = (int(directory.name) for directory in _PROC.glob("[0-9]*"))
    return frozenset(
        pid
        for pid in pids
        if is_running(pid) and (arguments := _stub_arguments(pid)) and arguments[2].lstrip("/").startswith(shm_prefix)
    )


def server_process(pid: int) -> int | None:
    """The tritonserver that `pid` is or keeps; None if there is none (process ids are reused, so names are asked)."""
    children = (int(directory.name) for directory in _PROC.glob("[0-9]*"))
    family = [pid, *(child for child in children if _state_and_parent(child)[1] == pid)]
    return next((each for each in family if is_running(each) and _name_of(each) == _SERVER), None)


def is_running(pid: int) -> bool:
    """Whether there is such a process and it has not ended (one that nobody has waited for is in state Z)."""
    return _state_and_parent(pid)[0] not in "ZX"


def is_stopped(pid: int) -> bool:
    """Whether a signal has stopped a process, which may go on later."""
    return _state_and_parent(pid)[0] in "Tt"


def processor_time_s(pid: int) -> float:
    """Seconds that a process has worked so far; 0 where there is none."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def resident_bytes(pid: int) -> int:
    """Memory that a process alone holds, without what it shares or maps from files; 0 where there is none."""
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")), 0)


def _state_and_parent(pid: int) -> tuple[str, int]:
    """State letter and parent of a process; X, which the kernel gives the dead, where there is none."""
    fields = _stat(pid)
    return (fields[0].decode(), int(fields[1])) if fields else ("X", 0)


def _stat(pid: int) -> list[bytes]:
    """What /proc tells of a process behind its name; empty where there is none.

    A watchdog asks a hundred times a second, and a file of Python's costs four times as much.
    """
    try:
        file = os.open(f"{_PROC}/{pid}/stat", os.O_RDONLY)
        try:
            return os.read(file, _STAT_BYTES).rpartition(b")")[2].split()
        finally:
            os.close(file)
    except OSError:
        return []


def _name_of(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


def _model_of(pid: int) -> str | None:
    """Name of the model that a stub runs: its first argument is <repository>/<model>/<version>/model.py."""
    arguments = _stub_arguments(pid)
    return Path(arguments[1]).parents[1].name if arguments else None


def _stub_arguments(pid: int) -> list[str]:
    """The command line of a stub; empty for any other process."""
    try:
        arguments = (_PROC / str(pid) / "cmdline").read_text().split("\0")
    except OSError:
        return []
    return arguments if len(arguments) > 2 and Path(arguments[0]).name == _STUB else []
