"""Who asks, and what they may do."""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from dataclasses import dataclass

OWN_VOICE = re.compile(r"own-([0-9a-f]{8})-(.+)")  # how the server knows a voice that belongs to a key


@dataclass(frozen=True)
class Caller:
    """Somebody who asks.

    Attributes:
        key_id: Of the API key, 8 hexadecimal digits; empty where no keys are set.
        name: What the operator calls the key, for logs.
        voices: Patterns of the shared voices that may be used, such as "*" or "demo*".
        may_register: Whether voices of its own may be registered.
        may_change_shared: Whether the voices that all share may be registered and deleted.
        requests_per_minute: 0: as many as wanted.
        streams: Answers at once; 0: as many as wanted.
        address: Where it asks from, which tells callers apart that have no keys.
    """

    key_id: str = ""
    name: str = "everyone"
    voices: tuple[str, ...] = ("*",)
    may_register: bool = True
    may_change_shared: bool = True
    requests_per_minute: int = 0
    streams: int = 0
    address: str = ""

    @property
    def caller_id(self) -> str:
        """Whose defaults count: the API key's, or without keys the client's address."""
        return self.key_id or f"address {self._host or self.address}"

    @property
    def party(self) -> str:
        """Who shares the streams with others: a key, an address, or of IPv6 the /64 that one household has."""
        if self.key_id:
            return self.key_id
        if isinstance(self._host, ipaddress.IPv6Address):
            return str(ipaddress.ip_network((self._host, 64), strict=False))
        return str(self._host or self.address)

    @property
    def _host(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """Its address, of IPv4 also where a proxy listens by IPv6 and names it so (``::ffff:10.0.0.1``)."""
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            return None
        return getattr(address, "ipv4_mapped", None) or address

    def may_use(self, voice_id: str) -> bool:
        """Whether a voice, named as the server names it, is there for this caller."""
        owned = OWN_VOICE.fullmatch(voice_id)
        if owned is not None:
            return owned.group(1) == self.key_id
        return any(fnmatch.fnmatchcase(voice_id.lower(), pattern.lower()) for pattern in self.voices)

    def own_id(self, name: str) -> str:
        """The server's name of a voice that this caller registers: its own, unless it looks after the shared ones."""
        return name if self.may_change_shared else f"own-{self.key_id}-{name}"


EVERYONE = Caller()


def shown_name(voice_id: str) -> str:
    """A voice's name as its owner knows it."""
    owned = OWN_VOICE.fullmatch(voice_id)
    return owned.group(2) if owned is not None else voice_id
