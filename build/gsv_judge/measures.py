"""Every measure by name: how it reads, which way is better, and from which kind of judging it comes. A table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """One figure.

    Attributes:
        key: in JSON.
        title: in tables.
        kind: of judging, one of `KINDS`.
        style: format of the figure.
        better: 1 where more is better, -1 where less is, 0 where neither is.
    """

    key: str
    title: str
    kind: str
    style: str
    better: int

    def shown(self, value: float) -> str:
        """The figure for a reader."""
        return format(value, self.style)


_PERCENT, _MOS, _UNIT, _SECONDS = ".1%", ".2f", ".3f", ".2f"

MEASURES = (
    Measure("wer_whisper", "words wrong, Whisper", "whisper", _PERCENT, -1),
    Measure("missing", "words missing", "whisper", _PERCENT, -1),
    Measure("repeats", "texts with words said twice", "whisper", _PERCENT, -1),
    Measure("keeps_end", "texts that keep their end", "whisper", _PERCENT, 1),
    Measure("empty", "texts of which nothing was heard", "whisper", _PERCENT, -1),
    Measure("wer_sphinx", "words wrong, pocketsphinx", "sphinx", _PERCENT, -1),
    Measure("dnsmos", "DNSMOS overall", "dnsmos", _MOS, 1),
    Measure("dnsmos_signal", "DNSMOS signal", "dnsmos", _MOS, 1),
    Measure("dnsmos_background", "DNSMOS background", "dnsmos", _MOS, 1),
    Measure("dnsmos_p808", "DNSMOS P.808", "dnsmos", _MOS, 1),
    Measure("plcmos", "PLCMOS", "plcmos", _MOS, 1),
    Measure("distillmos", "DistillMOS", "distillmos", _MOS, 1),
    Measure("similarity", "similarity to own reference", "speakers", _MOS, 1),
    Measure("nearest_is_own", "own reference nearest", "speakers", _PERCENT, 1),
    Measure("pesq", "PESQ wide-band", "aligned", _MOS, 1),
    Measure("stoi", "STOI", "aligned", _UNIT, 1),
    Measure("pitch_correlation", "pitch correlation", "melody", _MOS, 1),
    Measure("clipped", "samples clipped", "signal", ".3%", -1),
    Measure("longest_pause_s", "longest pause, s", "signal", _SECONDS, 0),
    Measure("lead_s", "silence before, s", "signal", _SECONDS, 0),
    Measure("trail_s", "silence after, s", "signal", _SECONDS, 0),
    Measure("seam", "worst seam, step over steps near it", "signal", _MOS, -1),
    Measure("seconds", "length, s", "signal", _SECONDS, 0),
    Measure("rtf", "RTF", "signal", _UNIT, -1),
)
BY_KEY = {measure.key: measure for measure in MEASURES}
KINDS = tuple(dict.fromkeys(measure.kind for measure in MEASURES))
