"""Part `trace`: where a round of decoding and the decoding of a chunk spend the GPU's time, by PyTorch's profiler.

The profiler sees every kernel of the process, ONNX Runtime's too.
"""

from __future__ import annotations

import gzip
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from gsv_bench.gpu.figures import Figures
from gsv_bench.gpu.options import Options
from gsv_bench.gpu.prepare import SERVED, SERVED_SET, T2S, graph_of, wait_for
from gsv_bench.gpu.t2s_onnxruntime import STEPS_A_LAUNCH, served_engine
from gsv_bench.gpu.utterance import NUM_TOKENS, decoding_inputs
from gsv_bench.t2s_slots import begin, finish_round
from gsv_build.deployment import PRESETS
from gsv_build.graphs.precision import Precision
from gsv_runtime import contract
from gsv_runtime.graphs.captured_stage import CapturedStage
from gsv_runtime.graphs.shape_buckets import parse_shapes

_ROUNDS, _KERNELS, _MOST_BYTES = 4, 25, 8 << 20


def run(options: Options, figures: Figures) -> None:
    """Trace a few rounds of 16 slots, eight steps each, captured and launched one by one, and one chunk."""
    wait_for(options, T2S, SERVED_SET)
    slots = 2 if options.short else 16
    for capture in (False, True) if options.device == "cuda" else (False,):
        name = "round, CUDA graph" if capture else "round, launched"
        with figures.attempt(name):
            engine = served_engine(options, Precision.FP16, slots, STEPS_A_LAUNCH[-1], capture)
            decoder = begin(engine, options.sizes(SERVED).t2s, slots)
            for _ in range(slots + 2):
                finish_round(decoder)
            figures.put(name, _traced(partial(finish_round, decoder), _ROUNDS, options, name))
    for model in (contract.ACOUSTIC, contract.VOCODER):
        with figures.attempt(model.name):
            inputs = decoding_inputs(options.sizes(SERVED), NUM_TOKENS)[model.name]
            shape = "B1 T80 P128 F160" if model is contract.ACOUSTIC else "B1 F160"
            stage = CapturedStage(
                model,
                graph_of(options, SERVED, model, PRESETS["cuda"].precision_of(model)),
                parse_shapes(shape),
                options.session_device,
            )
            stage.warm_up()
            figures.put(model.name, _traced(partial(stage.run, [inputs]), 2, options, model.name))


def _traced(call: Any, times: int, options: Options, name: str) -> dict[str, Any]:
    """Kernels by their time, in microseconds a call; the whole trace beside the figures."""
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if options.device == "cuda" else [])]
    with profile(activities=activities) as profiler:
        for _ in range(times):
            with record_function("call"):
                call()
            if options.device == "cuda":
                torch.cuda.synchronize()
    _save(profiler, options.out / f"trace-{name.replace(', ', '-').replace(' ', '-')}.json")
    spent: dict[str, float] = defaultdict(float)
    calls = 0
    for event in profiler.events() or []:
        if event.device_type.name == "CUDA" and event.name != "call":
            spent[event.name] += event.device_time_total
            calls += 1
    longest = sorted(spent, key=lambda kernel: -spent[kernel])[:_KERNELS]
    host_us = [event.cpu_time_total for event in profiler.events() or [] if event.name == "call"]
    return {
        "host_us": round(sum(host_us) / max(len(host_us), 1), 1),
        "gpu_us": round(sum(spent.values()) / times, 1),
        "kernels": round(calls / times, 1),
        "kernels_us": {kernel[:120]: round(spent[kernel] / times, 1) for kernel in longest},
    }


def _save(profiler: Any, path: Path) -> None:
    profiler.export_chrome_trace(str(path))
    packed = gzip.compress(path.read_bytes())
    path.unlink()
    if len(packed) <= _MOST_BYTES:
        path.with_suffix(".json.gz").write_bytes(packed)
