"""The corpus as training reads it: all utterances end to end in one array at 32 kHz, made from the shards once.

Each utterance begins at a whole token (40 ms), so that what is measured token by token of the whole array needs no
knowledge of where utterances begin.
"""

from __future__ import annotations

import json
import logging
import math
import os
import random
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soxr
from tqdm import tqdm

from gsv_demo import recordings
from gsv_demo.arrays import Array
from gsv_demo.harvest import NEVER_TRAINED
from gsv_demo.symbols import phones_of
from gsv_runtime.contract import SAMPLE_RATE_HZ, SAMPLES_PER_TOKEN

LOG = logging.getLogger(__name__)
RATE_16K_HZ = 16_000
_SAMPLES, _ITEMS = "audio.i16", "items.json"


@dataclass(frozen=True)
class Item:
    """One utterance of the corpus.

    Attributes:
        text: what was said.
        language: "en".
        voice: who said it.
        start: first sample in `Corpus.audio`, a multiple of 1280.
        samples: how many, at 32 kHz.
        phones: names of `labels.PHONES`; empty where the teacher does not tell.
        ends_s: where each of them ends, in seconds from `start`.
    """

    text: str
    language: str
    voice: str
    start: int
    samples: int
    phones: tuple[str, ...]
    ends_s: tuple[float, ...]

    @property
    def seconds(self) -> float:
        """Length of the utterance."""
        return self.samples / SAMPLE_RATE_HZ


@dataclass(frozen=True)
class Corpus:
    """All utterances, with their samples in `audio` [N] int16, 32 kHz."""

    items: tuple[Item, ...]
    audio: Array

    def waveform(self, item: Item) -> Array:
        """Samples of one utterance.

        Returns:
            [N] float32 in [-1, 1], 32 kHz.
        """
        return self.audio[item.start : item.start + item.samples].astype(np.float32) / 32768.0

    def waveform_16k(self, item: Item) -> Array:
        """Samples of one utterance.

        Returns:
            [N / 2] float32 in [-1, 1], 16 kHz.
        """
        return np.asarray(soxr.resample(self.waveform(item), SAMPLE_RATE_HZ, RATE_16K_HZ), np.float32)

    def of_voice(self, voice: str) -> list[Item]:
        """Items of one voice."""
        return [item for item in self.items if item.voice == voice]


def drawn_voices(rng: random.Random, utterances: Mapping[str, int], count: int) -> list[str]:
    """Voices of a batch: one with four times as many utterances is drawn twice as often.

    Args:
        rng: draws.
        utterances: how many each voice has.
        count: of the batch.
    """
    voices = sorted(utterances)
    return rng.choices(voices, [math.sqrt(utterances[voice]) for voice in voices], k=count)


def load(folder: Path, languages: Sequence[str] = ("en",)) -> Corpus:
    """Read a corpus, joining its shards when they are new or have changed.

    Args:
        folder: of the shards; `audio.i16` and `items.json` are kept beside it.
        languages: utterances in others are left out, as are those that a judge did not understand.

    Raises:
        FileNotFoundError: there is no shard.
    """
    shards = [name for name in recordings.names(folder) if name.rpartition("-")[0] not in NEVER_TRAINED]
    if not shards:
        raise FileNotFoundError(f"{folder} holds no shards; make them first: python -m gsv_demo data")
    heard = [name for name in shards if (folder / f"{name}{recordings.HEARD}").exists()]
    mark = f"{zlib.crc32(repr((shards, heard, languages)).encode()):08x}"
    samples, told = folder.parent / _SAMPLES, folder.parent / _ITEMS
    if not told.exists() or json.loads(told.read_text(encoding="utf-8"))["mark"] != mark:
        _join(folder, shards, languages, mark)
    rows = json.loads(told.read_text(encoding="utf-8"))["items"]
    items = tuple(Item(**{**row, "phones": tuple(row["phones"]), "ends_s": tuple(row["ends_s"])}) for row in rows)
    return Corpus(items, np.memmap(samples, np.int16, "r"))


def _join(folder: Path, shards: Sequence[str], languages: Sequence[str], mark: str) -> None:
    """Write all utterances end to end, each from a whole token on."""
    items: list[Item] = []
    start = 0
    part = folder.parent / f"{_SAMPLES}.part"
    with part.open("wb") as sink, ThreadPoolExecutor(os.cpu_count()) as pool:
        read = pool.map(lambda name: list(_kept(folder, name, languages)), shards)
        for kept in tqdm(read, desc="corpus", total=len(shards), unit="shard", mininterval=5):
            for entry, audio in kept:
                phones, ends_s = phones_of(entry.symbols, entry.ends_s) if entry.symbols else ((), ())
                items.append(Item(entry.text, entry.language, entry.voice, start, len(audio), phones, ends_s))
                padded = np.pad(audio, (0, -len(audio) % SAMPLES_PER_TOKEN))
                sink.write(padded.tobytes())
                start += len(padded)
    part.replace(folder.parent / _SAMPLES)
    told = json.dumps({"mark": mark, "items": [asdict(item) for item in items]}, ensure_ascii=False)
    (folder.parent / _ITEMS).write_text(told, encoding="utf-8")
    hours = sum(item.seconds for item in items) / 3600
    LOG.info("corpus joined utterances=%d hours=%.2f voices=%d", len(items), hours, len({i.voice for i in items}))


def _kept(folder: Path, name: str, languages: Sequence[str]) -> Iterator[tuple[recordings.Entry, Array]]:
    """Utterances of a shard that training wants, at 32 kHz."""
    shard = recordings.read_shard(folder, name)
    ends = np.cumsum([entry.samples for entry in shard.entries])
    for entry, agreed, audio in zip(shard.entries, shard.agreed, np.split(shard.audio, ends[:-1]), strict=True):
        if agreed and entry.language in languages:
            yield entry, np.asarray(soxr.resample(audio, shard.rate_hz, SAMPLE_RATE_HZ), np.int16)
