"""A redis-server of our own, for as long as it is needed."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_START_WITHIN_S = 30.0


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Run it on a free port of this machine, keeping nothing on disk, and hand out its URL.

    Raises:
        RuntimeError: redis-server is not installed, or does not start.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("redis-server is not installed; install it (apt-get install redis-server), or leave it out")
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly", "no"]
    process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL)
    try:
        deadline_s = time.monotonic() + _START_WITHIN_S
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError("redis-server does not start")
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
