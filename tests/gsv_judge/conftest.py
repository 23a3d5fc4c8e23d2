"""A panel of judges that need no weights, and folders to judge."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from gsv_judge.clips import Clip, write_manifest

RATE_HZ = 24_000


class FakePanel:
    """Hears what it is told to, and knows a voice by the pitch of its hum."""

    def __init__(self, heard=""):
        self.heard = heard
        self.calls = []

    def whisper(self, samples, language):
        self.calls.append("whisper")
        return self.heard

    def sphinx(self, samples):
        self.calls.append("sphinx")
        return self.heard

    def dnsmos(self, samples):
        self.calls.append("dnsmos")
        return {"overall": 3.0, "signal": 3.5, "background": 4.0, "p808": 3.2}

    def plcmos(self, samples):
        self.calls.append("plcmos")
        return 4.0

    def distillmos(self, samples):
        self.calls.append("distillmos")
        return 3.9

    def embedding(self, samples):
        self.calls.append("embedding")
        power = np.abs(np.fft.rfft(samples, 4096))[:256]
        return (power / np.linalg.norm(power)).astype(np.float32)

    def pesq(self, samples, aligned):
        return 4.64 if np.array_equal(samples, aligned) else 2.0

    def stoi(self, samples, aligned):
        return 1.0 if np.array_equal(samples, aligned) else 0.5


def hum(hertz, seconds=1.0, rate_hz=RATE_HZ, level=0.3):
    """[N] float32, a tone with a soft beginning and end."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    fade = np.minimum(1.0, np.minimum(time_s, time_s[::-1]) / 0.05)
    return (level * fade * np.sin(2 * np.pi * hertz * time_s)).astype(np.float32)


@pytest.fixture
def panel():
    return FakePanel("the bakery opens early")


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two speakers, two clips each, beside a reference of each."""
    clips = []
    for speaker, hertz in (("ann", 150), ("bob", 400)):
        reference = tmp_path / f"reference-{speaker}.wav"
        soundfile.write(reference, hum(hertz), RATE_HZ)
        for number in range(2):
            audio = tmp_path / f"{number}-{speaker}.wav"
            soundfile.write(audio, hum(hertz, 1.0 + 0.1 * number), RATE_HZ)
            clips.append(Clip(audio, "The bakery opens early.", "en", speaker, reference, aligned=audio))
    write_manifest(tmp_path, clips)
    return tmp_path
