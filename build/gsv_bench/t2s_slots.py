"""T2S alone: tokens per second and the time of a round of decoding, by slots in use, and what a prefill takes.

A round is the served one: the step of the engine, the draw of a token for every slot, the scheduler. Official v2 sizes,
random weights with every layer different; all numbers of slots, precisions and engines by turns in one process.
On a GPU (`--t2s-device cuda`, not run here) the step with and without a CUDA graph.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gsv_bench.t2s_cases import SAMPLING, T2SSide, never_end, open_cuda_engine, open_engine, random_prompt
from gsv_build.checks.module_stages import SeededWeights
from gsv_build.graphs.graph_quantisation import T2SPrecision
from gsv_build.size_presets import network_sizes
from gsv_build.sizes import T2SSizes
from gsv_runtime.graphs.session import CUDA
from gsv_runtime.stages import SequenceCall
from gsv_runtime.t2s import fused_library
from gsv_runtime.t2s.decoder import Decoder
from gsv_runtime.t2s.engine import Engine
from gsv_runtime.t2s.request import TextLimit
from gsv_runtime.versions import ModelVersion

SLOTS = (1, 2, 4, 8, 10, 16)
GPU_SLOTS = (1, 8, 10, 16, 32, 64)
ONE, MANY = 1, 10  # slots that the goals compare
LEAST_SPEEDUP, MOST_COST = 3.5, 2.8  # tokens/s and round time with MANY slots, as ratios to those with ONE
_ROUNDS_A_TURN = 5


@dataclass
class SlotTimings:
    """Seconds of each round, by slots, and of each prefill; one engine."""

    rounds_s: dict[int, list[float]] = field(default_factory=dict)
    prefills_s: list[float] = field(default_factory=list)

    def round_ms(self, slots: int) -> float:
        """Median of a round."""
        return 1e3 * statistics.median(self.rounds_s[slots])

    def tokens_per_s(self, slots: int) -> float:
        """Tokens of all slots together."""
        return 1e3 * slots / self.round_ms(slots)

    def to_json(self) -> dict[str, Any]:
        """Medians and least values, rounded, and the two ratios."""
        return {
            "round_ms": {str(n): round(self.round_ms(n), 2) for n in self.rounds_s},
            "least_round_ms": {str(n): round(1e3 * min(times), 2) for n, times in self.rounds_s.items()},
            "tokens_per_s": {str(n): round(self.tokens_per_s(n), 1) for n in self.rounds_s},
            "tokens_per_s_ratio": round(self.tokens_per_s(MANY) / self.tokens_per_s(ONE), 2),
            "round_cost_ratio": round(self.round_ms(MANY) / self.round_ms(ONE), 2),
            "prefill_ms": round(1e3 * statistics.median(self.prefills_s), 1),
        }


def sides_here() -> list[T2SSide]:
    """ONNX Runtime at each precision; where our library runs, that, too, and its rounded weights with either cache."""
    sides = [T2SSide(each) for each in T2SPrecision]
    if fused_library.runs_here():
        sides += [T2SSide(T2SPrecision.FP32, fused=True)]
        sides += [T2SSide(T2SPrecision.INT8, fused=True, half_cache=half) for half in (True, False)]
    return sides


def begin(engine: Engine, sizes: T2SSizes, slots: int) -> Decoder:
    """A decoder in which `slots` sequences are running; decoders may share an engine, times do not depend on values."""
    decoder = Decoder(
        engine, repetition_window=0, repetition_least_distinct=0, limit=TextLimit(tokens_at_least=engine_rows(engine))
    )
    for number in range(1, slots + 1):
        prompt = random_prompt(sizes, number)
        inputs = {
            "phones": prompt.phones,
            "bert_features": prompt.bert_features,
            "prompt_tokens": prompt.prompt_tokens,
            **{name: np.array([getattr(SAMPLING, name)]) for name in ("top_k", "top_p", "temperature")},
            "repetition_penalty": np.array([SAMPLING.repetition_penalty]),
            "seed": np.array([number]),
            "max_new_tokens": np.array([engine_rows(engine)]),
        }
        decoder.take_call(SequenceCall(number, start=True), inputs, now_s=0.0)
    return decoder


def engine_rows(engine: Engine) -> int:
    """Tokens that always fit a slot after the prompt."""
    return engine.capacity.cache_rows // 2


def measure(engines: Mapping[str, Engine], sizes: T2SSizes, slots: Sequence[int], turns: int) -> dict[str, SlotTimings]:
    """Time rounds by turns.

    Args:
        engines: by name; each with as many slots as the largest of `slots`.
        sizes: of their network.
        slots: numbers of sequences that run at once.
        turns: each of a few rounds; one more before is not counted.

    Returns:
        SlotTimings by engine.
    """
    timings = {name: SlotTimings({n: [] for n in slots}) for name in engines}
    running = {(name, n): begin(engine, sizes, n) for n in slots for name, engine in engines.items()}
    for (name, n), decoder in running.items():
        for _ in range(n):  # one joins a round
            finish_round(decoder)
        started = time.perf_counter()
        engines[name].prefill(0, random_prompt(sizes, 0))
        timings[name].prefills_s.append(time.perf_counter() - started)
    for turn in tqdm(range(turns + 1), desc="t2s by turns", unit="turn"):
        for (name, n), decoder in running.items():
            times = list(_timed_rounds(decoder))
            if turn:
                timings[name].rounds_s[n] += times
    return timings


def _timed_rounds(decoder: Decoder) -> Iterator[float]:
    for _ in range(_ROUNDS_A_TURN):
        started = time.perf_counter()
        finish_round(decoder)
        yield time.perf_counter() - started


def finish_round(decoder: Decoder) -> None:
    """Run one round; raise the failure of a sequence."""
    for _, failure in decoder.advance():
        raise failure


def table(found: Mapping[str, SlotTimings]) -> str:
    """Tokens per second and round times, as Markdown."""
    slots = next(iter(found.values())).rounds_s
    lines = ["| slots | " + " | ".join(f"{name} round ms | {name} tokens/s" for name in found) + " |"]
    lines.append("|---:|" + "---:|---:|" * len(found))
    for n in slots:
        cells = (f"{timings.round_ms(n):.1f} | {timings.tokens_per_s(n):.0f}" for timings in found.values())
        lines.append(f"| {n} | {' | '.join(cells)} |")
    for name, timings in found.items():
        values = timings.to_json()
        lines += [
            "",
            f"{name}: with {MANY} slots {values['tokens_per_s_ratio']:.2f} times the tokens/s of {ONE} (goal: at least "
            f"{LEAST_SPEEDUP}), a round costs {values['round_cost_ratio']:.2f} times as much (goal: at most "
            f"{MOST_COST}); a prefill of 160 rows takes {values['prefill_ms']:.0f} ms.",
        ]
    return "\n".join(lines)


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--t2s-turns", type=int, default=12, help="of five rounds for each number of slots")
    parser.add_argument("--t2s-threads", type=int, default=2)
    parser.add_argument("--t2s-device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--t2s-plot", type=Path, help="write a chart of tokens/s here")


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return Markdown for people and values for machines."""
    sizes = network_sizes(ModelVersion.V2, "official")
    module = SeededWeights(sizes).t2s()
    never_end(module)
    load = os.getloadavg()[0]
    on_gpu = arguments.t2s_device == "cuda"
    slots = GPU_SLOTS if on_gpu else SLOTS
    engines: dict[str, Engine]
    if on_gpu:
        engines = {
            name: open_cuda_engine(module, max(slots), CUDA, capture)
            for name, capture in (("cuda", False), ("cuda graph", True))
        }
    else:
        threads = arguments.t2s_threads
        engines = {each.name: open_engine(module, each, max(slots), threads) for each in sides_here()}
    found = measure(engines, sizes.t2s, slots, arguments.t2s_turns)
    if arguments.t2s_plot:
        from gsv_bench.plots import plot_slots

        plot_slots({name: {n: t.tokens_per_s(n) for n in slots} for name, t in found.items()}, arguments.t2s_plot)
    values = {name: timings.to_json() for name, timings in found.items()}
    if on_gpu:
        return table(found), {"t2s_slots": {"load_average_at_start": round(load, 2), **values}}
    fp32 = values[T2SPrecision.FP32.value]
    met = fp32["tokens_per_s_ratio"] >= LEAST_SPEEDUP and fp32["round_cost_ratio"] <= MOST_COST
    facts = {"threads": arguments.t2s_threads, "load_average_at_start": round(load, 2), "fp32_meets_goals": met}
    return table(found), {"t2s_slots": {**facts, **values}}
