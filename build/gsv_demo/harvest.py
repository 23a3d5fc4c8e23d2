"""Speech of the teachers, made once, part by part and shard by shard, then heard by a judge. Resumable.

The judge is a command of its own (`python -m gsv_judge hear`); what it did not understand is left out when the corpus
is loaded, not deleted.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from tqdm import tqdm

from gsv_demo import recordings, sentences, teachers, texts
from gsv_demo.arrays import Array
from gsv_demo.short_texts import short_texts
from gsv_demo.speech import ENGLISH_VOICES
from gsv_demo.teachers import voices
from gsv_demo.teachers.speech import Speech

LOG = logging.getLogger(__name__)
RATE_HZ = 24_000
_SHARD_UTTERANCES = 60
HELD_OUT_FILE = "held-out.json"


@dataclass(frozen=True)
class Part:
    """One teacher's share of the corpus.

    Attributes:
        name: of its shards.
        language: "en", "zh" or "ja".
        voices: who take turns.
        count: utterances.
        seed: of the texts; the held-out texts themselves where it is 0.
        judged_every: a judge listens to every so many-th shard.
    """

    name: str
    language: str
    voices: tuple[str, ...]
    count: int
    seed: int
    judged_every: int = 1

    def planned(self) -> list[tuple[str, str]]:
        """(text, voice) of every utterance."""
        said = self._texts()
        return [(text, self.voices[index % len(self.voices)]) for index, text in enumerate(said)]

    def _texts(self) -> Sequence[str]:
        if self.seed:
            return texts.training(self.language, self.count, self.seed)
        return texts.held_out(self.language, self.count)


@dataclass(frozen=True)
class FlitePart:
    """What flite speaks where no natural teacher is wanted: sentences, then words, four voices in turn.

    Attributes:
        texts: how many sentences, and the seed that they are drawn with.
        short_texts: likewise, of texts of one to three words.
    """

    texts: tuple[tuple[int, int], ...]
    short_texts: tuple[tuple[int, int], ...] = ()
    name: str = "flite"
    language: str = "en"
    judged_every: int = 1

    def planned(self) -> list[tuple[str, str]]:
        """(text, voice) of every utterance."""
        said = sentences.training_texts(self.texts)
        said += [text for count, seed in self.short_texts for text in short_texts(count, seed)]
        return [(text, ENGLISH_VOICES[index % len(ENGLISH_VOICES)]) for index, text in enumerate(said)]


_JUDGED_BY = (*voices.HELD_OUT, *voices.KOKORO[:4], voices.HIBARI[2], voices.JOE[1])
# In this order: first what takes minutes, Kokoro's hours last. The training takes what is there.
PARTS = (
    Part("hibari", "en", voices.HIBARI, 6000, 101, judged_every=10),
    Part("joe", "en", voices.JOE, 1200, 102, judged_every=10),
    Part("references", "en", _JUDGED_BY, 120, 104),
    Part("held-out", "en", _JUDGED_BY, 100, 0),
    Part("kokoro", "en", voices.KOKORO, 8100, 103),
    Part("joe-more", "en", voices.JOE, 2800, 107, judged_every=10),
    Part("kokoro-zh", "zh", voices.KOKORO, 1620, 105),
    Part("kokoro-ja", "ja", voices.KOKORO, 1620, 106),
)
NEVER_TRAINED = ("held-out", "references")


def make(folder: Path, parts: Sequence[Part | FlitePart] = PARTS, judged: bool = True) -> None:
    """Let the teachers speak what is planned; shards that exist are kept.

    Args:
        folder: where `corpus/` goes, with the shards, and `held-out.json`, which says what no training may see.
        parts: what is planned.
        judged: whether a judge listens to each shard when it is there, as often as its part says.

    Raises:
        subprocess.CalledProcessError: the judge failed.
    """
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    apart = {"voices": voices.HELD_OUT, "texts": {part.language: list(texts.held_out(part.language)) for part in parts}}
    (folder / HELD_OUT_FILE).write_text(json.dumps(apart, ensure_ascii=False, indent=1), encoding="utf-8")
    for part in parts:
        for index, (name, shard) in enumerate(tqdm(list(_shards(part)), desc=part.name, unit="shard", mininterval=5)):
            if not recordings.exists(corpus, name):
                recordings.write(corpus, name, [*_spoken(part, shard)], RATE_HZ)
            if judged and index % part.judged_every == 0 and not (corpus / f"{name}{recordings.HEARD}").exists():
                subprocess.run([sys.executable, "-m", "gsv_judge", "hear", str(corpus), name], check=True)


def _shards(part: Part | FlitePart) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Name and utterances of each shard."""
    planned = part.planned()
    for index, at in enumerate(range(0, len(planned), _SHARD_UTTERANCES)):
        yield f"{part.name}-{index:04d}", planned[at : at + _SHARD_UTTERANCES]


def _spoken(part: Part | FlitePart, shard: Sequence[tuple[str, str]]) -> Iterator[tuple[recordings.Entry, Array]]:
    """Every utterance of a shard at `RATE_HZ`; one that a teacher cannot say is left out."""
    for text, voice in shard:
        try:
            speech = teachers.load(teachers.teacher_of(voice)).speak(text, part.language, voice)
        except ValueError as problem:
            LOG.warning("left out part=%s voice=%s: %s", part.name, voice, problem)
            continue
        audio = at_rate(speech)
        yield recordings.Entry(text, part.language, voice, len(audio), speech.symbols, _rounded(speech)), audio


def at_rate(speech: Speech) -> Array:
    """Samples at `RATE_HZ`."""
    if speech.rate_hz == RATE_HZ:
        return speech.audio
    return np.asarray(soxr.resample(speech.audio, speech.rate_hz, RATE_HZ), dtype=np.float32)


def _rounded(speech: Speech) -> tuple[float, ...]:
    return tuple(round(end, 4) for end in speech.ends_s)
