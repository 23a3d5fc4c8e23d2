"""Benchmark results as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gsv_bench.stage_result import Result

_COLOURS = {"text_frontend": "#94a3b8", "t2s": "#2563eb", "acoustic": "#16a34a", "vocoder": "#f59e0b"}


def plot_stages(results: Sequence[Result], path: Path) -> None:
    """Draw one stacked bar per version and side."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    bars = [
        (f"{result.version}\n{side}", result.stages_ms[side], result.total_ms[side])
        for result in results
        for side in result.total_ms
    ]
    figure, axes = pyplot.subplots(figsize=(9, 0.7 * len(bars) + 1.4), layout="constrained")
    labels = [label for label, _, _ in bars]
    left = [0.0] * len(bars)
    for stage, colour in _COLOURS.items():
        widths = [stages[stage] for _, stages, _ in bars]
        axes.barh(labels, widths, left=left, color=colour, label=stage)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    rest = [max(total - start, 0.0) for (_, _, total), start in zip(bars, left, strict=True)]
    axes.barh(labels, rest, left=left, color="#e2e8f0", label="rest of the request")
    for label, _, total in bars:
        axes.annotate(f" {total:.0f} ms", (total, label), va="center")
    axes.invert_yaxis()
    axes.set_xlabel(f"ms for {results[0].num_tokens / 25:.2f} s of speech, median of {results[0].rounds} rounds, CPU")
    axes.margins(x=0.12)
    figure.legend(loc="outside upper center", ncols=len(_COLOURS) + 1, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def plot_slots(tokens_per_s: Mapping[str, Mapping[int, float]], path: Path) -> None:
    """Draw tokens per second over slots, one line a precision, beside what slots of one speed would give."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for (name, found), colour in zip(tokens_per_s.items(), ("#2563eb", "#f59e0b"), strict=True):
        slots = list(found)
        axes.plot(slots, list(found.values()), marker="o", color=colour, label=f"{name} weights")
        for n, value in found.items():
            axes.annotate(f"{value:.0f}", (n, value), textcoords="offset points", xytext=(0, 7), ha="center")
    axes.axhline(25, color="#94a3b8", linestyle="--", label="one stream in real time: 25")
    axes.set_xticks(slots)
    axes.set_xlabel("slots in use")
    axes.set_ylabel("semantic tokens per second, all slots")
    axes.set_ylim(bottom=0)
    axes.margins(y=0.12)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
