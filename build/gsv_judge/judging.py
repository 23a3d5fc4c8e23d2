"""Hands each clip to the judges and keeps what they say, a row a clip."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from gsv_judge import signal_checks
from gsv_judge.clips import JUDGE_RATE_HZ, Clip, Samples, at_judge_rate, read_audio
from gsv_judge.judges import Panel
from gsv_judge.measures import KINDS
from gsv_judge.words import compare, units

Part = tuple[float, float]  # numerator and denominator: a figure of many clips is sum over sum


@dataclass(frozen=True)
class Row:
    """One clip judged.

    Attributes:
        name: of the clip.
        audio: its path.
        text: what should be said.
        language: of the text.
        speaker: whose voice it should be.
        heard: by judge of words.
        parts: measure to numerator and denominator.
    """

    name: str
    audio: str
    text: str = ""
    language: str = "en"
    speaker: str = ""
    heard: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Part] = field(default_factory=dict)


class Judging:
    """Judges clips of one folder."""

    def __init__(self, panel: Panel, kinds: Collection[str] = KINDS) -> None:
        """Choose what is judged.

        Args:
            panel: the judges.
            kinds: of `measures.KINDS`.

        Raises:
            ValueError: no such kind.
        """
        unknown = sorted(set(kinds) - set(KINDS))
        if unknown:
            raise ValueError(f"no judges called {', '.join(unknown)}; there are {', '.join(KINDS)}")
        self._panel, self._kinds = panel, frozenset(kinds)
        self._embeddings: dict[Path, NDArray[np.float32]] = {}

    def judge(self, clips: Sequence[Clip]) -> list[Row]:
        """Judge all clips; what is not known of a clip is not judged."""
        references = {clip.speaker: clip.reference for clip in clips if clip.reference is not None and clip.speaker}
        return [self._row(clip, references) for clip in tqdm(clips, desc="judged", unit="clip", mininterval=5)]

    def embedding(self, path: Path) -> NDArray[np.float32]:
        """Vector of a file's voice, computed once."""
        if path not in self._embeddings:
            self._embeddings[path] = self._panel.embedding(at_judge_rate(path))
        return self._embeddings[path]

    def _row(self, clip: Clip, references: Mapping[str, Path]) -> Row:
        samples = at_judge_rate(clip.audio)
        parts: dict[str, Part] = {}
        heard: dict[str, str] = {}
        if clip.text:
            self._words(clip, samples, parts, heard)
        self._naturalness(samples, parts)
        if clip.reference is not None and "speakers" in self._kinds:
            parts |= self._speaker(clip, references)
        self._beside(clip, samples, parts)
        if "signal" in self._kinds:
            parts |= _signal(clip)
        return Row(clip.name, str(clip.audio), clip.text, clip.language, clip.speaker, heard, parts)

    def _words(self, clip: Clip, samples: Samples, parts: dict[str, Part], heard: dict[str, str]) -> None:
        said = units(clip.text, clip.language)
        if "whisper" in self._kinds:
            heard["whisper"] = self._panel.whisper(samples, clip.language)
            found = compare(said, units(heard["whisper"], clip.language))
            parts["wer_whisper"] = float(found.errors), float(found.said)
            parts["missing"] = float(found.missing), float(found.said)
            parts["repeats"] = float(found.repeats > 0), 1.0
            parts["keeps_end"] = float(found.keeps_end), 1.0
            parts["empty"] = float(found.missing == found.said), 1.0
        if "sphinx" in self._kinds and clip.language == "en":
            heard["sphinx"] = self._panel.sphinx(samples)
            found = compare(said, units(heard["sphinx"], "en"))
            parts["wer_sphinx"] = float(found.errors), float(found.said)

    def _naturalness(self, samples: Samples, parts: dict[str, Part]) -> None:
        if "dnsmos" in self._kinds:
            found = self._panel.dnsmos(samples)
            parts["dnsmos"] = found["overall"], 1.0
            parts |= {f"dnsmos_{name}": (found[name], 1.0) for name in ("signal", "background", "p808")}
        if "plcmos" in self._kinds:
            parts["plcmos"] = self._panel.plcmos(samples), 1.0
        if "distillmos" in self._kinds:
            parts["distillmos"] = self._panel.distillmos(samples), 1.0

    def _speaker(self, clip: Clip, references: Mapping[str, Path]) -> dict[str, Part]:
        assert clip.reference is not None
        own = self.embedding(clip.audio)
        likeness = {speaker: float(own @ self.embedding(path)) for speaker, path in references.items()}
        parts: dict[str, Part] = {"similarity": (float(own @ self.embedding(clip.reference)), 1.0)}
        if len(likeness) > 1 and clip.speaker:
            parts["nearest_is_own"] = float(max(likeness, key=likeness.__getitem__) == clip.speaker), 1.0
        return parts

    def _beside(self, clip: Clip, samples: Samples, parts: dict[str, Part]) -> None:
        if clip.aligned is not None and "aligned" in self._kinds:
            aligned = at_judge_rate(clip.aligned)
            both = min(len(samples), len(aligned))
            pesq = self._panel.pesq(samples[:both], aligned[:both])
            if pesq is not None:
                parts["pesq"] = pesq, 1.0
            parts["stoi"] = self._panel.stoi(samples[:both], aligned[:both]), 1.0
        if clip.original is not None and "melody" in self._kinds:
            found = signal_checks.pitch_correlation(samples, at_judge_rate(clip.original), JUDGE_RATE_HZ)
            if found is not None:
                parts["pitch_correlation"] = found, 1.0


def _signal(clip: Clip) -> dict[str, Part]:
    """What the samples alone tell, at their own rate."""
    samples, rate_hz = read_audio(clip.audio)
    lead_s, trail_s, pause_s = signal_checks.silences_s(samples, rate_hz)
    found: dict[str, float | None] = {
        "clipped": signal_checks.clipped_share(samples),
        "lead_s": lead_s,
        "trail_s": trail_s,
        "longest_pause_s": pause_s,
        "seam": signal_checks.worst_seam(samples, rate_hz, clip.chunk_samples),
        "seconds": len(samples) / rate_hz,
        "rtf": clip.rtf,
    }
    return {key: (value, 1.0) for key, value in found.items() if value is not None}
