"""The processes in which Triton runs our models, read from /proc.

Each instance of a Python model is a child of tritonserver, and its command line names the model's file. Triton 2.51
neither restarts one that has died nor says that it has (triton.md, finding 6), so whoever must know looks here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

_PROC = Path("/proc")
_STUB = "triton_python_backend_stub"


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


def is_running(pid: int) -> bool:
    """Whether there is such a process and it has not ended (one that nobody has waited for is in state Z)."""
    return _state_and_parent(pid)[0] not in "ZX"


def _state_and_parent(pid: int) -> tuple[str, int]:
    """State letter and parent of a process; X, which the kernel gives the dead, where there is none."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "X", 0
    return fields[0], int(fields[1])


def _model_of(pid: int) -> str | None:
    """Name of the model that a stub runs: its first argument is <repository>/<model>/<version>/model.py."""
    try:
        arguments = (_PROC / str(pid) / "cmdline").read_text().split("\0")
    except OSError:
        return None
    if len(arguments) < 2 or Path(arguments[0]).name != _STUB:
        return None
    return Path(arguments[1]).parents[1].name
