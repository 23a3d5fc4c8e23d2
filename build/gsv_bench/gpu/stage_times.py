"""Parts `stages-torch` and `stages-onnxruntime`: 3 s of speech as "GPT, SoVITS, HiFi-GAN, total", one stream.

GPT is a prefill and 75 steps with the draw of their tokens; SoVITS the acoustic model; HiFi-GAN the vocoder.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from gsv_bench.gpu.figures import Figures
from gsv_bench.gpu.options import Options
from gsv_bench.gpu.prepare import SERVED, SERVED_SET, T2S, graph_of, set_of, wait_for
from gsv_bench.gpu.t2s_onnxruntime import STEPS_A_LAUNCH, served_engine
from gsv_bench.gpu.timing import Timer, captured
from gsv_bench.gpu.utterance import FIRST_TOKENS, NUM_TOKENS, decoding_inputs
from gsv_bench.growing_cache import GrowingCacheEngine
from gsv_bench.t2s_cases import CACHE_ROWS, never_end
from gsv_bench.t2s_slots import begin, finish_round
from gsv_build.checks.module_stages import Networks, SeededWeights
from gsv_build.deployment import PRESETS
from gsv_build.graphs.precision import Precision
from gsv_runtime import contract
from gsv_runtime.contract import Model
from gsv_runtime.graphs.captured_stage import CapturedStage
from gsv_runtime.graphs.shape_buckets import parse_shapes
from gsv_runtime.t2s.engine import Engine
from gsv_runtime.tensors import Arrays
from gsv_runtime.versions import ModelVersion

VERSIONS = (ModelVersion.V2, ModelVersion.V2_PRO_PLUS)
PRECISIONS = ("float32", "float16")
STAGES = (contract.ACOUSTIC, contract.VOCODER)
Run = Callable[[Arrays], object]


def run_torch(options: Options, figures: Figures) -> None:
    """PyTorch eager of the modules that the graphs are exported from, in float32 and under autocast to float16."""
    for version in VERSIONS:
        weights = SeededWeights(options.sizes(version))
        t2s = weights.t2s()
        never_end(t2s)
        networks = Networks(t2s, weights.sovits())
        modules = {name: module.to(options.device).eval() for name, module in networks.graphs().items()}
        t2s.to(options.device)
        for precision in PRECISIONS if options.device == "cuda" else ("float32",):
            name = f"{version.value} PyTorch eager {precision}"
            with figures.attempt(name), _precision(precision):
                engine = GrowingCacheEngine(t2s, max_positions=CACHE_ROWS)
                runs = {model.name: _eager(modules[model.name], options.device) for model in STAGES}
                figures.put(name, _row(engine, runs, options, version))
    # Last: a capture that fails may leave the process's GPU unusable.
    for version, precision in itertools.product(VERSIONS if options.device == "cuda" else (), PRECISIONS):
        sovits = SeededWeights(options.sizes(version)).sovits()
        modules = {"acoustic": sovits.acoustic.cuda().eval(), "vocoder": sovits.vocoder.cuda().eval()}
        name = f"{version.value} PyTorch captured {precision}"
        with figures.attempt(name), _precision(precision):
            figures.put(name, _captured(modules, options, version))


def run_onnxruntime(options: Options, figures: Figures) -> None:
    """The graphs as preset cuda serves them."""
    settings = PRESETS["cuda"]
    precisions = (Precision.FP16,) if options.brief else (Precision.FP32, Precision.FP16)
    for version, precision in itertools.product(VERSIONS, precisions):
        name = f"{version.value} ONNX Runtime {precision.value}"
        with figures.attempt(name):
            wait_for(options, T2S, *(_set(version, model, precision) for model in STAGES))
            began_s = time.perf_counter()
            runs: dict[str, Run] = {}
            for model in STAGES:
                with figures.attempt(f"{name} {model.name}"):
                    shapes = parse_shapes(settings.model(model).settings.shapes)
                    wanted = [each for each in shapes if each["B"] == 1 and each["F"] in (2 * 32, 2 * 80)]
                    graph = graph_of(options, version, model, _precision_of(model, precision))
                    stage = CapturedStage(model, graph, wanted, options.session_device)
                    stage.warm_up()
                    figures.put(f"{name} {model.name} captured", f"{stage.num_captured} of {len(wanted)} shapes")
                    runs[model.name] = _one(stage)
            figures.put(f"{name} seconds to open", round(time.perf_counter() - began_s, 1))
            engine: Engine | None = None
            with figures.attempt(f"{name} GPT"):
                engine = served_engine(options, precision, 1, STEPS_A_LAUNCH[-1], options.device == "cuda")
            figures.put(name, _row(engine, runs, options, version))
        if options.brief:
            continue
        with figures.attempt(f"{name} batches"):
            figures.put(f"{name} batches", _batches(options, version, precision))


def _precision_of(model: Model, precision: Precision) -> Precision:
    """The precision that the preset gives a stage where the others have `precision`."""
    return Precision.FP32 if model.name in PRESETS["cuda"].kept_float32 else precision


def _set(version: ModelVersion, model: Model, precision: Precision) -> str:
    """The set that a stage's graph belongs to."""
    own = _precision_of(model, precision)
    served = version is SERVED and own is PRESETS["cuda"].precision_of(model)
    return SERVED_SET if served else set_of(version, own)


