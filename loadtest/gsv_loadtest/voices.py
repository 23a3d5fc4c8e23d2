"""Voices to load a server with: those that it has, or else the clips of a directory."""

from __future__ import annotations

import json
from pathlib import Path

from gsv_client import Client


class NoVoices(Exception):
    """The server has none, and there is no clip to register."""


def voices_of(client: Client, references: Path | None) -> list[str]:
    """Names of the voices that may be asked for, the clips' own if they are given.

    Args:
        client: To ask and to register with.
        references: Directory with references.json: a list of {voice, audio, prompt_text, prompt_language}. Clips whose
            name is not registered yet are, and stay so.

    Raises:
        NoVoices: There are none.
    """
    registered = [voice.voice for voice in client.list_voices()]
    if references is None:
        if not registered:
            raise NoVoices(
                "the server has no voices; give --references DIR, or register one with `gsv voices register`"
            )
        return registered
    clips = json.loads((references / "references.json").read_text(encoding="utf-8"))
    for clip in clips:
        if clip["voice"] not in registered:
            audio = references / clip["audio"]
            client.register_voice(clip["voice"], audio, clip["prompt_text"], clip["prompt_language"])
    return [clip["voice"] for clip in clips]
