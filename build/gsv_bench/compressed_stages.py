"""What each way to compress makes of its own stage, at official sizes, in one process and by turns: 3 s of speech.

Random weights. The acoustic model and the vocoder by engine (HiFi-GAN whole and pruned, the light one with its inverse
FFT, Parallel WaveGAN), and steps of T2S at 32, 8 and 4 bits, whole, with half the layers and pruned, by engine, of one
slot and of ten. `compressed` measures whole requests through Triton.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from gsv_bench.t2s_cases import CACHE_ROWS, random_prompt
from gsv_build.checks.module_stages import SeededWeights
from gsv_build.deployment import PRESETS
from gsv_build.export import export_graph
from gsv_build.graphs.graph_quantisation import T2SPrecision, T2SQuantisation
from gsv_build.graphs.t2s_graphs import write_t2s_graphs
from gsv_build.modules.light_vocoder import LightVocoder
from gsv_build.modules.t2s import T2S
from gsv_build.modules.vocoder import Vocoder
from gsv_build.modules.wavegan import WaveGan
from gsv_build.size_presets import network_sizes
from gsv_build.sizes import SovitsSizes, T2SSizes, WaveGanSizes
from gsv_build.tuning import Tuning, candidates
from gsv_compress.light import light_sizes
from gsv_compress.t2s_pruning import pruned_sizes
from gsv_compress.vocoder_pruning import kept_channels
from gsv_runtime import contract
from gsv_runtime.graphs.opening import open_graph
from gsv_runtime.graphs.stage import example_inputs
from gsv_runtime.graphs.vocoder_spectrum import VOCODER_SPECTRUM
from gsv_runtime.model_files import GRAPH_FILE, SPECTRUM_GRAPH_FILE
from gsv_runtime.settings import FUSED, ONNX_RUNTIME
from gsv_runtime.t2s.engine import LogitsEngine, StepRow
from gsv_runtime.t2s.fused_engine import why_not_here
from gsv_runtime.t2s.opening import open_engine
from gsv_runtime.versions import ModelVersion

FRAMES, TOKENS = 150, 75
_STEPS = 12  # of T2S in a round; a sentence has 75
_SLOTS = (1, 10)
_STUDENT = 2  # layers of the teacher for each of the student
_PRUNED = 0.3  # share of heads and channels that is left out
Side = Callable[[], object]


def bench(version: ModelVersion, size: str, rounds: int, folder: Path) -> dict[str, Any]:
    """Measure one version.

    Args:
        version: its sizes; random weights.
        size: official or small.
        rounds: of each side, by turns; one more before is not counted.
        folder: for the graphs.
    """
    sizes, load = network_sizes(version, size), os.getloadavg()[0]
    vocoders, acoustics = _decoder_sides(SeededWeights(sizes), sizes.sovits, folder)
    steps = _t2s_sides(sizes.t2s, folder)
    return {
        "version": version.value,
        "rounds": rounds,
        "load_average_at_start": round(load, 2),
        "vocoder_ms": _by_turns(vocoders, rounds, "vocoder"),
        "acoustic_ms": _by_turns(acoustics, rounds, "acoustic"),
        "t2s_step_ms": {name: round(ms / _STEPS, 2) for name, ms in _by_turns(steps, rounds, "t2s").items()},
        "t2s_megabytes": {name: round(_megabytes(folder / name.split(";")[0]), 1) for name in steps},
    }


def _decoder_sides(weights: SeededWeights, sizes: SovitsSizes, folder: Path) -> tuple[dict[str, Side], dict[str, Side]]:
    """Acoustic model, HiFi-GAN whole and pruned, and the other vocoders, by engine."""
    axes, modules = {"latent_dim": sizes.latent, "global_dim": sizes.global_dim}, weights.sovits()
    light = LightVocoder(light_sizes(sizes)).eval()
    gan = WaveGan(WaveGanSizes(sizes.latent, sizes.global_dim)).eval()
    pruned = Vocoder(replace(sizes, upsample_channels=kept_channels(sizes, _PRUNED))).eval()
    for name, model, module, file in (
        ("hifi-gan", contract.VOCODER, modules.vocoder, GRAPH_FILE),
        ("hifi-gan pruned", contract.VOCODER, pruned, GRAPH_FILE),
        ("light", VOCODER_SPECTRUM, light, SPECTRUM_GRAPH_FILE),
        ("wavegan", contract.VOCODER, gan, GRAPH_FILE),
        ("acoustic", contract.ACOUSTIC, modules.acoustic, GRAPH_FILE),
    ):
        export_graph(module, model, folder / name / file, axes)
    engines = candidates(Tuning.FAST)
    vocoders = {
        f"{name}, {engine}": _stage_side(contract.VOCODER, folder / name, engine, axes)
        for name in ("hifi-gan", "hifi-gan pruned", "light", "wavegan")
        for engine in engines
    }
    return vocoders, {each: _stage_side(contract.ACOUSTIC, folder / "acoustic", each, axes) for each in engines}


def _stage_side(model: contract.Model, folder: Path, engine: str, axes: Mapping[str, int]) -> Side:
    settings = replace(PRESETS["cpu"].model(model).settings, engine=engine)
    stage = open_graph(model, folder, settings)
    sizes = {"B": 1, "T": TOKENS, "P": 60, "F": FRAMES}
    shapes = {
        tensor.name: [axes.get(str(axis), axis) if axis not in sizes else "any" for axis in tensor.axes]
        for tensor in model.inputs
    }
    inputs = example_inputs(model, sizes, shapes)
    rng = np.random.default_rng(0)
    for name in ("latents", "noise", "global_condition"):
        if name in inputs:
            inputs[name][:] = rng.standard_normal(inputs[name].shape, dtype=np.float32)
    return lambda: stage.run([inputs])


def _t2s_sides(sizes: T2SSizes, folder: Path) -> dict[str, Side]:
    """Some steps at each precision: of the network whole, halved and pruned, by engine and by slots."""
    torch.manual_seed(0)
    sides: dict[str, Side] = {}
    half = sizes.layers // _STUDENT
    networks = {f"{sizes.layers} layers": sizes, f"{half} layers": replace(sizes, layers=half)}
    networks[f"{sizes.layers} layers pruned"] = pruned_sizes(sizes, _PRUNED)
    for title, those in networks.items():
        module = T2S(those).eval()
        for precision in T2SPrecision:
            name = f"{title}, {precision.value}"
            (folder / name).mkdir()
            write_t2s_graphs(module, folder / name, CACHE_ROWS, T2SQuantisation(precision))
            for engine in (ONNX_RUNTIME, *([] if why_not_here(folder / name) else [FUSED])):
                sides |= _steps_sides(folder / name, sizes, engine)
    return sides


def _steps_sides(folder: Path, sizes: T2SSizes, name: str) -> dict[str, Side]:
    preset = PRESETS["cpu"].model(contract.T2S).settings
    engine = open_engine(folder, replace(preset, engine=name, slots=max(_SLOTS), cache_rows=CACHE_ROWS))
    prompt = random_prompt(sizes, seed=0)
    assert isinstance(engine, LogitsEngine)
    for slot in range(max(_SLOTS)):
        engine.prefill(slot, prompt)

    def side(slots: int) -> None:
        for step in range(_STEPS):
            engine.decode_step([StepRow(step, prompt.prompt_tokens.size + step, prompt.rows + step)] * slots)

    return {f"{folder.name}; {name}, {slots} slots": partial(side, slots) for slots in _SLOTS}


def _by_turns(sides: Mapping[str, Side], rounds: int, title: str) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in sides}
    for index in tqdm(range(rounds + 1), desc=f"{title} by turns", unit="round", leave=False):
        for name, side in sides.items():
            started = time.perf_counter()
            side()
            if index:
                times[name].append(1e3 * (time.perf_counter() - started))
    return {name: round(statistics.median(each), 2) for name, each in times.items()}


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.iterdir()) / 1e6


def table(found: Mapping[str, Any]) -> str:
    """One version, as Markdown."""
    lines = [
        f"**{found['version']}**, {found['rounds']} rounds by turns, load average at the start "
        f"{found['load_average_at_start']}",
        "",
        "| stage | side | ms | times as fast | MB |",
        "|---|---|---:|---:|---:|",
    ]
    stages = {"vocoder_ms": "vocoder, 3 s", "acoustic_ms": "acoustic, 3 s", "t2s_step_ms": "T2S, a step"}
    for key, stage in stages.items():
        first = next(iter(found[key].values()))
        for name, ms in found[key].items():
            size = found["t2s_megabytes"].get(name, "")
            lines.append(f"| {stage} | {name} | {ms:.1f} | {first / ms:.2f} | {size} |")
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--stage-versions", default="v2,v2ProPlus", help="comma-separated")
    parser.add_argument("--stage-size", choices=("official", "small"), default="official")
    parser.add_argument("--stage-rounds", type=int, default=7)


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return the tables and the values."""
    results = []
    for version in arguments.stage_versions.split(","):
        with tempfile.TemporaryDirectory(prefix="gsv-bench-stages-") as folder:
            results.append(bench(ModelVersion(version), arguments.stage_size, arguments.stage_rounds, Path(folder)))
    return "\n\n".join(map(table, results)), {"compressed_stages": results}
