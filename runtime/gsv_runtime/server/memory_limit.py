"""When tritonserver has leaked so much that it is better started anew, and nobody would notice.

Triton 2.51 keeps some memory of each stream that a client cancels, and of long answers (docs/triton-findings.md, 35).
"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException

from gsv_runtime.server.model_processes import resident_bytes

VARIABLE = "GSV_MEMORY_LIMIT"  # MiB
DEFAULT_MIB = 2_048  # of tritonserver without its models, which begins with some 60
_FAR = 2  # so many limits are held by answers that nobody reads, and the machine has no more to give
_IDLE_LOOKS = 8  # one after the other, a quarter of a second apart


class MemoryLimit:
    """Whether a server holds more than it should while nobody is being answered, or twice that at any time.

    Args:
        limit_bytes: that tritonserver itself may hold; 0: any.
        num_streams: how many requests are being answered; None if that is not known.
        resident: bytes that a process holds.
    """

    def __init__(
        self,
        limit_bytes: int,
        num_streams: Callable[[], float | None],
        resident: Callable[[int], int] = resident_bytes,
    ) -> None:
        self._limit_bytes = limit_bytes
        self._num_streams = num_streams
        self._resident = resident
        self._idle_looks = 0

    @classmethod
    def of(cls, command: Sequence[str], environment: Mapping[str, str]) -> MemoryLimit:
        """The limit that `environment` sets for the tritonserver of a command line."""
        flags = dict(flag.partition("=")[::2] for flag in command)
        address = f"{flags.get('--metrics-address', '127.0.0.1')}:{flags.get('--metrics-port', '8002')}"
        return cls(limit_mib(environment) * 2**20, lambda: num_streams(address))

    def is_due(self, server: int) -> bool:
        """Look once: whether process `server` is over the limit and has been idle for a while, or far over it."""
        held = self._resident(server) if self._limit_bytes else 0
        if held > _FAR * self._limit_bytes > 0:
            return True
        if held <= self._limit_bytes or self._num_streams() != 0.0:
            self._idle_looks = 0
            return False
        self._idle_looks += 1
        return self._idle_looks >= _IDLE_LOOKS


def limit_mib(environment: Mapping[str, str]) -> int:
    """What GSV_MEMORY_LIMIT says, in MiB, else the default; 0 is no limit.

    Raises:
        ValueError: it says something else.
    """
    text = environment.get(VARIABLE, str(DEFAULT_MIB))
    if not text.isdecimal():
        raise ValueError(f"{VARIABLE} is {text!r}; need MiB, such as {DEFAULT_MIB}, or 0 for no limit")
    return int(text)


def num_streams(address: str) -> float | None:
    """Requests that the server with metrics at `address`, host:port, is answering; None if it does not say."""
    try:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=2) as reply:
            found = re.search(rb"^gsv_streams(?:{[^}]*})? (\S+)$", reply.read(), re.MULTILINE)
    except (urllib.error.URLError, OSError, HTTPException):
        return None
    return float(found[1]) if found else None
