"""The speakers: who is trained on, and who is not, so that cloning can be judged on strangers. A table, computed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

STYLES = ("jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo")
_FACTORS = (0.9, 0.95, 1.0, 1.0, 1.06, 1.12)  # how fast a mixture's speech is played
_EXTRAPOLATED = 0.35  # how far beyond the mixture a voice goes, away from the mean of all styles
_SEED = 7

HIBARI = tuple(f"hibari-{factor:.2f}" for factor in (0.86, 0.92, 1.0, 1.08))
JOE = tuple(f"joe-{factor:.2f}" for factor in (0.92, 1.0, 1.08, 1.16))
HELD_OUT = tuple(f"kokoro-{number:02d}" for number in (3, 11, 19, 28, 37, 46))
_NUM_MIXTURES = 60


@dataclass(frozen=True)
class Mixture:
    """A voice of Kokoro.

    Attributes:
        timbre: weight of each style in what the voice sounds like; they add up to 1.
        manner: weight of each style in pitch and timing; they add up to 1.
        played_at: how fast what it says is played.
    """

    timbre: Mapping[str, float]
    manner: Mapping[str, float]
    played_at: float


def _weights(rng: random.Random) -> dict[str, float]:
    """Weights of the styles: mostly of one or two of them, carried a little beyond."""
    drawn = [rng.gammavariate(0.5, 1.0) for _ in STYLES]
    share = [value / sum(drawn) for value in drawn]
    beyond = [(1 + _EXTRAPOLATED) * value - _EXTRAPOLATED / len(STYLES) for value in share]
    return dict(zip(STYLES, (round(value, 3) for value in beyond), strict=True))


def _mixtures() -> dict[str, Mixture]:
    """The five styles as they are, then mixtures."""
    found = {}
    for number, style in enumerate(STYLES):
        own = {style: 1.0}
        found[f"kokoro-{number:02d}"] = Mixture(own, own, 1.0)
    for number in range(len(STYLES), _NUM_MIXTURES):
        rng = random.Random(1000 * _SEED + number)
        found[f"kokoro-{number:02d}"] = Mixture(_weights(rng), _weights(rng), rng.choice(_FACTORS))
    return found


MIXTURES: Mapping[str, Mixture] = _mixtures()
KOKORO = tuple(name for name in MIXTURES if name not in HELD_OUT)
TRAINED = (*HIBARI, *JOE, *KOKORO)
