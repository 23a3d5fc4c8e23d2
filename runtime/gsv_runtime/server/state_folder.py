"""The folder of a server's state, before anything is started from it: whether a server can write there."""

from __future__ import annotations

import errno
import os
import pwd
import tempfile
from pathlib import Path

from gsv_runtime.server.triton_process import ServerFailed

VOICES, CACHE = "voices", "cache"  # folders in it, as deployment.py names them
_PROBE_BYTES = 1 << 20  # a voice's recording, or a page of the log
_FILES = ("server.json", "server.log", "gateway.json", "gateway.log")


def prepare(state: Path) -> None:
    """Make the folder, and see that a server can keep its state, its log and its voices there.

    Raises:
        ServerFailed: it cannot; with what is in the way and what to do.
    """
    for problem in problems(state):
        raise ServerFailed(f"{problem}, or name another folder with --state (make: ARGS='--state DIR')")


def problems(state: Path) -> list[str]:
    """What keeps a server from writing there, a sentence each; the folders are made if need be."""
    found = [_folder_problem(folder, state) for folder in (state, state / VOICES)]
    found += [_file_problem(state / name, state) for name in _FILES]
    return list(dict.fromkeys(filter(None, found)))


def _folder_problem(folder: Path, state: Path) -> str:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(_PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as failure:
        return _told(folder, state, failure)
    for inside in ("names", "content", "clips") if folder.name == VOICES else ():
        if (folder / inside).is_dir() and not os.access(folder / inside, os.W_OK):
            return _told(folder / inside, state, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    return ""


def _file_problem(path: Path, state: Path) -> str:
    try:
        os.close(os.open(path, os.O_WRONLY))
    except FileNotFoundError:
        return ""
    except OSError as failure:
        return _told(path, state, failure)
    return ""


def _told(path: Path, state: Path, failure: OSError) -> str:
    if failure.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk of {path} is full ({failure.strerror}); free some space (gsv cache prune --max-bytes 100M)"
    if failure.errno == errno.EROFS:
        return f"{path} cannot be written ({failure.strerror}); mount its disk for writing"
    if failure.errno in (errno.ENOTDIR, errno.EEXIST):
        return f"{path} cannot be made ({failure.strerror}); move away the file that has a folder's name"
    owner = _owner(path)
    return f"{path} cannot be written ({failure.strerror}{owner}); give it to this user: sudo chown -R $USER {state}"


def _owner(path: Path) -> str:
    """Whose the nearest thing that exists is, for a message."""
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        uid = path.stat().st_uid
        return "" if uid == os.getuid() else f", it belongs to {pwd.getpwuid(uid).pw_name}"
    except (OSError, KeyError):
        return ""
