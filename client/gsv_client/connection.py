"""What commands speak with: a server somewhere, or whatever another package puts in its place."""

from __future__ import annotations

from dataclasses import dataclass

from gsv_client.client import Client


@dataclass(frozen=True)
class Connection:
    """How a command reaches a server; `gsv_local` has one that needs none.

    Attributes:
        url: Where, for `Client` and for what people are told.
        timeout_s: Longest silence, in seconds.
        busy_wait_s: How long to wait in all for a server that is busy, in seconds.
    """

    url: str
    timeout_s: float
    busy_wait_s: float = 0.0

    @property
    def voice(self) -> str | None:
        """Who speaks where no voice is named; None: the command asks for one."""
        return None

    def open(self) -> Client:
        """Open a client; close it after use."""
        return Client(self.url, self.timeout_s, busy_wait_s=self.busy_wait_s)
