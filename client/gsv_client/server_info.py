"""What a server says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gsv_client import fine_tunes
from gsv_client.protocol import STAGE_MODELS, TTS_MODEL, VOICES_MODEL

READY = "READY"
NOT_READY = "NOT READY"
KNOWN_MODELS = (TTS_MODEL, VOICES_MODEL, fine_tunes.MODEL, *STAGE_MODELS)


@dataclass(frozen=True)
class ServerInfo:
    """A server, by its own account.

    Attributes:
        url: Where it was asked.
        name: Its name, such as "triton".
        version: Its version.
        ready: Whether it takes requests.
        models: State of each model: READY, UNAVAILABLE and why, or NOT READY where the server keeps the list of its
            models to itself (ours does: that interface can also unload them) and each was only asked for.
    """

    url: str
    name: str
    version: str
    ready: bool
    models: Mapping[str, str] = field(default_factory=dict)
