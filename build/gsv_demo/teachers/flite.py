"""flite as a teacher: four voices of 16 kHz that sound like robots, but need nothing but a program of Debian's."""

from __future__ import annotations

import numpy as np

from gsv_demo import speech as flite
from gsv_demo.teachers.speech import Speech


class Flite:
    """Speaks English."""

    def speak(self, text: str, language: str, voice: str) -> Speech:
        """Say an English text with one of `speech.ENGLISH_VOICES`."""
        spoken = flite.speak(text, voice)
        audio = spoken.audio.astype(np.float32) / 32768.0
        return Speech(audio, flite.SAMPLE_RATE_HZ, spoken.phones, spoken.ends_s)
