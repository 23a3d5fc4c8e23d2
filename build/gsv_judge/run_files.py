"""A run's results on disk: `judged.json`, rows and figures, read back to be compared."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gsv_judge.judging import Row
from gsv_judge.speakers import Pairs
from gsv_judge.summary import Figure

JUDGED = "judged.json"


@dataclass(frozen=True)
class JudgedRun:
    """One folder judged.

    Attributes:
        name: of the folder.
        rows: a clip each.
        figures: by measure.
        pairs: what similarities mean here; None where no speakers were judged.
        likeness: mean similarity of each speaker's clips to each reference.
        beside: streams minus wholes (clips minus what they are aligned with), by measure; empty without such clips.
    """

    name: str
    rows: Sequence[Row]
    figures: Mapping[str, Figure]
    pairs: Pairs | None = None
    likeness: Mapping[str, Mapping[str, float]] | None = None
    beside: Mapping[str, Figure] = field(default_factory=dict)


def as_json(run: JudgedRun) -> dict[str, Any]:
    """Everything, as JSON takes it: not-a-number becomes null."""
    return {
        "name": run.name,
        "figures": {key: asdict(figure) for key, figure in run.figures.items()},
        "pairs": None if run.pairs is None else {key: _plain(value) for key, value in asdict(run.pairs).items()},
        "likeness": run.likeness,
        "beside": {key: asdict(figure) for key, figure in run.beside.items()},
        "rows": [asdict(row) for row in run.rows],
    }


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value


def save(run: JudgedRun, path: Path) -> None:
    """Write a run."""
    path.write_text(json.dumps(as_json(run), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> JudgedRun:
    """Read a run: the file, or the folder that it lies in.

    Raises:
        ValueError: it was not judged.
    """
    file = path / JUDGED if path.is_dir() else path
    if not file.exists():
        raise ValueError(f"{file} is not there; judge the folder first: python -m gsv_judge judge {path}")
    found = json.loads(file.read_text(encoding="utf-8"))
    rows = [Row(**{**row, "parts": {key: tuple(part) for key, part in row["parts"].items()}}) for row in found["rows"]]
    pairs = found["pairs"] and Pairs(
        **{key: float("nan") if value is None else value for key, value in found["pairs"].items()}
    )
    figures = {key: Figure(**figure) for key, figure in found["figures"].items()}
    beside = {key: Figure(**figure) for key, figure in found["beside"].items()}
    return JudgedRun(found["name"], rows, figures, pairs, found["likeness"], beside)
