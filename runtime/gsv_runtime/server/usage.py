"""What a local server takes of this machine: memory of its processes, and disk of what belongs to it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gsv_runtime.server.model_processes import model_processes

_PROC, _SHARED_MEMORY = Path("/proc"), Path("/dev/shm")
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def usage(server_pid: int | None, shm_prefix: str, repository: Path, state: Path) -> dict[str, Any]:
    """Measure it.

    Args:
        server_pid: of tritonserver; None where it does not run.
        shm_prefix: begins the names of its shared memory files.
        repository: that it serves.
        state: folder of its state.

    Returns:
        Bytes: `memory` (proportional set size, so that shared pages count once), in all and by model; `disk` of the
        repository's built files, of the state, and of this Python's environment.
    """
    memory = dict(_memory(server_pid)) if server_pid is not None else {}
    if memory:
        memory["shared memory"] = sum(_size(path) for path in _SHARED_MEMORY.glob(f"{shm_prefix}*"))
    folders = {"models": repository, "state": state, "environment": Path(sys.prefix)}
    disk = {name: _tree_bytes(folder) for name, folder in folders.items()}
    return {"memory_bytes": sum(memory.values()), "memory_by_part": memory, "disk_by_part": disk}


def lines(found: dict[str, Any]) -> Iterator[str]:
    """For people."""
    if found["memory_by_part"]:
        parts = sorted(found["memory_by_part"].items(), key=lambda part: -part[1])
        shown = ", ".join(f"{name} {_megabytes(count)}" for name, count in parts[:4])
        yield f"memory: {_megabytes(found['memory_bytes'])} ({shown}, \u2026)"
    yield "disk:   " + ", ".join(f"{name} {_megabytes(count)}" for name, count in found["disk_by_part"].items())


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"


def _memory(server_pid: int) -> Iterator[tuple[str, int]]:
    yield "tritonserver", _pss_bytes(server_pid)
    for model, pids in sorted(model_processes(server_pid).items()):
        yield model, sum(map(_pss_bytes, pids))


def _pss_bytes(pid: int) -> int:
    try:
        found = _PSS.search((_PROC / str(pid) / "smaps_rollup").read_text())
    except OSError:
        return 0
    return 1024 * int(found[1]) if found else 0


def _tree_bytes(folder: Path) -> int:
    """Bytes on disk of all files below, each once however many names it has; links are not followed."""
    seen: dict[tuple[int, int], int] = {}
    for here, _, names in os.walk(folder):
        for name in names:
            try:
                file = os.lstat(os.path.join(here, name))
            except OSError:
                continue
            seen[file.st_dev, file.st_ino] = file.st_blocks * 512
    return sum(seen.values())


def _size(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512
    except OSError:
        return 0
