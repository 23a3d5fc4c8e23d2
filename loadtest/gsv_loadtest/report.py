"""Writes what came of a load: a page with plots, Locust's own page, and one line of JSON."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from gsv_loadtest import plots
from gsv_loadtest.load import Result
from gsv_loadtest.outcome import OK
from gsv_loadtest.server_watch import growth
from gsv_loadtest.summary import summarise

_ROWS = (
    ("ttfa_s", "time to first audio, s"),
    ("ttfa_short_s", "of short texts"),
    ("ttfa_medium_s", "of texts of three sentences"),
    ("ttfa_long_s", "of long texts"),
    ("rtf", "waiting per second of speech (RTF)"),
    ("longest_underrun_s", "longest underrun, s"),
)


def figures(result: Result) -> dict[str, Any]:
    """Everything measured, for a program."""
    plan = result.plan
    return {
        **summarise(result.outcomes, plan.duration_s - plan.warm_up_s),
        "server": growth(result.samples, plan.warm_up_s) or None,
        "load_average": round(result.load_average, 2),
    }


def write(result: Result, name: str, about: str, directory: Path) -> dict[str, Any]:
    """Write both pages and the figures into `directory`.

    Args:
        result: What came of the load.
        name: Of the scenario; files are called after it and the time.
        about: One sentence on what was done.
        directory: Made if absent.

    Returns:
        The figures, with the path of the page.
    """
    directory.mkdir(parents=True, exist_ok=True)
    stem = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    (directory / f"{stem}-locust.html").write_text(result.locust_html, encoding="utf-8")
    measured = {**figures(result), "report": str(directory / f"{stem}.html")}
    (directory / f"{stem}.html").write_text(page(result, measured, about, f"{stem}-locust.html"), encoding="utf-8")
    (directory / f"{stem}.json").write_text(json.dumps(measured, indent=1), encoding="utf-8")
    return measured


def table(measured: Mapping[str, Any]) -> str:
    """The figures as lines for a terminal: what became of the requests, and how long listeners waited."""
    lines = [
        f"{measured['requests']} requests: {measured['ok']} heard, {measured['busy']} refused, "
        f"{measured['cancelled']} left early, {measured['failed']} failed",
        f"{measured['audio_s_per_s'] or 0:.1f} s of speech a second; {measured['streams_with_underrun']} had a gap",
        *(f"{kind}: {count}" for kind, count in {**measured["errors"], **measured["problems"]}.items()),
        "",
        f"{'':<36} {'median':>8} {'95 %':>8} {'99 %':>8} {'longest':>8}",
    ]
    for name, title in _ROWS:
        if measured[name] is not None:
            cells = " ".join(f"{measured[name][column]:>8.3f}" for column in ("p50", "p95", "p99", "max"))
            lines.append(f"{title:<36} {cells}")
    return "\n".join(lines)


def page(result: Result, measured: Mapping[str, Any], about: str, locust_page: str) -> str:
    """The page, with nothing to load from elsewhere."""
    template = resources.files("gsv_loadtest").joinpath("report.html.jinja").read_text(encoding="utf-8")
    failures = Counter(
        f"{outcome.kind}: {outcome.message}" if outcome.kind != OK else ", ".join(outcome.problems)
        for outcome in result.outcomes
        if outcome.failed
    )
    return (
        jinja2.Environment(autoescape=True)
        .from_string(template)
        .render(
            title=f"Load: {about}",
            about=time.strftime("%d %B %Y, %H:%M"),
            figures=measured,
            rows=_ROWS,
            failures=failures.most_common(),
            growth=measured["server"],
            load_average=result.load_average,
            locust_page=locust_page,
            plots=_plots(result),
        )
    )


def _plots(result: Result) -> list[tuple[str, str]]:
    heard = [outcome for outcome in result.outcomes if outcome.kind == OK]
    drawn = []
    if heard:
        drawn += [
            ("First audio", plots.ttfa_over_time(result.outcomes)),
            ("First audio, distribution", plots.distribution([o.ttfa_s for o in heard], "first audio after, s")),
            ("RTF, distribution", plots.distribution([o.rtf for o in heard], "waiting per second of speech")),
        ]
        longest = [max(outcome.underruns_s, default=0.0) for outcome in heard]
        drawn.append(("Longest underrun, distribution", plots.distribution(longest, "s")))
    if result.samples:
        drawn.append(("Server memory", plots.memory(result.samples)))
    return drawn
