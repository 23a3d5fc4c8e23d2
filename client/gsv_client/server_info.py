"""What a server says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ServerInfo:
    """A server, by its own account.

    Attributes:
        url: Where it was asked.
        name: Its name, such as "triton".
        version: Its version.
        ready: Whether it takes requests.
        models: State of each model of its repository: READY, or UNAVAILABLE and why.
    """

    url: str
    name: str
    version: str
    ready: bool
    models: Mapping[str, str] = field(default_factory=dict)
