"""A sentence of 3 s through Triton at official sizes, compressed in several ways, by turns with plain float32.

Random weights: times only; what each costs in quality says the report of `make compress`. Each side is a server of its
own. They stand side by side, so that a busy machine slows all alike. Eager PyTorch takes its turn in this process.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from gsv_bench.stage_result import EAGER
from gsv_bench.stages import (
    NUM_TOKENS,
    REFERENCE_S,
    SEED,
    TEXT,
    Case,
    hum,
    lay_out,
    limited_deployment,
    served,
    silence_eos,
)
from gsv_bench.t2s_cases import never_end
from gsv_build import checkpoints
from gsv_build.build_repository import build
from gsv_build.checkpoints.vocoders import save_vocoder
from gsv_build.checks.random_checkpoints import write_random_checkpoints
from gsv_build.deployment import Deployment, with_settings
from gsv_build.graphs.graph_quantisation import T2SPrecision, T2SQuantisation
from gsv_build.modules.light_vocoder import LightVocoder
from gsv_build.modules.t2s import T2S
from gsv_build.modules.vocoder import Vocoder
from gsv_build.size_presets import network_sizes
from gsv_build.tuning import Tuning
from gsv_build.weights import BERT_DIRECTORY, SOVITS_FILE, T2S_FILE, VOCODER_DIRECTORY
from gsv_client import Client
from gsv_compress.light import light_sizes
from gsv_compress.t2s_pruning import pruned_sizes
from gsv_compress.vocoder_pruning import kept_channels
from gsv_runtime import contract
from gsv_runtime.contract import SAMPLE_RATE_HZ, SAMPLES_PER_TOKEN
from gsv_runtime.settings import FUSED, ONNX_RUNTIME, read_build
from gsv_runtime.versions import ModelVersion

FLOAT32 = "float32"
_INT8 = T2SQuantisation(T2SPrecision.INT8)
_PRUNED = 0.3  # share of heads and channels that is left out
GOALS = {"everything": {"v2": 0.13, "v2ProPlus": 0.16}, "exact": {"v2": 0.60, "v2ProPlus": 0.90}}  # RTF


@dataclass(frozen=True)
class Side:
    """One way to compress.

    Attributes:
        base: side whose repository is copied first, so that only what differs is built and measured.
        tuning: who may run the graphs; None keeps what was measured for the base.
        t2s_engine: of T2S where nothing is measured.
        quantisation: of T2S.
        light: whether a light vocoder takes HiFi-GAN's place.
        student: whether T2S has half its layers, and those are pruned.
        pruned: whether T2S and HiFi-GAN are pruned, with all layers.
    """

    base: str | None = None
    tuning: Tuning | None = None
    t2s_engine: str = FUSED
    quantisation: T2SQuantisation | None = None
    light: bool = False
    student: bool = False
    pruned: bool = False


SIDES: Mapping[str, Side] = {
    FLOAT32: Side(t2s_engine=ONNX_RUNTIME),
    "default": Side(FLOAT32),
    "pruned": Side("default", pruned=True),
    "exact": Side(FLOAT32, Tuning.EXACT),
    "bfloat16": Side(FLOAT32, Tuning.FAST),
    "int8": Side("bfloat16", quantisation=_INT8),
    "light": Side("int8", Tuning.FAST, quantisation=_INT8, light=True),
    "everything": Side("light", quantisation=_INT8, light=True, student=True),
}


def prepare(version: ModelVersion, work: Path, size: str, names: list[str]) -> dict[str, Path]:
    """Build the repositories of one version, and tune those that are new.

    Args:
        version: with random weights, every layer different.
        work: keeps checkpoints and repositories from run to run.
        size: official or small.
        names: of `SIDES`; float32 on ONNX Runtime is always among them, and so are the bases of the others.
    """
    weights = work / "weights"
    if not weights.is_dir():
        write_random_checkpoints(weights, version, size)
        silence_eos(weights / T2S_FILE)
        shutil.rmtree(weights / BERT_DIRECTORY)  # the sentence is English
    wanted = {FLOAT32, *names}
    for name in reversed(list(SIDES)):  # bases stand before who is built on them
        wanted |= {SIDES[name].base or FLOAT32} if name in wanted else set()
    return {name: _built(name, side, weights, work, version, size) for name, side in SIDES.items() if name in wanted}


def bench(version: ModelVersion, repositories: Mapping[str, Path], rounds: int, size: str) -> dict[str, Any]:
    """Measure one version.

    Args:
        version: of the repositories.
        repositories: as `prepare` built them.
        rounds: of each side, by turns; one more before is not counted.
        size: official or small.
    """
    with ExitStack() as stack:
        reference = hum(REFERENCE_S)
        clients = {name: stack.enter_context(served(path, reference)) for name, path in repositories.items()}
        eager = Case(repositories[FLOAT32], limited_deployment(), version, size)
        load = os.getloadavg()[0]
        found = _measure(clients, eager, rounds, version.value)
    tuned = {name: _engines(path) for name, path in repositories.items()}
    return {"version": version.value, "rounds": rounds, "load_average_at_start": round(load, 2),
            "engines": tuned, "sides": found}  # fmt: skip


def _built(name: str, side: Side, weights: Path, work: Path, version: ModelVersion, size: str) -> Path:
    """The repository of one side."""
    own = work / f"weights_{name}"
    shutil.rmtree(own, ignore_errors=True)
    shutil.copytree(weights, own, copy_function=os.link)
    sizes = network_sizes(version, size)
    torch.manual_seed(0)
    if side.light:
        light = light_sizes(sizes.sovits)
        save_vocoder(own / VOCODER_DIRECTORY, "light", LightVocoder(light), light)
    if side.student or side.pruned:
        _write_pruned(own, sizes.t2s.layers // 2 if side.student else sizes.t2s.layers)
    if side.pruned:
        _prune_vocoder(own)
    repository = work / f"repository_{name}"
    if side.base and not repository.is_dir():
        shutil.copytree(work / f"repository_{side.base}", repository)
    lay_out(repository)
    deployment: Deployment = replace(limited_deployment(), t2s_quantisation=side.quantisation)
    deployment = with_settings(deployment, contract.T2S, engine=side.t2s_engine)
    marker = repository / f"tuned for {name}"
    build(repository, deployment, own, tuning=None if marker.is_file() else side.tuning)
    marker.touch()
    return repository


def _write_pruned(weights: Path, layers: int) -> None:
    """A T2S of random weights with less in it, in place of a file that others may share by a link."""
    sizes = pruned_sizes(checkpoints.load_t2s(weights / T2S_FILE).sizes, _PRUNED)
    student = T2S(replace(sizes, layers=layers))
    never_end(student)
    checkpoints.save_t2s(weights / T2S_FILE, student)


def _prune_vocoder(weights: Path) -> None:
    """An s2 whose HiFi-GAN has fewer channels, and random weights; likewise."""
    whole = checkpoints.load_sovits(weights / SOVITS_FILE)
    sizes = replace(whole.sizes, upsample_channels=kept_channels(whole.sizes, _PRUNED))
    checkpoints.save_sovits(weights / SOVITS_FILE, replace(whole.module, vocoder=Vocoder(sizes)), sizes)


def _engines(repository: Path) -> dict[str, Any]:
    return {stage: choice["engine"] for stage, choice in read_build(repository).get("tuned", {}).items()}


def _measure(clients: Mapping[str, Client], eager: Case, rounds: int, title: str) -> dict[str, dict[str, Any]]:
    whole: dict[str, list[float]] = {name: [] for name in (EAGER, *clients)}
    first: dict[str, list[float]] = {name: [] for name in clients}
    stages: dict[str, list[Mapping[str, float]]] = {name: [] for name in whole}
    for index in tqdm(range(rounds + 1), desc=f"{title} by turns", unit="round"):
        _, spent, times = eager.speak(EAGER)
        if index:
            whole[EAGER].append(spent)
            stages[EAGER].append(times)
        for name, client in clients.items():
            spent, by_stage = _whole(client)
            heard = _first_audio(client)
            if index:
                whole[name].append(spent)
                first[name].append(heard)
                stages[name].append(by_stage)
    return {name: _summary(name, whole, first.get(name), stages[name]) for name in whole}


def _summary(
    name: str, whole: Mapping[str, list[float]], first: list[float] | None, stages: list[Mapping[str, float]]
) -> dict[str, Any]:
    """Medians of one side, and how it stands to the default of the same round."""
    seconds = NUM_TOKENS * SAMPLES_PER_TOKEN / SAMPLE_RATE_HZ
    total = statistics.median(whole[name])
    return {
        "whole_ms": round(total, 1),
        "first_audio_ms": round(statistics.median(first), 1) if first else None,
        "rtf": round(total / 1e3 / seconds, 3),
        "times_as_fast": round(statistics.median(a / b for a, b in zip(whole[FLOAT32], whole[name], strict=True)), 2),
        "stages_ms": {
            stage: round(statistics.median(each.get(stage, 0.0) for each in stages), 1)
            for stage in ("t2s", "acoustic", "vocoder")
        },
    }


def _whole(client: Client) -> tuple[float, Mapping[str, float]]:
    """Milliseconds of a request that is answered in one piece, and of its stages."""
    spent, audio = _timed(lambda: client.synthesize(TEXT, streaming="sentence", **_ASKED))
    tokens = audio.samples.size // SAMPLES_PER_TOKEN
    if tokens != NUM_TOKENS:
        raise RuntimeError(f"{tokens} tokens were spoken, not {NUM_TOKENS}; the sides do different work")
    return spent, audio.timing_ms


def _first_audio(client: Client) -> float:
    """Milliseconds until the first chunk of a stream."""
    started = time.perf_counter()
    heard = None
    for _ in client.stream(TEXT, **_ASKED):
        heard = heard or 1e3 * (time.perf_counter() - started)
    if heard is None:
        raise RuntimeError("a stream ended without a chunk")
    return heard


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    answer = call()
    return 1e3 * (time.perf_counter() - started), answer


_ASKED: dict[str, Any] = {"voice": "bench", "language": "en", "seed": SEED, "cache": "off", "retries": 0}


def table(found: Mapping[str, Any]) -> str:
    """The sides of one version, as Markdown."""
    lines = [
        f"**{found['version']}**, 3 s of speech, {found['rounds']} rounds by turns, load average at the start "
        f"{found['load_average_at_start']}",
        "",
        "| | T2S ms | acoustic ms | vocoder ms | whole ms | RTF | goal | times as fast | first audio ms |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, side in found["sides"].items():
        stages = " | ".join(f"{value:.0f}" for value in side["stages_ms"].values())
        goal = GOALS.get(name, {}).get(found["version"], "")
        first = "" if side["first_audio_ms"] is None else f"{side['first_audio_ms']:.0f}"
        lines.append(
            f"| {name} | {stages} | {side['whole_ms']:.0f} | {side['rtf']:.2f} | {goal} | "
            f"{side['times_as_fast']:.2f} | {first} |"
        )
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--compressed-versions", default="v2,v2ProPlus", help="comma-separated")
    parser.add_argument("--compressed-sides", default=",".join(SIDES), help=f"of {', '.join(SIDES)}")
    parser.add_argument("--compressed-size", choices=("official", "small"), default="official")
    parser.add_argument("--compressed-rounds", type=int, default=5)
    parser.add_argument("--compressed-work", type=Path, default=Path("var/bench/compressed"))
    parser.add_argument("--compressed-prepare", action="store_true", help="build and tune only; measure in a next run")


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return the tables and the values."""
    size, results = arguments.compressed_size, []
    for version in map(ModelVersion, arguments.compressed_versions.split(",")):
        work = (arguments.compressed_work / f"{version.value}-{size}").resolve()
        repositories = prepare(version, work, size, arguments.compressed_sides.split(","))
        if not arguments.compressed_prepare:
            results.append(bench(version, repositories, arguments.compressed_rounds, size))
    return "\n\n".join(map(table, results)), {"compressed": results}
