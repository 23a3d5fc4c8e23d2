"""`python -m gsv_bench.gpu.plots FIGURES.json CHART.png`: tokens a second by slots, first audio by arrivals."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

_LINES = {
    "three standard graphs, float16": ("t2s-onnxruntime", "fp16, CUDA graph, tokens/s of the engine"),
    "the same, 8 steps with their draws": ("t2s-onnxruntime", "fp16, CUDA graph, tokens/s of 8 steps with their draws"),
    "the same, as served": ("t2s-onnxruntime", "fp16, CUDA graph, tokens/s as served, 8 steps a launch"),
    "the same, drawn on the host": (
        "t2s-onnxruntime",
        "fp16, CUDA graph, tokens/s of rounds with the draw on the host",
    ),
    "a served round before decision 27": ("t2s-onnxruntime", "fp16, CUDA graph, tokens/s of a served round"),
    "float32": ("t2s-onnxruntime", "fp32, CUDA graph, tokens/s of the engine"),
    "float16, launched one by one": ("t2s-onnxruntime", "fp16, launched, tokens/s of the engine"),
    "GroupQueryAttention": ("t2s-group-query-attention", "CUDA graph, tokens/s of the engine"),
}


def first_audio_ms(served: Mapping[str, Any]) -> dict[str, dict[int, float]]:
    """Median of the seeds' medians and 95th percentiles, by arrivals a second."""
    found: dict[str, dict[int, list[float]]] = {"p50": {}, "p95": {}}
    for name, load in served.items():
        if name.startswith("open loop"):
            rate = int(name.split(",")[1].strip().removesuffix("/s"))
            for which, rates in found.items():
                rates.setdefault(rate, []).append(1e3 * load["first_audio_s"][which])
    return {
        which: {rate: statistics.median(values) for rate, values in rates.items()} for which, rates in found.items()
    }


def plot(figures: Mapping[str, Any], path: Path) -> None:
    """Draw both."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    for label, (part, name) in _LINES.items():
        rates = figures.get(part, {}).get("figures", {}).get(name)
        if not rates:
            continue  # of another run
        left.plot(list(map(int, rates)), list(rates.values()), marker="o", label=label)
    left.set(xscale="log", yscale="log", xlabel="slots", ylabel="tokens a second", title="T2S by ONNX Runtime's CUDA")
    left.set_xticks([1, 8, 16, 32, 64], labels=["1", "8", "16", "32", "64"])
    left.legend(fontsize=7)
    for which, by_rate in first_audio_ms(figures["served"]).items():
        right.plot(list(by_rate), list(by_rate.values()), marker="o", label=which)
    right.set(xlabel="arrivals a second", ylabel="ms", title="first audio through Triton", yscale="log")
    right.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    plot(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]))
