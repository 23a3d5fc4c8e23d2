"""Paths as a shell reads them: Triton's Python backend starts models by a line of shell that quotes nothing.

A path with a space, a quote or a letter beyond ASCII is reached by a link whose own path is plain. Links lie beside the
shared memory of the server that uses them, because nothing there is cleared away for its age.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TypeVar

_SHARED_MEMORY = Path("/dev/shm")
_PLAIN = re.compile(r"[A-Za-z0-9_./+@%,=-]+")

P = TypeVar("P", Path, None, Path | None)


def folder_of(shm_prefix: str) -> Path:
    """Where the links of a server are; its name does not begin as those of the server's shared memory."""
    return _SHARED_MEMORY / f"paths-{shm_prefix.rstrip('-')}"


def plain(path: P, folder: Path) -> P:
    """The path, or a link to it in `folder` where a shell would misread it."""
    if path is None or _PLAIN.fullmatch(str(path)):
        return path
    folder.mkdir(mode=0o700, exist_ok=True)
    link = folder / re.sub(r"[^A-Za-z0-9_.-]", "_", path.name)
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    return link


def remove(folder: Path) -> None:
    """Remove the links, not what they lead to."""
    shutil.rmtree(folder, ignore_errors=True)
