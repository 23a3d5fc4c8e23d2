"""One sentence through every stage: eager PyTorch, our graphs without Triton, and two servers, alternately.

The servers are the same but for the precision of T2S. The same pipeline code drives every side; only the stages
differ. The sentence has 60 phones with its prompt, the reference gives 100 prompt tokens. The weights are random with
an EOS that is never drawn, and the limit on the tokens of a text is set so that 75 are made: 3 s of speech.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import soundfile
import torch
from tqdm import tqdm

from gsv_bench.growing_cache import GrowingCacheEngine
from gsv_bench.stage_result import EAGER, GRAPHS, TRITON, TRITON_INT8, Result
from gsv_bench.t2s_cases import never_end
from gsv_build import checkpoints
from gsv_build.build_repository import build
from gsv_build.checks.graph_stages import OnnxStages, TimedStages
from gsv_build.checks.module_stages import ModuleStages, Networks, SequenceRunner
from gsv_build.checks.random_checkpoints import write_random_checkpoints
from gsv_build.deployment import PRESETS, Deployment
from gsv_build.graphs.graph_quantisation import T2SPrecision, T2SQuantisation
from gsv_build.size_presets import network_sizes
from gsv_build.weights import BERT_DIRECTORY, T2S_FILE
from gsv_client import Client, Options
from gsv_runtime import contract
from gsv_runtime.contract import SAMPLE_RATE_HZ, SAMPLES_PER_TOKEN
from gsv_runtime.model_files import DEFAULT_REPOSITORY
from gsv_runtime.server import local_server
from gsv_runtime.server.triton_process import Ports
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.speech_request import parse_speech_request
from gsv_runtime.stages import Stages
from gsv_runtime.t2s.request import TextLimit
from gsv_runtime.tensors import NUMPY_DTYPES, Arrays
from gsv_runtime.text.frontend import TextFrontend
from gsv_runtime.tts.synthesis.pipeline import Pipeline
from gsv_runtime.versions import ModelVersion
from gsv_runtime.voices.cloning import derive_voice
from gsv_runtime.voices.store import Voice

logger = logging.getLogger("gsv.bench")

PROMPT_TEXT = "The harbour lights came on slowly one by one."  # 30 phones
TEXT = "Seven small red boats went home at dusk."  # 30 phones
REFERENCE_S = 3.42  # with 0.6 s of zeros, 200 SSL frames: 100 prompt tokens
NUM_TOKENS = 75
LIMIT = TextLimit(tokens_per_phone=NUM_TOKENS / 30, tokens_at_least=1)
SEED = 1
# Asked of every side alike. A take that never ends is doubted: with retries it would be made three times.
ASKED: Options = {"language": "en", "seed": SEED, "streaming": "sentence", "retries": 0}
SERVED = {TRITON: T2SPrecision.FP32, TRITON_INT8: T2SPrecision.INT8}
SIDES = (EAGER, GRAPHS, *SERVED)
GOAL = 1.8  # times as fast as eager PyTorch
STAGES = ("text_frontend", "t2s", "acoustic", "vocoder")


def bench(version: ModelVersion, work: Path, rounds: int, size: str) -> Result:
    """Measure one version.

    Args:
        version: with random weights, every layer different.
        work: keeps checkpoints and repository from run to run.
        rounds: of each side, alternately; one more before is not counted.
        size: official or small.
    """
    weights, repository = work / "weights", work / "model_repository"
    if not weights.is_dir():
        write_random_checkpoints(weights, version, size)
        silence_eos(weights / T2S_FILE)
        shutil.rmtree(weights / BERT_DIRECTORY)  # the sentence is English
    lay_out(repository)
    deployment = limited_deployment()
    build(repository, deployment, weights)
    int8 = work / "model_repository_int8"
    shutil.copytree(repository, int8, dirs_exist_ok=True)  # so that only t2s is built again
    build(int8, replace(deployment, t2s_quantisation=T2SQuantisation(T2SPrecision.INT8)), weights)
    case = Case(repository, deployment, version, size)
    with ExitStack() as stack:
        folders = zip(SERVED, (repository, int8), strict=True)
        clients = {side: stack.enter_context(served(folder, case.reference)) for side, folder in folders}
        return _measure(case, clients, rounds)


@contextmanager
def served(repository: Path, reference: bytes) -> Iterator[Client]:
    """A client of a server of its own, with the voice registered."""
    directory = repository.with_name(f"state_{repository.name}")
    state = local_server.up(repository, directory, Ports.free())
    try:
        with Client(f"grpc://{state.ports.host}:{state.ports.grpc}") as client:
            client.register_voice("bench", reference, prompt_text=PROMPT_TEXT, prompt_language="en")
            yield client
    finally:
        local_server.down(directory)


def lay_out(repository: Path, source: Path = DEFAULT_REPOSITORY) -> None:
    """The committed part of the model repository `source`, without what was built into it."""
    built = shutil.ignore_patterns(
        "*.onnx",
        "*.onnx.data",
        "*.weights",
        "*.plan",
        "*.npy",
        "build.json",
        "models.json",
        "weights",
        "vocab.txt",
        "__pycache__",
        "warmup",
    )
    shutil.copytree(source, repository, ignore=built, dirs_exist_ok=True)


def silence_eos(path: Path) -> None:
    """Rewrite an s1 checkpoint so that EOS is never among the tokens worth drawing."""
    checkpoint = checkpoints.load_t2s(path)
    never_end(checkpoint.module)
    checkpoints.save_t2s(path, checkpoint.module)


def limited_deployment() -> Deployment:
    """The CPU preset, but for the limit on a text's tokens."""
    preset = PRESETS["cpu"]
    t2s = preset.model(contract.T2S)
    limited = replace(
        t2s.settings, limit_tokens_per_phone=LIMIT.tokens_per_phone, limit_tokens_at_least=LIMIT.tokens_at_least
    )
    return replace(preset, models={**preset.models, contract.T2S.name: replace(t2s, settings=limited)})


