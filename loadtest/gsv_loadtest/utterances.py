"""What is said under load: texts, voices and seeds, drawn at random but the same at every run."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from gsv_client import Options

TextKind = Literal["short", "medium", "long"]


@dataclass(frozen=True)
class Utterance:
    """One request: what is said, by whom, and the seed that fixes how."""

    text: str
    voice: str
    seed: int
    kind: TextKind

    @property
    def options(self) -> Options:
        """What is asked for beside the text; the server is to compute it, and once: the load is what is asked."""
        return {"voice": self.voice, "seed": self.seed, "cache": "off", "retries": 0}


def texts(kind: TextKind) -> list[str]:
    """The texts of a kind: "short", one sentence; "medium", three; "long", most of a minute of reading."""
    file = resources.files("gsv_loadtest") / "texts" / f"{kind}.txt"
    separator = "\n\n" if kind == "long" else "\n"
    return [text.strip() for text in file.read_text(encoding="utf-8").split(separator) if text.strip()]


def every_utterance(kinds: Sequence[TextKind], voices: Sequence[str]) -> list[Utterance]:
    """Each text by each voice, with a seed of its own."""
    pairs = [(kind, text, voice) for kind in kinds for text in texts(kind) for voice in voices]
    return [Utterance(text, voice, seed, kind) for seed, (kind, text, voice) in enumerate(pairs, start=1)]


def drawn(utterances: Sequence[Utterance], weights: Mapping[TextKind, float], seed: int) -> Iterator[Utterance]:
    """Utterances at random, without end.

    Args:
        utterances: What to draw from; equally likely within a kind.
        weights: Share of each kind.
        seed: The same seed draws the same.
    """
    rng = random.Random(seed)
    by_kind = {kind: [each for each in utterances if each.kind == kind] for kind in weights}
    kinds, shares = list(weights), list(weights.values())
    while True:
        yield rng.choice(by_kind[rng.choices(kinds, shares)[0]])
