"""Who finishes a server's speech; packages that can do it here register under `gsv.decoders`."""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from typing import Protocol

from gsv_client.errors import InvalidRequest
from gsv_client.transport import AsyncTransport, Transport

SERVER = "server"
_GROUP = "gsv.decoders"


class Decoder(Protocol):
    """What makes audio of a server's tokens or latents."""

    def transport(self, remote: Transport) -> Transport:
        """Turn the way to a server into one whose audio is made here."""
        ...

    def async_transport(self, remote: AsyncTransport) -> AsyncTransport:
        """The same for asyncio."""
        ...


def open_decoder(name: str, bundle: str | os.PathLike[str] | None, latent_kbit_s: float | None) -> Decoder | None:
    """Open what makes the audio; None: the server does.

    Args:
        name: "server", or a name that a package has registered.
        bundle: File with what it needs, or the address of a gateway that offers it; None: the chosen one.
        latent_kbit_s: Ask for latents at this rate; None: it decides.

    Raises:
        InvalidRequest: There is nothing of that name, it cannot be opened, or the server is to decode with what only a
            device needs.
    """
    if name == SERVER:
        if bundle is not None or latent_kbit_s is not None:
            raise InvalidRequest('bundle and latent_kbit_s are of a device; add decode="device", or leave them out')
        return None
    found = {point.name: point for point in entry_points(group=_GROUP)}
    if name in found:
        decoder: Decoder = found[name].load()(bundle, latent_kbit_s)
        return decoder
    have = ", ".join([SERVER, *sorted(found)])
    raise InvalidRequest(f'decode is {name!r}; have {have}; for "device" pip install gsv-local')