class Case:
    """One sentence, its voice, and the two sides that run in this process."""

    def __init__(self, repository: Path, deployment: Deployment, version: ModelVersion, size: str) -> None:
        t2s = deployment.model(contract.T2S).settings
        threads = t2s.intra_op_threads
        torch.set_num_threads(threads)
        self.version = version
        self.facts = CheckpointFacts.from_repository(repository)
        frontend = _text_frontend(version)
        self.pipeline = Pipeline(self.facts, deployment.model(contract.TTS).settings.tokens_per_call)
        graphs = OnnxStages(repository, frontend, threads, t2s.cache_rows, LIMIT)
        networks = Networks.seeded(network_sizes(version, size))
        assert networks.t2s is not None  # of seeded weights there is every network
        never_end(networks.t2s)
        eager_t2s = SequenceRunner(GrowingCacheEngine(networks.t2s, max_positions=t2s.cache_rows), LIMIT)
        self.sides: dict[str, Stages] = {
            EAGER: TimedStages(ModuleStages(networks, frontend, eager_t2s)),
            GRAPHS: TimedStages(graphs),
        }
        self.reference = hum(REFERENCE_S)
        self.voice = self._voice(graphs)

    def _voice(self, stages: Stages) -> Voice:
        request = parse_speech_request(request_inputs(self.reference))
        if request.reference is None:
            raise AssertionError("the request was made with a reference")
        return derive_voice(request.reference, stages, self.facts)

    def speak(self, side: str) -> tuple[int, float, dict[str, float]]:
        """Speak the sentence; return its tokens, the request's milliseconds, and each stage's."""
        request, stages = parse_speech_request(request_inputs(self.reference)), self.sides[side]
        started = time.perf_counter()
        chunks = list(self.pipeline.speak(request, self.voice, stages))
        total_ms = 1e3 * (time.perf_counter() - started)
        return chunks[0].waveform.size // SAMPLES_PER_TOKEN, total_ms, chunks[0].timing_ms


def request_inputs(reference: bytes) -> Arrays:
    """What `tts` would be sent for the sentence, with its voice."""
    dtypes = {tensor.name: NUMPY_DTYPES[tensor.dtype] for tensor in contract.TTS.inputs}
    values = {"text": TEXT, "prompt_text": PROMPT_TEXT, "prompt_language": "en", "reference_audio": reference, **ASKED}
    return {name: np.array([value], dtype=dtypes[name]) for name, value in values.items()}


def _text_frontend(version: ModelVersion) -> Callable[..., Arrays]:
    frontend = TextFrontend(version.symbols, None)
    frontend.warm_up()
    return lambda text, language, split_method: vars(frontend.process(text, language, split_method))


def hum(seconds: float) -> bytes:
    """A WAV of a hummed note that breathes."""
    times = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    note = sum(np.sin(2 * np.pi * 140 * harmonic * times) / harmonic for harmonic in range(1, 9))
    file = io.BytesIO()
    soundfile.write(file, 0.1 * note * (0.6 + 0.4 * np.sin(6 * np.pi * times)), SAMPLE_RATE_HZ, format="WAV")
    return file.getvalue()


