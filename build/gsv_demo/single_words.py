"""`python -m gsv_demo.single_words`: whether single words are as long as flite says them, through a running server.

A voice that was taught sentences stretches a word said alone, or says it twice. What a newcomer tries first is "Hello".
A table goes to stdout and its last line is JSON; the same arguments give the same figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from gsv_client import Client
from gsv_demo.arrays import Array
from gsv_demo.short_texts import HELD_OUT_WORDS
from gsv_demo.speech import SAMPLE_RATE_HZ as FLITE_RATE_HZ
from gsv_demo.speech import speak
from gsv_runtime.contract import SAMPLE_RATE_HZ

WORDS = (
    "yes no hello hi thanks right okay stop go wait please sorry help one two three four five six seven eight nine ten "
    "red blue green good bad great sure maybe never always today now here there what why who when where how home water "
    "coffee music news time friend"
).split()
OFF = (0.6, 1.5)  # a take outside is too short or too long, in lengths of flite's
_LOUD = 0.05  # of the loudest 50 ms: what is below, before and behind, is not the word
_FRAME_S, _LOUDEST = 0.01, 5  # frames


@dataclass(frozen=True)
class Take:
    """One word, said once.

    Attributes:
        word: what was asked for.
        seed: of the take.
        ratio: its length, in lengths of the same word from flite.
    """

    word: str
    seed: int
    ratio: float

    @property
    def off(self) -> bool:
        """Whether it is far too short or too long."""
        return not OFF[0] <= self.ratio <= OFF[1]


def heard_s(samples: Array, rate_hz: int) -> float:
    """Seconds from the first to the last loud frame of [N] samples; 0 of silence."""
    frame = round(_FRAME_S * rate_hz)
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame).astype(np.float64)
    level = np.sqrt(((frames - samples.mean()) ** 2).mean(axis=1))
    loudest = np.sqrt((np.sort(level)[-_LOUDEST:] ** 2).mean()) if len(level) else 0.0
    loud = np.flatnonzero(level > _LOUD * loudest)
    return float(loud[-1] - loud[0] + 1) * _FRAME_S if len(loud) else 0.0


def takes(url: str, voice: str, seeds: Sequence[int], retries: int) -> list[Take]:
    """Every word with every seed.

    Args:
        url: of the server, which has the voice.
        voice: one of flite's names.
        seeds: a take each.
        retries: as of a request.
    """
    expected = {word: heard_s(speak(word, voice).audio, FLITE_RATE_HZ) for word in WORDS}

    def take(asked: tuple[str, int]) -> Take:
        word, seed = asked
        audio = client.synthesize(
            word.capitalize(), voice=voice, language="en", seed=seed, retries=retries, cache="off"
        )
        return Take(word, seed, heard_s(audio.samples, SAMPLE_RATE_HZ) / expected[word])

    asked = [(word, seed) for word in WORDS for seed in seeds]
    with Client(url) as client, ThreadPoolExecutor(4) as pool:
        return list(tqdm(pool.map(take, asked), total=len(asked), desc="words", unit="take"))


def shares(said: Sequence[Take]) -> dict[str, float]:
    """Share of the takes that are off: of all words, and of those that the recipe `words` never says alone."""
    unpractised = [take for take in said if take.word in HELD_OUT_WORDS]
    return {
        name: round(sum(take.off for take in some) / len(some), 4)
        for name, some in (("all", said), ("never_trained_alone", unpractised))
    }


def main() -> None:
    """Print the takes that are off, and their share."""
    top = argparse.ArgumentParser(prog="python -m gsv_demo.single_words", description=__doc__)
    top.add_argument("--url", default="localhost:8001", help="gRPC address of the server, which has the voice")
    top.add_argument("--voice", default="slt", help="one of flite's names")
    top.add_argument("--seeds", type=int, default=4, help="takes of each word")
    top.add_argument("--retries", type=int, default=2, help="as of a request")
    asked = top.parse_args()
    said = takes(asked.url, asked.voice, range(1, asked.seeds + 1), asked.retries)
    for take in sorted((take for take in said if take.off), key=lambda take: take.ratio):
        sys.stdout.write(f"{take.word:10s} seed {take.seed}  {take.ratio:5.2f} times flite's length\n")
    sys.stdout.write(json.dumps({"takes": len(said), "off": shares(said)}) + "\n")


if __name__ == "__main__":
    main()
