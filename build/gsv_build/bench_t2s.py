"""`python -m gsv_build.bench_t2s`: milliseconds of a T2S decode step by slots, and of a prefill, at official size.

Weights are drawn at random, every layer another, so that no exporter or cache can take two layers for one. All variants
run alternately in one process: on a shared machine only their proportions mean something.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from gsv_build.checkpoints import keys_s1
from gsv_build.modules.t2s import T2S
from gsv_build.random_checkpoints import draw
from gsv_build.sizes import T2SSizes
from gsv_build.t2s_graphs import T2SFiles, write_t2s_graphs
from gsv_runtime.speech_request import Sampling
from gsv_runtime.t2s.engine import OnnxEngine, StepRow
from gsv_runtime.t2s.request import Prompt

SLOTS = (1, 4, 10, 16)
PROMPT_PHONES, PROMPT_TOKENS = 60, 100
WRITTEN_ROWS = 200  # of each slot when a step is timed: the middle of a sentence
CACHE_ROWS = 512
_SAMPLING = Sampling(top_k=15, top_p=1.0, temperature=1.0, repetition_penalty=1.35, seed=0)


@dataclass(frozen=True)
class Variant:
    """One way to run both phases: what to call for a step of n slots, and for a prefill."""

    step: Callable[[int], object]
    prefill: Callable[[], object]


def random_t2s(sizes: T2SSizes) -> T2S:
    """A network whose every layer is another."""
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in keys_s1.from_module(T2S(sizes)).items()}
    return keys_s1.to_module(draw(shapes, seed=0), sizes)


def example_prompt(sizes: T2SSizes) -> Prompt:
    """A prompt of 160 rows."""
    generator = np.random.default_rng(0)
    return Prompt(
        phones=generator.integers(0, sizes.num_phones, PROMPT_PHONES),
        bert_features=generator.standard_normal((sizes.bert_dim, PROMPT_PHONES)).astype(np.float32),
        prompt_tokens=generator.integers(0, sizes.vocabulary - 1, PROMPT_TOKENS),
        sampling=_SAMPLING,
        max_tokens=1,
    )


def one_graph(files: T2SFiles, sizes: T2SSizes, threads: int, entries: Mapping[str, str]) -> Variant:
    """The engine as it is served, or with other session entries."""
    engine = OnnxEngine(files.engine, max(SLOTS), CACHE_ROWS, threads, entries)
    prompt = example_prompt(sizes)
    for slot in range(max(SLOTS)):
        engine.prefill(slot, prompt)
    row = StepRow(token=5, token_position=WRITTEN_ROWS - PROMPT_PHONES, rows=WRITTEN_ROWS)
    return Variant(lambda slots: engine.decode_step([row] * slots), lambda: engine.prefill(0, prompt))


def two_graphs(files: T2SFiles, sizes: T2SSizes, threads: int) -> Variant:
    """The portable pair in two sessions, each with its own packed weights; caches cut to the rows that are written."""
    prefill, step = (_session(path, threads, {}) for path in (files.prefill, files.decode_step))
    prompt = example_prompt(sizes)
    rows = prompt.rows
    features = np.zeros((1, rows, sizes.bert_dim), dtype=np.float32)
    features[0, :PROMPT_PHONES] = prompt.bert_features.T
    packed = {
        "phones": np.pad(prompt.phones, (0, PROMPT_TOKENS))[np.newaxis],
        "tokens": np.pad(prompt.prompt_tokens, (PROMPT_PHONES, 0))[np.newaxis],
        "bert_features": features,
        "phone_lengths": np.array([PROMPT_PHONES]),
        "lengths": np.array([rows]),
    }
    steps = {slots: _portable_step_inputs(sizes, slots) for slots in SLOTS}
    return Variant(lambda slots: step.run(None, steps[slots]), lambda: prefill.run(None, packed))


def _portable_step_inputs(sizes: T2SSizes, slots: int) -> dict[str, Any]:
    shape = (slots, sizes.heads, WRITTEN_ROWS, sizes.hidden // sizes.heads)
    caches = {
        f"{kind}_cache_{layer}": np.ones(shape, dtype=np.float32)
        for kind in ("key", "value")
        for layer in range(sizes.layers)
    }
    positions = np.full(slots, WRITTEN_ROWS - PROMPT_PHONES)
    return {
        "tokens": np.full(slots, 5),
        "token_positions": positions,
        "lengths": np.full(slots, WRITTEN_ROWS),
        **caches,
    }


def _session(graph: Path, threads: int, entries: Mapping[str, str]) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    for key, value in {"session.intra_op.allow_spinning": "0", **entries}.items():
        options.add_session_config_entry(key, value)
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


def resident_mb(graphs: Sequence[Path], entries: Mapping[str, str]) -> float:
    """Memory that sessions of `graphs` add to a fresh process, MB; mapped files, which are shared, left out."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as fresh:
        return fresh.submit(_added_resident_mb, graphs, entries).result()


