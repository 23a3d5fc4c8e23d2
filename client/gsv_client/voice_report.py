"""What the server found in a recording, in lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Figures of each of a voice's recordings in one line, then each warning in one.

    Args:
        report: as `Voice.report`; empty where the server does not say.
    """
    others = report.get("others") or ()
    for number, clip in enumerate((report, *others), 1):
        if figures := list(_figures(clip)):
            yield "  " + (f"clip {number}: " if others else "") + ", ".join(figures)
    if others:
        yield f"  similarity is the mean cosine with the other clips, by {report.get('similarity_by')}"
    for warning in report.get("warnings") or ():
        yield f"  warning: {warning}"


def _figures(report: Mapping[str, Any]) -> Iterator[str]:
    if (speech_s := report.get("speech_s")) is not None:
        yield f"{speech_s:.1f} s of speech"
    if cut_s := report.get("silence_cut_s"):
        yield f"{cut_s:.1f} s of silence cut"
    if (level := report.get("level_dbfs")) is not None:
        yield f"level {level:.0f} dBFS"
    if (noise := report.get("noise_dbfs")) is not None:
        yield f"noise {noise:.0f} dBFS"
    if (similarity := report.get("similarity")) is not None:
        yield f"similarity {similarity:.2f}"
    if (rate := report.get("phones_per_s")) is not None:
        yield f"text {rate:.1f} phones a second ({'used' if report.get('prompt_text_used') else 'not used'})"
