"""Streaming as a picture: a seam, the error along a sentence, and the cost by length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gsv_bench.streaming_cost import OFFLINE, STREAMED, Cost
from gsv_bench.streaming_quality import Quality
from gsv_runtime.contract import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from gsv_runtime.tensors import Array

_WHOLE, _STREAMED, _ERROR, _SEAM = "#94a3b8", "#2563eb", "#dc2626", "#f59e0b"


def plot(quality: Quality, costs: Sequence[Cost], path: Path) -> None:
    """Draw one sentence and all costs."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (seam_axes, level_axes, cost_axes) = pyplot.subplots(3, 1, figsize=(9, 9), layout="constrained")
    _draw_seam(seam_axes, quality)
    _draw_levels(level_axes, quality)
    _draw_costs(cost_axes, costs)
    for axes in (seam_axes, level_axes, cost_axes):
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _draw_seam(axes, quality: Quality) -> None:  # type: ignore[no-untyped-def]
    seam = quality.seams_at[0]
    around = slice(seam - 2 * SAMPLES_PER_FRAME, seam + 3 * SAMPLES_PER_FRAME)
    times_ms = (np.arange(around.start, around.stop) - seam) * 1e3 / SAMPLE_RATE_HZ
    axes.axvspan(0, 1e3 * SAMPLES_PER_FRAME / SAMPLE_RATE_HZ, color=_SEAM, alpha=0.2, label="cross-fade")
    axes.plot(times_ms, quality.whole[around], color=_WHOLE, linewidth=3, label="whole sentence")
    axes.plot(times_ms, quality.streamed[around], color=_STREAMED, linewidth=1, label="streamed")
    axes.plot(times_ms, (quality.streamed - quality.whole)[around], color=_ERROR, linewidth=1, label="difference")
    axes.set_xlabel(f"ms from the first seam of “{quality.name}”")
    axes.legend(frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))


def _draw_levels(axes, quality: Quality) -> None:  # type: ignore[no-untyped-def]
    for signal, colour, label in (
        (quality.whole, _WHOLE, "whole sentence"),
        (quality.streamed - quality.whole, _ERROR, "difference"),
    ):
        levels = _levels_db(signal)
        axes.plot(np.arange(levels.size) * SAMPLES_PER_FRAME / SAMPLE_RATE_HZ, levels, color=colour, label=label)
    for seam in quality.seams_at:
        axes.axvline(seam / SAMPLE_RATE_HZ, color=_SEAM)
    axes.set_ylim(-110, 0)
    axes.set_xlabel("s; lines are seams")
    axes.set_ylabel("level of 20 ms, dB")
    axes.legend(frameon=False, ncols=2, loc="lower right")


def _levels_db(signal: Array) -> Array:
    frames = signal[: signal.size // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME].reshape(-1, SAMPLES_PER_FRAME)
    return 10 * np.log10(np.square(frames).mean(axis=1) + 1e-12)


def _draw_costs(axes, costs: Sequence[Cost]) -> None:  # type: ignore[no-untyped-def]
    seconds = [cost.seconds for cost in costs]
    for side, colour in ((OFFLINE, _WHOLE), (STREAMED, _STREAMED)):
        axes.plot(seconds, [cost.milliseconds[side] / 1e3 for cost in costs], color=colour, marker="o", label=side)
    for cost in costs:
        point = (cost.seconds, cost.milliseconds[STREAMED] / 1e3)
        axes.annotate(f"{cost.ratio:.2f} ×", point, textcoords="offset points", xytext=(0, 7), ha="center")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(seconds, [f"{length:g}" for length in seconds])
    axes.minorticks_off()
    axes.margins(y=0.15)
    axes.set_xlabel("s of speech in one sentence")
    axes.set_ylabel("s of processor time")
    axes.legend(frameon=False, loc="upper left")