def _added_resident_mb(graphs: Sequence[Path], entries: Mapping[str, str]) -> float:
    before = _private_mb()
    sessions = [_session(graph, 1, entries) for graph in graphs]
    added = _private_mb() - before
    del sessions
    return added


def _private_mb() -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("RssAnon"))


def measure(variants: Mapping[str, Variant], rounds: int, clock: Callable[[], float]) -> dict[str, dict[str, Any]]:
    """Time all variants alternately.

    Args:
        variants: by name.
        rounds: how often each is timed, after one run that is not.
        clock: seconds; `time.perf_counter`, or `time.process_time` on a machine that others use.

    Returns:
        Per variant: median and least milliseconds of a step by slots and of a prefill, ratios to one slot.
    """
    works: dict[str, Callable[[Variant], object]] = {str(slots): _step_of(slots) for slots in SLOTS}
    works["prefill"] = lambda variant: variant.prefill()
    report: dict[str, dict[str, Any]] = {name: {} for name in variants}
    for work, call in works.items():
        times_ms: dict[str, list[float]] = {name: [] for name in variants}
        for turn in range(rounds + 1):
            for name, variant in variants.items():
                started = clock()
                call(variant)
                if turn:
                    times_ms[name].append((clock() - started) * 1e3)
        for name, times in times_ms.items():
            report[name][work] = {"median_ms": round(statistics.median(times), 2), "min_ms": round(min(times), 2)}
    for figures in report.values():
        one = figures["1"]["median_ms"]
        figures["step_ratio_to_one_slot"] = {str(n): round(figures[str(n)]["median_ms"] / one, 2) for n in SLOTS}
    return report


def _step_of(slots: int) -> Callable[[Variant], object]:
    return lambda variant: variant.step(slots)


def main() -> int:
    """Run the benchmark; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--cpu-time", action="store_true", help="count CPU time, not wall time: for a busy machine")
    parser.add_argument("--compare", action="store_true", help="also time the arrangements that were not chosen")
    arguments = parser.parse_args()
    sizes = T2SSizes()
    with tempfile.TemporaryDirectory() as folder:
        files = write_t2s_graphs(random_t2s(sizes), Path(folder), CACHE_ROWS)
        weights_mb = files.weights.stat().st_size / 1e6
        variants = {"one graph": one_graph(files, sizes, arguments.threads, {})}
        memory = {"one graph": resident_mb([files.engine], {})}
        if arguments.compare:
            unpacked = {"session.disable_prepacking": "1"}
            variants["one graph, weights not packed"] = one_graph(files, sizes, arguments.threads, unpacked)
            variants["two portable graphs"] = two_graphs(files, sizes, arguments.threads)
            memory["one graph, weights not packed"] = resident_mb([files.engine], unpacked)
            memory["two portable graphs"] = resident_mb([files.prefill, files.decode_step], {})
        clock = time.process_time if arguments.cpu_time else time.perf_counter
        report = measure(variants, arguments.rounds, clock)
    for name, figures in report.items():
        figures["resident_mb"] = round(memory[name])
        steps = "  ".join(
            f"{n} slots {figures[str(n)]['median_ms']:.1f} ({figures[str(n)]['min_ms']:.1f}) ms "
            f"x{figures['step_ratio_to_one_slot'][str(n)]:.2f}"
            for n in SLOTS
        )
        prefill = figures["prefill"]
        sys.stdout.write(
            f"{name}: {figures['resident_mb']} MB; step {steps}; "
            f"prefill of {PROMPT_PHONES + PROMPT_TOKENS} rows {prefill['median_ms']:.0f} ({prefill['min_ms']:.0f}) ms\n"
        )
    facts = {"threads": arguments.threads, "clock": clock.__name__, "weights_mb": round(weights_mb, 1)}
    sys.stdout.write(json.dumps({**facts, "variants": report}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
