"""Held-out texts as the old and the new voice say them: clips for the judges, and times of the stages, by turns."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from tqdm import tqdm

from gsv_build.checks.graph_stages import TimedStages
from gsv_compress.teacher import Speaker, Teacher
from gsv_runtime import contract
from gsv_runtime.contract import SAMPLE_RATE_HZ

OLD, NEW = "before", "after"
_SEED = 5
_MANIFEST = "manifest.json"
_TIMED = (contract.T2S.name, contract.ACOUSTIC.name, contract.VOCODER.name)


@dataclass
class Times:
    """Milliseconds of stages for each second of speech; one entry a text."""

    stages: dict[str, list[float]] = field(default_factory=dict)

    def add(self, spent_ms: Mapping[str, float], seconds: float) -> None:
        """Note one text."""
        for name in _TIMED:
            self.stages.setdefault(name, []).append(spent_ms.get(name, 0.0) / seconds)

    def medians(self) -> dict[str, float]:
        """Stage to median, and their sum."""
        found = {name: statistics.median(each) for name, each in self.stages.items()}
        return {**found, "sum": sum(found.values())}


def say_both(
    voices: Mapping[str, Teacher], speakers: Mapping[str, Sequence[Speaker]], texts: Sequence[str], language: str,
    folder: Path, same_tokens: bool,
) -> dict[str, Times]:  # fmt: skip
    """Let both say every text with the same seeds, by turns.

    Args:
        voices: `OLD` and `NEW`.
        speakers: of each, in the same order.
        texts: held out.
        language: of the texts.
        folder: gets a folder of clips for each.
        same_tokens: whether the new voice speaks the same tokens, so that clips are compared sample by sample.

    Returns:
        Times of each.
    """
    times = {side: Times() for side in voices}
    rows: dict[str, list[dict[str, Any]]] = {side: [] for side in voices}
    for side in voices:
        (folder / side).mkdir(parents=True, exist_ok=True)
        voices[side].say(texts[0], language, speakers[side][0].voice, _SEED)  # warms up
    for index, text in enumerate(tqdm(texts, desc="both say", unit="text", mininterval=5)):
        for side, voice in voices.items():
            speaker = speakers[side][index % len(speakers[side])]
            timed = TimedStages(voice.stages)
            started = time.perf_counter()
            said = voice.say(text, language, speaker.voice, _SEED + index, timed)
            waveform = np.concatenate([each.waveform for each in said])
            seconds = waveform.size / SAMPLE_RATE_HZ
            times[side].add(timed.take_times_ms(), seconds)
            path = folder / side / f"{index:03d}-{speaker.name}.flac"
            soundfile.write(path, np.clip(waveform, -1, 1), SAMPLE_RATE_HZ)
            row = _row(path, text, language, speaker, (time.perf_counter() - started) / seconds)
            if side == NEW and same_tokens:
                row["aligned"] = os.path.join("..", OLD, path.name)
            rows[side].append(row)
    for side, entries in rows.items():
        (folder / side / _MANIFEST).write_text(
            json.dumps(entries, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
    return times


def _row(path: Path, text: str, language: str, speaker: Speaker, rtf: float) -> dict[str, Any]:
    """What the judges are told of a clip; paths are relative to its folder."""
    return {
        "audio": path.name,
        "text": text,
        "language": language,
        "speaker": speaker.name,
        "reference": os.path.relpath(speaker.audio.resolve(), path.parent.resolve()),
        "rtf": round(rtf, 4),
    }
