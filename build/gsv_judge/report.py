"""A run, or two side by side, for a reader: a table in Markdown, and a page with players and spectrograms."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from gsv_judge.clips import Samples, read_audio
from gsv_judge.judging import Row
from gsv_judge.measures import BY_KEY, MEASURES
from gsv_judge.run_files import JudgedRun
from gsv_judge.summary import Figure, significant

_TEMPLATE = Path(__file__).with_name("page.html.j2")
_PAGE_RATE_HZ = 24_000
_FFT, _HOP = 1024, 256
_RANGE_DB = 80.0
_HEIGHT = 120  # pixels
_PIXELS_PER_S = 90


def table(run: JudgedRun) -> str:
    """Figures of one run."""
    lines = [f"| {run.name} | value (95 % interval) | clips |", "|---|---|---|"]
    for key, figure in run.figures.items():
        lines.append(f"| {BY_KEY[key].title} | {figure.shown(BY_KEY[key])} | {figure.clips} |")
    if run.beside:
        lines += [
            "",
            "| clips minus what they are aligned with | difference (95 % interval) | pairs | |",
            "|---|---|---|---|",
        ]
        for key, figure in run.beside.items():
            lines.append(
                f"| {BY_KEY[key].title} | {figure.shown(BY_KEY[key])} | {figure.clips} | {verdict(key, figure)} |"
            )
    if run.pairs is not None:
        lines += ["", "| similarity of pairs of clips | mean | 5 % are beyond |", "|---|---|---|"]
        lines.append(f"| of one speaker | {run.pairs.same:.2f} | below {run.pairs.same_low:.2f} |")
        lines.append(f"| of two speakers | {run.pairs.other:.2f} | above {run.pairs.other_high:.2f} |")
    return "\n".join(lines)


def comparison(first: JudgedRun, second: JudgedRun, found: Mapping[str, Figure]) -> str:
    """Two runs side by side; ▲ and ▼ mark a difference whose interval leaves out nought: better, worse."""
    lines = [f"| | {first.name} | {second.name} | difference (95 % interval) | |", "|---|---|---|---|---|"]
    for key, difference in found.items():
        measure = BY_KEY[key]
        values = [measure.shown(run.figures[key].value) for run in (first, second)]
        cells = [measure.title, *values, difference.shown(measure), verdict(key, difference)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def verdict(key: str, difference: Figure) -> str:
    """Better, worse, or (empty) neither for sure."""
    better = BY_KEY[key].better
    if not better or not significant(difference):
        return ""
    return "▲ better" if (difference.value > 0) == (better > 0) else "▼ worse"


def page(runs: list[JudgedRun], found: Mapping[str, Figure] | None = None, clips: int = 400) -> str:
    """The page, everything inside it.

    Args:
        runs: one, or two to put side by side.
        found: differences of the two.
        clips: at most so many clips of each run can be played.
    """
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    names = list(dict.fromkeys(row.name for run in runs for row in run.rows))[:clips]
    by_name = [{row.name: row for row in run.rows} for run in runs]
    return template.render(
        runs=runs,
        measures=[measure for measure in MEASURES if any(measure.key in run.figures for run in runs)],
        found=found,
        verdict=verdict,
        clips=[{"name": name, "sides": [_side(rows.get(name)) for rows in by_name]} for name in names],
    )


def _side(row: Row | None) -> dict[str, Any] | None:
    """One clip of one run, as the page shows it."""
    if row is None:
        return None
    figures = {key: BY_KEY[key].shown(top / bottom) for key, (top, bottom) in row.parts.items() if bottom}
    path = Path(row.audio)
    if not path.exists():
        return {"row": row, "figures": figures, "audio": "", "picture": ""}
    samples, rate_hz = read_audio(path)
    heard = np.asarray(soxr.resample(samples, rate_hz, _PAGE_RATE_HZ), np.float32)
    return {"row": row, "figures": figures, "audio": _player(heard), "picture": spectrogram(heard, _PAGE_RATE_HZ)}


def _player(samples: Samples) -> str:
    """Samples as an Ogg Opus data address."""
    sink = io.BytesIO()
    soundfile.write(sink, samples, _PAGE_RATE_HZ, format="OGG", subtype="OPUS")
    return "data:audio/ogg;base64," + base64.b64encode(sink.getvalue()).decode()


def spectrogram(samples: Samples, rate_hz: int) -> str:
    """A picture of 80 dB as a PNG data address; low frequencies below, about 90 pixels a second."""
    from matplotlib import image

    padded = np.pad(samples, (0, max(0, _FFT - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP] * np.hanning(_FFT)
    level = 20 * np.log10(np.abs(np.fft.rfft(frames, axis=1)).T + 1e-6)
    rows = np.linspace(0, len(level) - 1, _HEIGHT).astype(int)
    width = max(1, round(len(samples) / rate_hz * _PIXELS_PER_S))
    columns = np.linspace(0, level.shape[1] - 1, width).astype(int)
    sink = io.BytesIO()
    top = level.max()
    image.imsave(
        sink, level[rows][:, columns], vmin=top - _RANGE_DB, vmax=top, cmap="magma", origin="lower", format="png"
    )
    return "data:image/png;base64," + base64.b64encode(sink.getvalue()).decode()