def _measure(case: Case, clients: Mapping[str, Client], rounds: int) -> Result:
    load = os.getloadavg()[0]
    totals: dict[str, list[float]] = {side: [] for side in SIDES}
    stages: dict[str, list[Mapping[str, float]]] = {side: [] for side in SIDES}
    for index in tqdm(range(rounds + 1), desc=f"{case.version.value} alternate", unit="round"):
        for side in SIDES:
            tokens, total_ms, times = _speak(case, clients, side)
            if tokens != NUM_TOKENS:
                raise RuntimeError(f"{side} made {tokens} tokens, not {NUM_TOKENS}; the sides do different work")
            if index:
                totals[side].append(total_ms)
                stages[side].append(times)
    return Result(
        version=case.version.value,
        num_phones=_num_phones(case),
        num_prompt_tokens=case.voice.prompt_tokens.size,
        num_tokens=NUM_TOKENS,
        stages_ms={side: _medians(times) for side, times in stages.items()},
        total_ms={side: statistics.median(times) for side, times in totals.items()},
        overhead_ms=statistics.median(
            request - sum(bare.values()) for request, bare in zip(totals[TRITON], stages[GRAPHS], strict=True)
        ),
        speedups={side: _median_ratio(totals[EAGER], totals[side]) for side in SERVED},
        rounds=rounds,
        load_average=load,
    )


def _median_ratio(slow: list[float], fast: list[float]) -> float:
    """Of pairs measured in one round, which a busy machine slows down alike."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def _speak(case: Case, clients: Mapping[str, Client], side: str) -> tuple[int, float, Mapping[str, float]]:
    if side not in clients:
        return case.speak(side)
    started = time.perf_counter()
    audio = clients[side].synthesize(TEXT, **cast(Options, {"voice": "bench", "cache": "off", **ASKED}))
    total_ms = 1e3 * (time.perf_counter() - started)
    return audio.samples.size // SAMPLES_PER_TOKEN, total_ms, audio.timing_ms


def _medians(rounds: list[Mapping[str, float]]) -> dict[str, float]:
    return {stage: statistics.median(times.get(stage, 0.0) for times in rounds) for stage in STAGES}


def _num_phones(case: Case) -> int:
    answer = case.sides[GRAPHS].call(contract.TEXT_FRONTEND, text=TEXT, language="en", split_method="cut5")
    case.sides[GRAPHS].take_times_ms()
    return int(answer["phones"].size + case.voice.prompt_phones.size)


def table(result: Result) -> str:
    """The stage table, as Markdown."""
    lines = [
        f"**{result.version}**, {result.num_tokens} tokens ({result.num_tokens / 25:.2f} s of speech), "
        f"{result.num_phones} phones, {result.num_prompt_tokens} prompt tokens; medians of {result.rounds} rounds",
        "",
        f"| stage | {EAGER} ms | {GRAPHS} ms | share | {TRITON} ms | {TRITON_INT8} ms |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    bare = result.stages_ms[GRAPHS]
    whole = sum(bare.values())
    for stage in STAGES:
        served = " | ".join(f"{result.stages_ms[side][stage]:.0f}" for side in SERVED)
        eager = result.stages_ms[EAGER][stage]
        lines.append(f"| {stage} | {eager:.0f} | {bare[stage]:.0f} | {bare[stage] / whole:.0%} | {served} |")
    totals = result.total_ms
    sums = " | ".join(f"{sum(result.stages_ms[side].values()):.0f}" for side in SERVED)
    requests = " | ".join(f"{totals[side]:.0f}" for side in SERVED)
    lines += [
        f"| sum of stages | {sum(result.stages_ms[EAGER].values()):.0f} | {whole:.0f} | 100% | {sums} |",
        f"| whole request | {totals[EAGER]:.0f} | {totals[GRAPHS]:.0f} | | {requests} |",
        "",
        f"Triton and BLS add {result.overhead_ms:.0f} ms to the bare stages (bound: 5 % + 10 ms = "
        f"{result.overhead_bound_ms:.0f} ms). Through Triton it is {result.speedups[TRITON]:.2f} times as fast as "
        f"{EAGER} (goal: {GOAL}), with int8 T2S {result.speedups[TRITON_INT8]:.2f} times. Load average at the start "
        f"{result.load_average:.1f}.",
    ]
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--versions", default="v2,v2ProPlus", help="comma-separated")
    parser.add_argument("--size", choices=("official", "small"), default="official")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--work", type=Path, default=Path("var/bench"), help="keeps checkpoints and repositories")
    parser.add_argument("--plot", type=Path, help="write a bar chart here")


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return Markdown for people and values for machines."""
    results = []
    for name in arguments.versions.split(","):
        work = arguments.work / f"{name}-{arguments.size}"
        results.append(bench(ModelVersion(name), work.resolve(), arguments.rounds, arguments.size))
    if arguments.plot:
        from gsv_bench.plots import plot_stages

        plot_stages(results, arguments.plot)
    return "\n\n".join(map(table, results)), {"stages": [result.to_json() for result in results]}
