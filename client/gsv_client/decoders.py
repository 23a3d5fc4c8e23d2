"""Who makes audio of a server's tokens; packages that can do it here register under `gsv.decoders`."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from gsv_client.errors import InvalidRequest
from gsv_client.transport import Transport

SERVER = "server"
_GROUP = "gsv.decoders"


def decoding(name: str) -> Callable[[Transport, Any], Transport]:
    """Find what turns the way to a server, and a bundle's path or None, into one whose audio is made here.

    Raises:
        InvalidRequest: There is nothing of that name.
    """
    found = {point.name: point for point in entry_points(group=_GROUP)}
    if name in found:
        factory: Callable[[Transport, Any], Transport] = found[name].load()
        return factory
    have = ", ".join([SERVER, *sorted(found)])
    raise InvalidRequest(f'decode is {name!r}; have {have}; for "device" pip install gsv-local')
