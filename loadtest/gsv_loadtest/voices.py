"""Voices to load a server with: those that it has, or else the clips of a directory."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gsv_client import Client
from gsv_client.errors import SynthesisError, VoiceNotFound

logger = logging.getLogger("gsv.loadtest")


class NoVoices(Exception):
    """The server has none, and there is no clip to register."""


def registered_voices(client: Client) -> list[str]:
    """Names of the voices that the server has.

    Raises:
        NoVoices: There are none.
    """
    registered = [voice.voice for voice in client.list_voices()]
    if not registered:
        raise NoVoices("the server has no voices; give --references DIR, or register one with `gsv voices register`")
    return registered


@contextmanager
def voices_for(client: Client, references: Path | None) -> Iterator[list[str]]:
    """Lend the server voices to be asked for, the clips' own if they are given; what was registered is deleted again.

    Args:
        client: To ask and to register with.
        references: Directory with references.json: a list of {voice, audio, prompt_text, prompt_language}. Clips whose
            name is not registered yet are, until the end.

    Raises:
        NoVoices: There are none.
    """
    if references is None:
        yield registered_voices(client)
        return
    registered, added = {voice.voice for voice in client.list_voices()}, list[str]()
    clips: list[dict[str, Any]] = json.loads((references / "references.json").read_text(encoding="utf-8"))
    try:
        for clip in clips:
            if clip["voice"] not in registered:
                audio = references / clip["audio"]
                client.register_voice(clip["voice"], audio, clip["prompt_text"], clip["prompt_language"])
                added.append(clip["voice"])
        yield [clip["voice"] for clip in clips]
    finally:
        _delete(client, added)


def _delete(client: Client, voices: list[str]) -> None:
    for voice in voices:
        try:
            client.delete_voice(voice)
        except VoiceNotFound:
            pass
        except SynthesisError as failure:
            logger.warning("voice left behind voice=%s cause=%s; gsv voices delete %s", voice, failure, voice)
