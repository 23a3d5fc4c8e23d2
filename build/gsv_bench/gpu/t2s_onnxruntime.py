"""Part `t2s-onnxruntime`: tokens a second of T2S as it is served on a GPU, with and without a CUDA graph."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from gsv_bench.gpu.figures import Figures
from gsv_bench.gpu.options import Options
from gsv_bench.gpu.prepare import T2S, t2s_files, wait_for
from gsv_bench.gpu.timing import Timer
from gsv_bench.t2s_cases import CACHE_ROWS, PROMPT_PHONES, PROMPT_TOKENS, SAMPLING, random_prompt
from gsv_bench.t2s_slots import begin, finish_round
from gsv_build.graphs.precision import Precision
from gsv_build.graphs.t2s_graphs import T2SGpuFiles
from gsv_build.sizes import T2SSizes
from gsv_runtime.t2s.cuda_engine import CudaEngine
from gsv_runtime.t2s.engine import StepRow
from gsv_runtime.t2s.sampled_steps import SampledSteps, SlotState
from gsv_runtime.t2s.sampling import gumbel_noise
from gsv_runtime.versions import ModelVersion

STEPS_A_LAUNCH = (1, 8)


def run(options: Options, figures: Figures) -> None:
    """Measure every number of slots, the most important first."""
    sizes = options.sizes(ModelVersion.V2).t2s
    wait_for(options, T2S)
    captures = (True, False) if options.device == "cuda" else (False,)
    found: dict[str, dict[str, float]] = {}
    for precision, capture in itertools.product((Precision.FP16, Precision.FP32), captures):
        files, name = t2s_files(options, precision), f"{precision.value}, {'CUDA graph' if capture else 'launched'}"
        for slots in options.slots if capture or options.short else (1, 16, 64):
            with figures.attempt(f"{name} {slots}"):
                engine = CudaEngine(
                    files.prefill, files.decode_step, slots, CACHE_ROWS, options.session_device, capture
                )
                for what, value in _measure(engine, slots, sizes, options):
                    found.setdefault(f"{name}, {what}", {})[str(slots)] = value
            for steps in STEPS_A_LAUNCH:
                with figures.attempt(f"{name} {slots}, {steps} steps with their draws"):
                    value = _sampled(files, engine, steps, capture, options)
                    found.setdefault(f"{name}, tokens/s of {steps} steps with their draws", {})[str(slots)] = value
            figures.put("figures", found)


def _sampled(files: T2SGpuFiles, engine: CudaEngine, steps: int, capture: bool, options: Options) -> float:
    """Tokens a second of steps that draw their own tokens, what the host gives and reads included."""
    slots, vocabulary = engine.capacity.slots, engine.capacity.vocabulary
    sampled = SampledSteps(files.decode_sample, engine, steps, capture)
    sampled.warm_up()
    state = SlotState(
        token_position=PROMPT_TOKENS,
        rows=PROMPT_PHONES + PROMPT_TOKENS,
        active=True,
        num_generated=20,
        token_limit=CACHE_ROWS,
        sampling=SAMPLING,
    )
    noise = np.stack([[gumbel_noise(np.random.default_rng(0), vocabulary)] * slots] * steps)
    ms = Timer(options.device).median_ms(lambda: sampled.run([state] * slots, noise), options.repeats)
    return round(1e3 * slots * steps / ms, 1)


def _measure(engine: CudaEngine, slots: int, sizes: T2SSizes, options: Options) -> list[tuple[str, float]]:
    """Tokens a second of the engine alone and with the draw and the scheduler; a prefill's milliseconds."""
    engine.warm_up()
    timer = Timer(options.device)
    prefill_ms = timer.median_ms(lambda: engine.prefill(0, random_prompt(sizes, 0)), options.repeats // 4 + 1)
    rows = [StepRow(token=1, token_position=PROMPT_TOKENS, rows=PROMPT_PHONES + PROMPT_TOKENS)] * slots
    step_ms = timer.median_ms(lambda: engine.decode_step(rows), options.repeats)
    round_ms = timer.median_ms(_rounds(engine, sizes, slots), options.repeats)
    return [
        ("tokens/s of the engine", round(1e3 * slots / step_ms, 1)),
        ("tokens/s of a served round", round(1e3 * slots / round_ms, 1)),
        ("ms of a prefill of 160 rows", prefill_ms),
    ]


def _rounds(engine: CudaEngine, sizes: T2SSizes, slots: int) -> Callable[[], object]:
    decoder = begin(engine, sizes, slots)
    for _ in range(slots):  # one joins a round
        finish_round(decoder)
    return lambda: finish_round(decoder)