def _row(engine: Engine | None, runs: dict[str, Run], options: Options, version: ModelVersion) -> dict[str, float]:
    """Milliseconds of the stages of 3 s of speech, their sum, and the sum until the first chunk."""
    timer, sizes = Timer(options.device), options.sizes(version)
    whole, first = (decoding_inputs(sizes, tokens) for tokens in (NUM_TOKENS, FIRST_TOKENS))
    gpt_ms, first_gpt_ms = (0.0, 0.0) if engine is None else _gpt_ms(engine, options, version)
    found = {} if engine is None else {"GPT": gpt_ms}
    for label, model in (("SoVITS", contract.ACOUSTIC), ("HiFi-GAN", contract.VOCODER)):
        if model.name in runs:
            found[label] = timer.median_ms(_bound(runs[model.name], whole[model.name]), options.repeats // 2 + 1)
    if engine is None or len(runs) < len(STAGES):
        return found  # a sum without a stage would mislead
    found["total"] = round(sum(found.values()), 3)
    found["first chunk"] = round(
        first_gpt_ms
        + sum(timer.median_ms(_bound(runs[m.name], first[m.name]), options.repeats // 2 + 1) for m in STAGES),
        3,
    )
    return found


def _gpt_ms(engine: Engine, options: Options, version: ModelVersion) -> tuple[float, float]:
    """Milliseconds of a prefill and 75 steps with their draws, and of those before the first chunk."""
    sizes = options.sizes(version).t2s
    whole, first = [], []
    for repeat in range(3 if options.short else 8):
        decoder = begin(engine, sizes, 1)
        began_s = time.perf_counter()
        reached_s = {FIRST_TOKENS: 0.0, NUM_TOKENS: 0.0}
        for tokens in reached_s:
            while decoder.num_tokens < tokens:
                finish_round(decoder)
            reached_s[tokens] = time.perf_counter() - began_s
        if repeat:
            first.append(reached_s[FIRST_TOKENS])
            whole.append(reached_s[NUM_TOKENS])
        for sequence_id in decoder.sequence_ids:
            decoder.close(sequence_id)
    return round(1e3 * statistics.median(whole), 2), round(1e3 * statistics.median(first), 2)


def _batches(options: Options, version: ModelVersion, precision: Precision) -> dict[str, dict[str, float]]:
    """Milliseconds of decoding 3 s of speech by rows that are decoded together."""
    found: dict[str, dict[str, float]] = {}
    for model in STAGES:
        wanted = [f"B{rows} " + _axes(model) for rows in ((1, 2) if options.short else (1, 2, 4, 8))]
        stage = CapturedStage(
            model,
            graph_of(options, version, model, _precision_of(model, precision)),
            parse_shapes(", ".join(wanted)),
            options.session_device,
        )
        stage.warm_up()
        timer = Timer(options.device)
        for rows in (1, 2) if options.short else (1, 2, 4, 8):
            inputs = decoding_inputs(options.sizes(version), NUM_TOKENS, rows)[model.name]
            found.setdefault(model.name, {})[str(rows)] = timer.median_ms(_bound(_one(stage), inputs), options.repeats)
    return found


def _axes(model: Model) -> str:
    return "T80 P128 F160" if model is contract.ACOUSTIC else "F160"


def _one(stage: CapturedStage) -> Run:
    return lambda inputs: stage.run([inputs])


def _bound(run: Run, inputs: Arrays) -> Callable[[], object]:
    return lambda: run(inputs)


def _eager(module: nn.Module, device: str) -> Run:
    """Inputs from the host, the module, its output to the host, as a server has them."""

    @torch.no_grad()
    def run(inputs: Arrays) -> object:
        values = {name: torch.from_numpy(np.ascontiguousarray(array)).to(device) for name, array in inputs.items()}
        answer: Tensor = module(**values)
        return answer.cpu()

    return run


def _captured(modules: dict[str, nn.Module], options: Options, version: ModelVersion) -> dict[str, float]:
    """Milliseconds of acoustic model and vocoder as one CUDA graph each, inputs on the device: a reference."""
    whole, timer = decoding_inputs(options.sizes(version), NUM_TOKENS), Timer(options.device)
    return {
        model.name: timer.median_ms(_capture(modules[model.name], whole[model.name]).replay, options.repeats)
        for model in STAGES
    }


@torch.no_grad()
def _capture(module: nn.Module, inputs: Arrays) -> torch.cuda.CUDAGraph:
    values = {name: torch.from_numpy(np.ascontiguousarray(array)).cuda() for name, array in inputs.items()}
    return captured(lambda: module(**values))


def _precision(name: str) -> AbstractContextManager[object]:
    return torch.autocast("cuda", torch.float16) if name == "float16" else nullcontext()
