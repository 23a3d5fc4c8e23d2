"""Where the server keeps things: how much room is left there, and what to say of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
LEAST_DISK_BYTES = 64 * 2**20
# A process of each model begins with 1 MiB and grows with what it is sent: a reference has up to 32 MiB.
LEAST_SHARED_MEMORY_BYTES = 64 * 2**20
START_SHARED_MEMORY_BYTES = 2**20  # of each model's process


def free_bytes(place: Path) -> int:
    """Bytes that can still be written there; 0 where it is not there."""
    try:
        return shutil.disk_usage(place).free
    except OSError:
        return 0


def is_writable(place: Path) -> bool:
    """Whether this process may write to a directory, as far as its rights and its mount say."""
    return os.access(place, os.W_OK) and not os.statvfs(place).f_flag & os.ST_RDONLY


def warnings(directory: Path) -> Iterator[str]:
    """What keeps a running server from keeping voices, or from being sent recordings, a sentence each.

    Args:
        directory: where voices are kept.
    """
    directory = next(place for place in (directory, *directory.parents) if place.is_dir())
    if not is_writable(directory):
        yield "the server cannot write its voices: its directory is read-only, or not its own"
    elif free_bytes(directory) < LEAST_DISK_BYTES:
        yield f"the server's disk is full: {free_bytes(directory) / 2**20:.0f} MiB are left for voices and cache"
    if shared := small_shared_memory(LEAST_SHARED_MEMORY_BYTES):
        yield shared


def small_shared_memory(least_bytes: int, harm: str = "requests with recordings fail") -> str:
    """A sentence where shared memory has less room than that, through which models get what they are sent."""
    free = free_bytes(SHARED_MEMORY)
    if free >= least_bytes:
        return ""
    return (
        f"shared memory ({SHARED_MEMORY}) has {free / 2**20:.0f} MiB left; need {least_bytes / 2**20:.0f}, "
        f"or {harm} (a container: --shm-size 2g)"
    )


def figures(places: Mapping[str, Path]) -> Iterator[tuple[str, float, str]]:
    """Name, value and place of each metric of metrics.STORAGE_METRICS."""
    for name, place in places.items():
        yield "gsv_storage_free_bytes", float(free_bytes(place)), name
        yield "gsv_storage_writable", float(place.is_dir() and is_writable(place)), name
