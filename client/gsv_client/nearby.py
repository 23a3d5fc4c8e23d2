"""Which server, or gateway, a command speaks to where none is named: that of its own checkout."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from gsv_client.client import DEFAULT_URL

# As `make up` writes them: ports.host, ports.grpc; address.
_STATE, _GATEWAY = Path("var") / "server.json", Path("var") / "gateway.json"
_DEFAULT_GATEWAY = "127.0.0.1:9880"


def nearby_url(
    environment: Mapping[str, str] = os.environ, folder: Path | None = None, prefix: Path | None = None
) -> str:
    """Find a server without being told its address.

    Args:
        environment: GSV_GRPC_PORT, which `make up` listens on too, comes first.
        folder: where to look for a running server's var/server.json, and in all folders above; default: the current.
        prefix: of this Python's environment, whose folder is a checkout's; looked at before `folder`.

    Returns:
        host:port of gRPC; localhost:8001 where nothing says otherwise.
    """
    port = environment.get("GSV_GRPC_PORT")
    if port:
        return f"{environment.get('GSV_HOST') or '127.0.0.1'}:{port}"
    for candidate in _folders(folder or Path.cwd(), prefix or Path(sys.prefix)):
        url = _url_of(candidate / _STATE)
        if url is not None:
            return url
    return DEFAULT_URL


def nearby_gateway(
    environment: Mapping[str, str] = os.environ, folder: Path | None = None, prefix: Path | None = None
) -> str:
    """Find a gateway; arguments as `nearby_url`, of the environment GSV_GATEWAY_PORT.

    Returns:
        Its http://host:port; http://127.0.0.1:9880 where nothing says otherwise.
    """
    port = environment.get("GSV_GATEWAY_PORT", "")
    if port.isdecimal():
        return f"http://{environment.get('GSV_GATEWAY_HOST') or '127.0.0.1'}:{port}"
    candidates = (_address_of(each / _GATEWAY) for each in _folders(folder or Path.cwd(), prefix or Path(sys.prefix)))
    return f"http://{next(filter(None, candidates), _DEFAULT_GATEWAY)}"


def _folders(folder: Path, prefix: Path) -> Iterator[Path]:
    yield prefix.parent
    yield folder
    yield from folder.parents


def _url_of(state: Path) -> str | None:
    """The address that a server's state tells; None where there is no server, or no telling."""
    try:
        ports = json.loads(state.read_text(encoding="utf-8"))["ports"]
        return f"{ports['host']}:{int(ports['grpc'])}"
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _address_of(state: Path) -> str | None:
    """The same of a gateway's state."""
    try:
        return str(json.loads(state.read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
