"""hibari-tts: one American voice, a hundred times faster than real time, 24 kHz.

Voices are "hibari-<factor>": how fast what it says is played.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from gsv_demo.teachers.graph import open_with
from gsv_demo.teachers.speech import STYLE_TTS_LEAD_S, Speech, ends_of, played_at, trimmed

_DURATIONS = "/Round_output_0"  # of each symbol, in units of 25 ms
_UNIT_S = 0.025


class HibariTeacher:
    """Speaks English."""

    def __init__(self) -> None:
        """Load graph and dictionaries."""
        from hibari import Hibari, dsp

        self._dsp = dsp
        self._hibari = Hibari(threads=1)
        self._session = open_with(Path(self._hibari.model_path), _DURATIONS)

    def phonemes(self, text: str) -> str:
        """Symbols of an English text, one character each, as Kokoro reads them too."""
        return " ".join(self._hibari.phonemize(text))

    def speak(self, text: str, language: str, voice: str) -> Speech:
        """Say an English text.

        Raises:
            ValueError: another language.
        """
        if language != "en":
            raise ValueError(f"hibari was asked for {language!r}; it speaks English only; ask Kokoro")
        factor = float(voice.partition("-")[2])
        phonemes = "".join(symbol for symbol in self.phonemes(text) if symbol in self._hibari.vocab)
        inputs = {
            "ids": np.asarray([self._hibari.ids(phonemes)], np.int64),
            "speed": np.asarray([1.0 / factor], np.float32),
        }
        *spectra, durations = self._session.run(None, inputs)
        seed = zlib.crc32(f"{voice} {text}".encode())
        audio = self._dsp.synth(*(spectrum[0] for spectrum in spectra), np.random.default_rng(seed))
        ends_s = ends_of(np.maximum(durations.ravel(), 1.0), _UNIT_S, STYLE_TTS_LEAD_S)
        speech = Speech(np.asarray(audio, np.float32), self._hibari.sample_rate, ("_", *phonemes, "_"), ends_s)
        return trimmed(played_at(speech, factor))
