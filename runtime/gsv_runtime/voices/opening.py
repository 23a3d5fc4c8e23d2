"""The store of voices that a setting names: a folder, a Redis, or a bucket."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from gsv_runtime.speech_request import ReferenceRequest
from gsv_runtime.voices.records import VoiceEntry
from gsv_runtime.voices.shared_store import CloudObjects, RedisObjects, SharedVoiceStore
from gsv_runtime.voices.store import Derive, Voice, VoiceStore

VARIABLE = "GSV_VOICES"  # names the store instead of the setting
_REDIS = ("redis", "rediss", "unix")


class Voices(Protocol):
    """Registered voices; see `VoiceStore`."""

    def add(
        self, name: str, voice: Voice, reference: ReferenceRequest, loudness: float = 0.0, model: str = ""
    ) -> VoiceEntry:
        """Register a voice."""
        ...

    def get(self, name: str, weights_digest: str, derive: Derive | None = None) -> Voice:
        """Read a voice."""
        ...

    def model_of(self, name: str) -> str:
        """Name of the fine-tune that it was registered for."""
        ...

    def entries(self) -> list[VoiceEntry]:
        """All of them."""
        ...

    def delete(self, name: str) -> None:
        """Remove one."""
        ...


def open_voices(setting: str, state: Path, max_voices: int | None = None) -> Voices:
    """Open a store.

    Args:
        setting: a folder relative to `state`, or a URL such as redis://host:6379/0 or s3://bucket/prefix; the
            variable GSV_VOICES, where it is set, comes before it.
        state: the folder of the server's state.
        max_voices: how many may be registered; None: any number.

    Raises:
        ValueError: the URL cannot be opened.
    """
    place = os.environ.get(VARIABLE) or setting
    scheme, separator, _ = place.partition("://")
    if not separator:
        return VoiceStore(state / place, max_voices)
    return SharedVoiceStore(RedisObjects(place) if scheme in _REDIS else CloudObjects(place), max_voices)
