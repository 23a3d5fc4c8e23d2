"""Prompts that join `t2s` at once: prefilled in one call, against one after the other.

`python -m gsv_bench --only t2s-prefill --json`. All prompts have the same length, the best case of one call: no row of
it is padding. By turns in one process; processor time beside the clock, because machines are shared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gsv_bench.t2s_cases import CACHE_ROWS, engine_graph, random_prompt, spoken_prompts
from gsv_build.checks.module_stages import SeededWeights
from gsv_build.graphs.graph_quantisation import T2SPrecision
from gsv_build.modules.t2s import T2S
from gsv_build.size_presets import network_sizes
from gsv_runtime.t2s.cpu_engine import CpuEngine, _Binding, pack_prompt
from gsv_runtime.t2s.engine import Array
from gsv_runtime.t2s.request import Prompt
from gsv_runtime.versions import ModelVersion

JOINING = (2, 4, 8)


class _JoiningEngine(CpuEngine):
    """An engine that can take several prompts in one call."""

    def prefill_together(self, prompts: Sequence[Prompt]) -> Array:
        """Write prompts of one length to slots 0 to n - 1; return `[n, V]` logits of the first tokens."""
        number, rows = len(prompts), prompts[0].rows
        binding = _Binding(self._session, self._slot_views(0, number), number, self.capacity.vocabulary)
        packed = [pack_prompt(prompt) for prompt in prompts]
        for name in ("phones", "tokens", "bert_features", "is_text", "positions", "attention_bias", "last_rows"):
            binding.bind(name, np.concatenate([each[name] for each in packed]))
        binding.bind("total_rows", packed[0]["total_rows"])
        binding.bind("scored_rows", np.arange(1, number + 1, dtype=np.int64) * rows - 1)
        return binding.run()

    def prefill_in_turn(self, prompts: Sequence[Prompt]) -> Array:
        """The same, one call each."""
        return np.stack([self.prefill(slot, prompt).copy() for slot, prompt in enumerate(prompts)])


def _timed(call: Callable[[Sequence[Prompt]], Array], prompts: Sequence[Prompt]) -> tuple[float, float]:
    """Milliseconds of the clock and of the processor."""
    clock_s, processor_s = time.perf_counter(), time.process_time()
    call(prompts)
    return 1e3 * (time.perf_counter() - clock_s), 1e3 * (time.process_time() - processor_s)


def measure(engine: _JoiningEngine, prompts: Sequence[Prompt], turns: int) -> dict[str, Any]:
    """Medians by turns, for each number that joins.

    Raises:
        RuntimeError: the two ways differ by more than rounding.
    """
    ways = {"in_turn": engine.prefill_in_turn, "together": engine.prefill_together}
    found: dict[str, Any] = {}
    for number in JOINING:
        some = prompts[:number]
        if not np.allclose(engine.prefill_in_turn(some), engine.prefill_together(some).copy(), atol=1e-3):
            raise RuntimeError(f"{number} prompts in one call give other logits than one after the other")
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for turn in tqdm(range(turns), desc=f"{number} join", leave=False):
            for name in list(ways) if turn % 2 else reversed(ways):
                times[name].append(_timed(ways[name], some))
        medians = {
            name: [round(statistics.median(each), 1) for each in zip(*of, strict=True)] for name, of in times.items()
        }
        ratios = [
            together[1] / in_turn[1] for together, in_turn in zip(times["together"], times["in_turn"], strict=True)
        ]
        found[str(number)] = {
            **{f"{name}_ms": clock for name, (clock, _) in medians.items()},
            **{f"{name}_processor_ms": processor for name, (_, processor) in medians.items()},
            "processor_ratio": round(statistics.median(ratios), 3),
        }
    return found


def _networks(demo: Path) -> dict[str, tuple[T2S, list[Prompt]]]:
    """Official v2 sizes, and the demo voice with one of its prompts in many seeds' place."""
    sizes = network_sizes(ModelVersion.V2, "official")
    module, prompts = spoken_prompts(demo)
    return {
        "official": (SeededWeights(sizes).t2s(), [random_prompt(sizes.t2s, seed) for seed in range(max(JOINING))]),
        "demo": (module, [prompts[0]] * max(JOINING)),
    }


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--prefill-turns", type=int, default=9, help="for each number of prompts")
    parser.add_argument("--prefill-threads", type=int, default=2)
    parser.add_argument("--prefill-demo", type=Path, default=Path("build/gsv_demo/weights"))


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return Markdown for people and values for machines."""
    load, values = os.getloadavg()[0], {}
    lines = ["| sizes | join | in turn ms | together ms | processor time, ratio |", "|---|---:|---:|---:|---:|"]
    for name, (module, prompts) in _networks(arguments.prefill_demo).items():
        with engine_graph(module, T2SPrecision.FP32) as graph:
            engine = _JoiningEngine(graph, max(JOINING), CACHE_ROWS, arguments.prefill_threads)
        values[name] = {"rows": prompts[0].rows, **measure(engine, prompts, arguments.prefill_turns)}
        for number in map(str, JOINING):
            of = values[name][number]
            cells = f"{of['in_turn_ms']} | {of['together_ms']} | {of['processor_ratio']}"
            lines.append(f"| {name} | {number} × {prompts[0].rows} rows | {cells} |")
    lines.append(f"Load average at the start {load:.1f}.")
    return "\n".join(lines), {"t2s_prefill": {"load_average_at_start": round(load, 2), **values}}
