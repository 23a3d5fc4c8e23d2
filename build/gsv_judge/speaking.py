"""Lets a running server speak texts into a folder that can be judged, with all that the client knows of each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from tqdm import tqdm

from gsv_client import Audio, Client
from gsv_judge.clips import Clip, read_folder, write_manifest

REFERENCES = "references.json"


@dataclass(frozen=True)
class Speaker:
    """Somebody to imitate: a clip, and what is said in it."""

    name: str
    audio: Path
    prompt_text: str
    prompt_language: str


@dataclass(frozen=True)
class Saying:
    """One thing to say: a text, who says it, and (where there is one) how the teacher said it."""

    text: str
    language: str
    speaker: Speaker
    original: Path | None = None


def read_speakers(folder: Path) -> list[Speaker]:
    """Speakers of a folder with `references.json`, as lies beside the demo voice's weights.

    Raises:
        ValueError: there is no such file.
    """
    file = folder / REFERENCES
    if not file.exists():
        raise ValueError(f"{file} is not there; need a list of voice, audio, prompt_text and prompt_language")
    rows = json.loads(file.read_text(encoding="utf-8"))
    return [Speaker(row["voice"], folder / row["audio"], row["prompt_text"], row["prompt_language"]) for row in rows]


def read_texts(file: Path) -> list[str]:
    """Texts, one a line; empty lines and lines that begin with # are left out.

    Raises:
        ValueError: there is none.
    """
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    texts = [line for line in lines if line and not line.startswith("#")]
    if not texts:
        raise ValueError(f"{file} holds no text; need one a line")
    return texts


def in_turn(texts: Sequence[str], language: str, speakers: Sequence[Speaker]) -> list[Saying]:
    """Each text by one of the speakers, in turn."""
    return [Saying(text, language, speakers[index % len(speakers)]) for index, text in enumerate(texts)]


def with_originals(sayings: Sequence[Saying], originals: Path) -> list[Saying]:
    """The same, each with the clip in which its speaker says its text, where there is one.

    Args:
        sayings: what is said, by whom.
        originals: a folder with a manifest.

    Raises:
        ValueError: nothing in the folder is said here.
    """
    clips = {(clip.text, clip.speaker): clip.audio for clip in read_folder(originals)}
    found = [replace(one, original=clips.get((one.text, one.speaker.name))) for one in sayings]
    if not any(one.original for one in found):
        raise ValueError(
            f"no clip of {originals} has a text and speaker that are said here; need the same turn of both"
        )
    return found


def speak(
    client: Client, sayings: Sequence[Saying], folder: Path, streaming: Sequence[str], seed: int, **options: Any
) -> list[Clip]:
    """Speak everything, once for each way of streaming, and write audio and manifest.

    With more than one way, clips of all but the first are judged beside the first's, sample by sample: with
    ("off", "chunk") the stream beside the whole.

    Args:
        client: of the server.
        sayings: what is said, by whom.
        folder: made if need be.
        streaming: "off", "sentence" or "chunk", one or more.
        seed: of every request: the same speech whichever way it is streamed.
        options: further ones of every request, as `Client.synthesize` takes them.

    Returns:
        What the manifest says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for one in {saying.speaker.name: saying.speaker for saying in sayings}.values():
        client.register_voice(one.name, one.audio, one.prompt_text, one.prompt_language)
    clips = list(_clips(client, sayings, folder, streaming, {"seed": seed, "cache": "off", **options}))
    write_manifest(folder, clips)
    return clips


def _clips(
    client: Client, sayings: Sequence[Saying], folder: Path, streaming: Sequence[str], options: dict[str, Any]
) -> Iterator[Clip]:
    """Clips as they are spoken."""
    for index, saying in enumerate(tqdm(sayings, desc="spoken", unit="text", mininterval=5)):
        first: Path | None = None
        for way in streaming:
            said = client.synthesize(
                saying.text,
                voice=saying.speaker.name,
                language=saying.language,
                streaming=way,
                **options,
            )
            name = f"{index:04d}-{saying.speaker.name}" + (f"-{way}" if len(streaming) > 1 else "")
            path = folder / f"{name}.flac"
            soundfile.write(path, np.clip(said.samples, -1, 1), said.sample_rate)
            yield _clip(saying, said, path, first)
            first = first or path


def _clip(saying: Saying, said: Audio, path: Path, aligned: Path | None) -> Clip:
    return Clip(
        path,
        saying.text,
        saying.language,
        saying.speaker.name,
        saying.speaker.audio,
        saying.original,
        aligned,
        tuple(len(chunk.samples) for chunk in said.chunks),
        round(said.rtf, 4),
    )
