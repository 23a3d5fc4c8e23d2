"""What a compression changed: one page, and the same figures for a program."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gsv_compress.saying import NEW, OLD, Times

LOG = logging.getLogger("gsv.compress")
REPORT, FIGURES = "compressed.md", "compressed.json"
_KINDS = ("whisper", "dnsmos", "plcmos", "speakers", "aligned", "signal")


@dataclass
class Findings:
    """Figures of one run.

    Attributes:
        measures: name to what was done and measured.
        megabytes: file or network to its size before and after.
        times: before and after, ms a second of speech by stage.
        judged: tables of the judges, or why there are none.
    """

    measures: dict[str, dict[str, Any]] = field(default_factory=dict)
    megabytes: dict[str, tuple[float, float]] = field(default_factory=dict)
    times: dict[str, dict[str, float]] = field(default_factory=dict)
    judged: str = ""

    def note_times(self, times: Mapping[str, Times]) -> None:
        """Keep the medians."""
        self.times = {side: each.medians() for side, each in times.items()}

    def write(self, folder: Path) -> Path:
        """Write the page and the figures; returns the page."""
        values = {"measures": self.measures, "megabytes": self.megabytes, "ms_per_second": self.times}
        (folder / FIGURES).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
        page = folder / REPORT
        page.write_text(self.page(), encoding="utf-8")
        return page

    def page(self) -> str:
        """The page, as Markdown."""
        lines = ["# What was compressed", ""]
        for name, values in self.measures.items():
            lines += [f"## {name}", "", *(f"- {key}: {_shown(value)}" for key, value in values.items()), ""]
        lines += ["## Size, MB", "", "| | before | after | |", "|---|---:|---:|---:|"]
        lines += [
            f"| {name} | {before:.1f} | {after:.1f} | {_change(before, after)} |"
            for name, (before, after) in self.megabytes.items()
        ]
        lines += ["", *_times_table(self.times), "", "## Judged", "", self.judged, ""]
        return "\n".join(lines)


def _times_table(times: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Milliseconds of work for each second of speech."""
    lines = ["## Time, ms for a second of speech, by turns on this machine", ""]
    lines += ["| stage | before | after | times as fast |", "|---|---:|---:|---:|"]
    for stage, before in times.get(OLD, {}).items():
        after = times[NEW][stage]
        lines.append(f"| {stage} | {before:.1f} | {after:.1f} | {before / max(after, 1e-9):.2f} |")
    return lines


def judge(folder: Path, judges: Path) -> str:
    """Let the judges hear both folders of clips; their tables, or why they were not asked.

    Args:
        folder: as `say_both` filled it.
        judges: environment of `make judges`.
    """
    python = judges / "bin" / "python"
    again = f"{python} -m gsv_judge"
    if not python.is_file():
        return (
            f"Not judged: {judges} is not there. `make judges`, then `{again} judge {folder / OLD}`, "
            f"`{again} judge {folder / NEW}`, `{again} compare {folder / OLD} {folder / NEW}`."
        )
    for side in (OLD, NEW):
        _run([str(python), "-m", "gsv_judge", "judge", str(folder / side), "--only", *_KINDS])
    return "```\n" + _run([str(python), "-m", "gsv_judge", "compare", str(folder / OLD), str(folder / NEW)]) + "```"


def _run(command: list[str]) -> str:
    """Run a command; its output.

    Raises:
        ValueError: it failed; it said why on stderr.
    """
    LOG.info("judging command=%s", " ".join(command))
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise ValueError(f"{' '.join(command)} failed with status {done.returncode}; see above")
    return done.stdout


def _change(before: float, after: float) -> str:
    return f"{after / before - 1.0:+.0%}" if before else "–"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(_shown, value)) if isinstance(value, list | tuple) else str(value)
