"""Original speech: flite and espeak-ng as subprocesses, 16 kHz samples and, from flite, when each phone ends."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from gsv_demo.arrays import Array

SAMPLE_RATE_HZ = 16_000
ENGLISH_VOICES = ("slt", "rms", "awb", "kal16")
MANDARIN_VOICES = ("cmn+f2", "cmn+m3")
HELD_OUT_VOICE = "awb@1.12"  # heard in no training: awb played 12 % faster, so higher and with a shorter tract
_TARGET_RMS = 0.07
_EDGE_S = 0.1  # silence left before the first phone and after the last
_SYNTHESIS_TIMEOUT_S = 300  # takes 0.1 s; a machine may be very busy


@dataclass(frozen=True)
class Utterance:
    """One spoken text.

    Attributes:
        text: what was said.
        voice: "slt", "cmn+f2", or with a playback factor "awb@1.12".
        audio: [N] int16, 16 kHz.
        phones: names of flite's phones, "pau" for silence; empty from espeak-ng, which does not tell.
        ends_s: where each of them ends.
    """

    text: str
    voice: str
    audio: Array
    phones: tuple[str, ...] = ()
    ends_s: tuple[float, ...] = ()


def missing_programs(voices: tuple[str, ...]) -> list[str]:
    """Programs that these voices need and that are not installed."""
    needed = {"espeak-ng" if voice.startswith("cmn") else "flite" for voice in voices}
    return sorted(program for program in needed if shutil.which(program) is None)


def speak(text: str, voice: str) -> Utterance:
    """Synthesise a text with flite (English) or espeak-ng (Mandarin).

    Args:
        text: one sentence.
        voice: one of `ENGLISH_VOICES`, `MANDARIN_VOICES`, or such a name with "@factor" for a playback factor.

    Returns:
        The utterance at a fixed loudness, its edges cut to 0.1 s of silence.

    Raises:
        FileNotFoundError: flite or espeak-ng is not installed.
        subprocess.CalledProcessError: the program failed.
    """
    name, _, factor = voice.partition("@")
    audio, phones, ends_s = _espeak(text, name) if name.startswith("cmn") else _flite(text, name)
    if factor:
        audio = _resampled(audio, 100, round(100 * float(factor)))
        ends_s = [end_s / float(factor) for end_s in ends_s]
    audio, phones, ends_s = _trim(audio, phones, ends_s)
    loud = audio * (_TARGET_RMS / max(float(np.sqrt(np.mean(audio**2))), 1e-4))
    samples = np.clip(loud, -0.99, 0.99) * 32767.0
    return Utterance(text, voice, samples.astype(np.int16), tuple(phones), tuple(ends_s))


def _flite(text: str, voice: str) -> tuple[Array, list[str], list[float]]:
    """Samples, phone names and phone ends of a flite voice."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        command = ["flite", "-voice", voice, "-psdur", "-t", text, "-o", str(path)]
        told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SYNTHESIS_TIMEOUT_S)
        audio = _read(path.read_bytes())
    pairs = [item.rsplit(":", 1) for item in told.stdout.split()]
    return audio, [name for name, _ in pairs], [float(end) for _, end in pairs]


def _espeak(text: str, voice: str) -> tuple[Array, list[str], list[float]]:
    """Samples of an espeak-ng voice; it tells no phones."""
    command = ["espeak-ng", "-v", voice, "-s", "150", "--stdout", text]
    told = subprocess.run(command, check=True, capture_output=True, timeout=_SYNTHESIS_TIMEOUT_S)
    return _read(told.stdout), [], []


def _read(wav: bytes) -> Array:
    """WAV bytes to [N] float64 at 16 kHz."""
    audio, rate_hz = soundfile.read(io.BytesIO(wav))
    return audio if rate_hz == SAMPLE_RATE_HZ else _resampled(audio, SAMPLE_RATE_HZ, rate_hz)


def _resampled(audio: Array, up: int, down: int) -> Array:
    from scipy.signal import resample_poly  # takes a second, which nobody waits for who makes no speech

    resampled: Array = resample_poly(audio, up, down)
    return resampled


def _trim(audio: Array, phones: list[str], ends_s: list[float]) -> tuple[Array, list[str], list[float]]:
    """Cut leading and trailing silence to 0.1 s each; phone ends move along."""
    heard = np.flatnonzero(np.abs(audio) > 0.02 * np.abs(audio).max())
    start_s = max(0.0, heard[0] / SAMPLE_RATE_HZ - _EDGE_S)
    end_s = min(len(audio) / SAMPLE_RATE_HZ, heard[-1] / SAMPLE_RATE_HZ + _EDGE_S)
    if phones and phones[0] == "pau":
        start_s = max(0.0, ends_s[0] - _EDGE_S)
    audio = audio[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)]
    return audio, phones, [min(end, end_s) - start_s for end in ends_s]
