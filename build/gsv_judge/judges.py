"""The judges, each behind one call; loaded when first needed, so that a run loads only those it asks for."""

from __future__ import annotations

import functools
import sys
import warnings
from types import ModuleType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

RATE_HZ = 16_000
_SPHINX_LEVEL = 0.1  # RMS to which pocketsphinx wants audio brought
_LEAST_SAMPLES = RATE_HZ // 4  # the networks fail on less


class Panel(Protocol):
    """All judges; tests put a fake in its place. Samples are [N] at 16 kHz."""

    def whisper(self, samples: Samples, language: str) -> str:
        """What Whisper hears."""

    def sphinx(self, samples: Samples) -> str:
        """What pocketsphinx hears, English."""

    def dnsmos(self, samples: Samples) -> dict[str, float]:
        """DNSMOS P.835 and P.808: "overall", "signal", "background", "p808", each 1 to 5."""

    def plcmos(self, samples: Samples) -> float:
        """PLCMOS, 1 to 5: how much it sounds like concealed gaps."""

    def distillmos(self, samples: Samples) -> float:
        """DistillMOS, 1 to 5."""

    def embedding(self, samples: Samples) -> NDArray[np.float32]:
        """Resemblyzer's vector [256] of the voice, of length 1."""

    def pesq(self, samples: Samples, aligned: Samples) -> float | None:
        """Wide-band PESQ against the same speech, 1 to 4.64; None where it finds no speech."""

    def stoi(self, samples: Samples, aligned: Samples) -> float:
        """STOI against the same speech, 0 to 1."""


class RealPanel:
    """The judges of requirements-judges.txt."""

    def __init__(self, whisper_model: str = "base", threads: int = 1) -> None:
        """Choose; nothing is loaded yet.

        Args:
            whisper_model: "base" or "tiny.en".
            threads: of the CPU, for Whisper.
        """
        self._whisper_model, self._threads = whisper_model, threads

    @functools.cached_property
    def _whisper(self):  # type: ignore[no-untyped-def]
        from gsv_judge.whisper import Whisper

        return Whisper(self._whisper_model, self._threads)

    @functools.cached_property
    def _sphinx(self):  # type: ignore[no-untyped-def]
        from pocketsphinx import Decoder

        return Decoder(samprate=RATE_HZ, loglevel="FATAL")

    @functools.cached_property
    def _distillmos(self):  # type: ignore[no-untyped-def]
        # It reads files with torchaudio, whose wheels fit few versions of torch; we hand it samples.
        sys.modules.setdefault("torchaudio", ModuleType("torchaudio"))
        import distillmos

        return distillmos.ConvTransformerSQAModel().eval()

    @functools.cached_property
    def _encoder(self):  # type: ignore[no-untyped-def]
        from resemblyzer import VoiceEncoder

        return VoiceEncoder("cpu", verbose=False)

    def whisper(self, samples: Samples, language: str) -> str:
        """What Whisper hears."""
        return str(self._whisper.transcribe(samples, language))

    def sphinx(self, samples: Samples) -> str:
        """What pocketsphinx hears, English."""
        rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0
        edge = np.zeros(RATE_HZ // 4, np.float32)
        padded = np.concatenate([edge, samples * (_SPHINX_LEVEL / rms if rms else 1.0), edge])
        self._sphinx.start_utt()
        self._sphinx.process_raw((np.clip(padded, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
        self._sphinx.end_utt()
        found = self._sphinx.hyp()
        return found.hypstr if found is not None else ""

    def dnsmos(self, samples: Samples) -> dict[str, float]:
        """DNSMOS P.835 and P.808."""
        from speechmos import dnsmos

        found = dnsmos.run(_long_enough(samples), RATE_HZ)
        keys = {"overall": "ovrl_mos", "signal": "sig_mos", "background": "bak_mos", "p808": "p808_mos"}
        return {ours: float(found[theirs]) for ours, theirs in keys.items()}

    def plcmos(self, samples: Samples) -> float:
        """PLCMOS."""
        from speechmos import plcmos

        return float(plcmos.run(_long_enough(samples), RATE_HZ)["plcmos"])

    def distillmos(self, samples: Samples) -> float:
        """DistillMOS."""
        import torch

        with torch.no_grad():
            return float(self._distillmos(torch.from_numpy(_long_enough(samples))[None]).squeeze())

    def embedding(self, samples: Samples) -> NDArray[np.float32]:
        """Resemblyzer's vector of the voice."""
        from resemblyzer import preprocess_wav

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(self._encoder.embed_utterance(preprocess_wav(_long_enough(samples))), np.float32)

    def pesq(self, samples: Samples, aligned: Samples) -> float | None:
        """Wide-band PESQ."""
        import pesq

        try:
            return float(pesq.pesq(RATE_HZ, aligned, samples, "wb"))
        except pesq.NoUtterancesError:
            return None

    def stoi(self, samples: Samples, aligned: Samples) -> float:
        """STOI."""
        import pystoi

        return float(pystoi.stoi(aligned, samples, RATE_HZ))


def _long_enough(samples: Samples) -> Samples:
    """Samples in [-1, 1], silence appended to what is too short for a network to judge."""
    clipped = np.clip(samples, -1.0, 1.0)
    return np.pad(clipped, (0, max(0, _LEAST_SAMPLES - len(clipped)))).astype(np.float32)
