"""The corpus: made once, kept in shards, read back as one array. Resumable; same seed, same corpus."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from gsv_demo import sentences, speech
from gsv_demo.arrays import Array

LOG = logging.getLogger(__name__)
_SHARD_UTTERANCES = 200


@dataclass(frozen=True)
class Item:
    """One utterance of the corpus.

    Attributes:
        text: what was said.
        language: "en" or "zh".
        voice: who said it.
        start: first sample in `Corpus.audio`.
        samples: how many.
        flite_phones: flite's phone names; empty for Mandarin.
        ends_s: where each of them ends, in seconds from `start`.
    """

    text: str
    language: str
    voice: str
    start: int
    samples: int
    flite_phones: tuple[str, ...]
    ends_s: tuple[float, ...]

    @property
    def seconds(self) -> float:
        """Length of the utterance."""
        return self.samples / speech.SAMPLE_RATE_HZ


@dataclass(frozen=True)
class Corpus:
    """All utterances, with their samples end to end in `audio` [N] int16, 16 kHz."""

    items: tuple[Item, ...]
    audio: Array

    def waveform(self, item: Item) -> Array:
        """Samples of one utterance.

        Returns:
            [N] float32 in [-1, 1], 16 kHz.
        """
        return self.audio[item.start : item.start + item.samples].astype(np.float32) / 32768.0

    def of_voice(self, voice: str) -> list[Item]:
        """Items of one voice."""
        return [item for item in self.items if item.voice == voice]


def plan(parts: Iterable[tuple[int, int]]) -> list[tuple[str, str, str]]:
    """What is said, in which language, by whom: the voices take turns.

    Args:
        parts: of `sentences.training_texts`.

    Returns:
        (text, language, voice) of every utterance.
    """
    voices = speech.ENGLISH_VOICES
    texts = sentences.training_texts(parts)
    return [(text, "en", voices[index % len(voices)]) for index, text in enumerate(texts)]


def make(folder: Path, planned: Sequence[tuple[str, str, str]], workers: int = 2) -> None:
    """Synthesise what is planned, shard by shard; shards that exist are kept.

    Args:
        folder: where the shards go.
        planned: (text, language, voice) of every utterance.
        workers: programs run at a time.

    Raises:
        FileNotFoundError: flite or espeak-ng is not installed.
    """
    missing = speech.missing_programs(tuple({voice for _, _, voice in planned}))
    if missing:
        raise FileNotFoundError(f"{' and '.join(missing)} not found; apt-get install {' '.join(missing)}")
    folder.mkdir(parents=True, exist_ok=True)
    shards = [planned[at : at + _SHARD_UTTERANCES] for at in range(0, len(planned), _SHARD_UTTERANCES)]
    with ThreadPoolExecutor(workers) as pool:
        for index, shard in enumerate(tqdm(shards, desc="speech", unit="shard")):
            path = folder / f"shard-{index:04d}.npz"
            if path.exists():
                continue
            spoken = list(pool.map(lambda entry: speech.speak(entry[0], entry[2]), shard))
            about = [
                {"text": u.text, "language": entry[1], "voice": u.voice, "samples": len(u.audio),
                 "flite_phones": u.phones, "ends_s": [round(end, 4) for end in u.ends_s]}
                for entry, u in zip(shard, spoken, strict=True)
            ]  # fmt: skip
            part = path.with_suffix(".part.npz")
            np.savez(part, audio=np.concatenate([u.audio for u in spoken]), about=json.dumps(about))
            part.rename(path)


def load(folder: Path) -> Corpus:
    """Read all shards of a folder."""
    return Corpus(*_joined(_read_shards(folder)))


def _read_shards(folder: Path) -> Iterator[tuple[Array, list[dict[str, object]]]]:
    """Samples and descriptions, shard by shard."""
    for path in sorted(folder.glob("shard-????.npz")):
        with np.load(path) as shard:
            yield shard["audio"], json.loads(str(shard["about"]))


def _joined(shards: Iterator[tuple[Array, list[dict[str, object]]]]) -> tuple[tuple[Item, ...], Array]:
    """All shards as items over one array."""
    items: list[Item] = []
    pieces: list[Array] = []
    start = 0
    for audio, about in shards:
        pieces.append(audio)
        for entry in about:
            fields = {**entry, "flite_phones": tuple(entry["flite_phones"]), "ends_s": tuple(entry["ends_s"])}  # type: ignore[arg-type]
            items.append(Item(start=start, **fields))  # type: ignore[arg-type]
            start += items[-1].samples
    return tuple(items), np.concatenate(pieces)
