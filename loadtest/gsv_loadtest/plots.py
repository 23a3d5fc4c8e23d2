"""Pictures for the report page, as SVG that stands inside it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence

import matplotlib

matplotlib.use("Agg")
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gsv_loadtest.outcome import BUSY, OK, Outcome
from gsv_loadtest.server_watch import Sample

_SIZE = (6.4, 3.0)


def ttfa_over_time(outcomes: Sequence[Outcome]) -> str:
    """When each speech began, and what was refused or went wrong."""

    def draw(axes: Axes) -> None:
        for kind, mark in (("short", "."), ("medium", "+"), ("long", "^")):
            heard = [o for o in outcomes if o.kind == OK and o.text_kind == kind]
            if not heard:
                continue
            axes.plot([o.due_s for o in heard], [o.ttfa_s for o in heard], mark, label=kind, alpha=0.7)
        for label, mark, those in (
            ("refused", "kx", [o for o in outcomes if o.kind == BUSY]),
            ("failed", "rx", [o for o in outcomes if o.failed]),
        ):
            if those:
                axes.plot([o.due_s for o in those], [0.0] * len(those), mark, label=label, clip_on=False)
        axes.set(xlabel="due after, s", ylabel="first audio after, s", ylim=(0, None))
        axes.legend()

    return _svg(draw)


def distribution(values: Sequence[float], label: str) -> str:
    """Share of listeners who noticed at most so much."""

    def draw(axes: Axes) -> None:
        ordered = sorted(values)
        axes.step(ordered, [(rank + 1) / len(ordered) for rank in range(len(ordered))], where="post")
        axes.set(xlabel=label, ylabel="share of listeners", ylim=(0, 1), xlim=(0, None))

    return _svg(draw)


def memory(samples: Sequence[Sample]) -> str:
    """Resident memory of the server's processes, stacked, and its shared memory."""

    def draw(axes: Axes) -> None:
        names = sorted({name for sample in samples for name in sample.by_process}, key=str)
        times = [sample.at_s for sample in samples]
        axes.stackplot(times, [[s.by_process.get(name, 0.0) for s in samples] for name in names], labels=names)
        axes.plot(times, [sample.shared_mb for sample in samples], "k--", label="/dev/shm")
        axes.set(xlabel="s", ylabel="resident, MB")
        axes.legend(fontsize=6, ncols=2, loc="lower right")

    return _svg(draw)


def sweep(rows: Sequence[tuple[int, float, float, float, float]]) -> Figure:
    """TTFA, underrun and throughput over concurrency.

    Args:
        rows: (users, TTFA p50, TTFA p95, longest underrun p95, audio seconds per second).
    """
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    users = [row[0] for row in rows]
    left, right = figure.subplots(1, 2)
    for column, label in ((1, "first audio, median"), (2, "first audio, 95 %"), (3, "longest underrun, 95 %")):
        left.plot(users, [row[column] for row in rows], "o-", label=label)
    left.set(xlabel="listeners at once", ylabel="s", ylim=(0, None))
    left.legend()
    right.plot(users, [row[4] for row in rows], "o-", color="tab:green")
    right.set(xlabel="listeners at once", ylabel="seconds of speech per second", ylim=(0, None))
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(users, [str(number) for number in users])
        axes.grid(alpha=0.3)
    return figure


def plan(check: Sequence[Mapping[str, float]], by_hit_rate: Sequence[tuple[float, int]], listeners: int) -> Figure:
    """The simulation beside what was measured, and the machines that listeners need.

    Args:
        check: As `plan_cli.checked` has it.
        by_hit_rate: (hit rate, machines).
        listeners: At the same time.
    """
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    rates = [row["rate_per_s"] for row in check]
    for side in ("measured", "simulated"):
        left.plot(rates, [row[f"{side}_s"] for row in check], "o-", label=side)
    left.set(xlabel="arrivals a second at one machine", ylabel="first audio, 95 %, s", ylim=(0, None))
    left.legend()
    right.plot([rate for rate, _ in by_hit_rate], [machines for _, machines in by_hit_rate], "o-", color="tab:green")
    right.set(xlabel="hit rate of the cache", ylabel=f"machines for {listeners:,} listeners", ylim=(0, None))
    for axes in (left, right):
        axes.grid(alpha=0.3)
    return figure


def _svg(draw: Callable[[Axes], None]) -> str:
    figure = Figure(figsize=_SIZE, layout="constrained")
    draw(figure.subplots())
    page = io.StringIO()
    figure.savefig(page, format="svg")
    text = page.getvalue()
    return text[text.index("<svg") :]
