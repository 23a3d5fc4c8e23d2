"""Part `t2s-onnxruntime`: tokens a second of T2S as it is served on a GPU, with and without a CUDA graph.

*The engine* is a step alone. *Steps with their draws* are a launch alone. *As served* is the scheduler over launches,
with the noise drawn and the tokens read.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import numpy as np

from gsv_bench.gpu.figures import Figures
from gsv_bench.gpu.options import Options
from gsv_bench.gpu.prepare import T2S, t2s_files, wait_for
from gsv_bench.gpu.timing import Timer
from gsv_bench.t2s_cases import CACHE_ROWS, PROMPT_PHONES, PROMPT_TOKENS, SAMPLING, random_prompt
from gsv_bench.t2s_slots import begin, finish_round
from gsv_build.graphs.precision import Precision
from gsv_build.sizes import T2SSizes
from gsv_runtime.t2s.cuda_engine import CudaEngine
from gsv_runtime.t2s.decoder import Decoder
from gsv_runtime.t2s.drawing_engine import DrawingEngine
from gsv_runtime.t2s.engine import Engine, SlotState, StepRow
from gsv_runtime.t2s.launch_shapes import LaunchShapes
from gsv_runtime.t2s.sampling import gumbel_noise
from gsv_runtime.versions import ModelVersion

STEPS_A_LAUNCH = (1, 4, 8)
PREFILL_ROWS = 192  # what 160 rows are padded to
_ROUNDS = 24  # that fit a slot, eight tokens each


def run(options: Options, figures: Figures) -> None:
    """Measure every number of slots, the most important first."""
    wait_for(options, T2S)
    found: dict[str, dict[str, float]] = {}
    for precision, capture, slots, steps in _cases(options):
        name = f"{precision.value}, {'CUDA graph' if capture else 'launched'}"
        if not options.brief:
            with figures.attempt(f"{name} {slots}"):
                for what, value in _stepwise(options, precision, slots, capture):
                    found.setdefault(f"{name}, {what}", {})[str(slots)] = value
        for number in steps:
            with figures.attempt(f"{name} {slots}, {number} steps a launch"):
                for what, value in _launches(options, precision, slots, number, capture):
                    found.setdefault(f"{name}, {what}", {})[str(slots)] = value
        figures.put("figures", found)
    if options.brief:
        return
    with figures.attempt("tokens of launches against steps"):
        figures.put("tokens that differ from those of the host's draws", _differing(options, options.device == "cuda"))


def _cases(options: Options) -> Iterator[tuple[Precision, bool, int, tuple[int, ...]]]:
    """Precision, whether captured, slots, and steps a launch."""
    on_gpu, most = options.device == "cuda", STEPS_A_LAUNCH[-1:]
    yield from ((Precision.FP16, on_gpu, slots, most if options.brief else STEPS_A_LAUNCH) for slots in options.slots)
    if options.brief:
        return
    yield from ((Precision.FP32, on_gpu, slots, most) for slots in options.slots)
    if on_gpu:
        yield from ((Precision.FP16, False, slots, most) for slots in (1, 64))


def served_engine(options: Options, precision: Precision, slots: int, steps: int, capture: bool) -> DrawingEngine:
    """T2S as preset cuda runs it, with one span and the lengths of the benchmark's prompts."""
    shapes = LaunchShapes((slots,), (PREFILL_ROWS, CACHE_ROWS), steps)
    folder = t2s_files(options, precision).prefill.parent
    return DrawingEngine(folder, slots, CACHE_ROWS, shapes, options.session_device, capture)


def stepping_engine(options: Options, precision: Precision, slots: int, capture: bool) -> CudaEngine:
    """The same with a step at a time and the draw on the host."""
    files = t2s_files(options, precision)
    engine = CudaEngine(files.prefill, files.decode_step, slots, CACHE_ROWS, options.session_device, capture)
    engine.warm_up()
    return engine


def _stepwise(options: Options, precision: Precision, slots: int, capture: bool) -> Iterator[tuple[str, float]]:
    """Tokens a second of the step alone and with the draw on the host; a prefill's milliseconds, launched."""
    engine, sizes = stepping_engine(options, precision, slots, capture), options.sizes(ModelVersion.V2).t2s
    timer = Timer(options.device)
    rows = [StepRow(token=1, token_position=PROMPT_TOKENS, rows=PROMPT_PHONES + PROMPT_TOKENS)] * slots
    yield (
        "tokens/s of the engine",
        round(1e3 * slots / timer.median_ms(lambda: engine.decode_step(rows), options.repeats), 1),
    )
    yield "tokens/s of rounds with the draw on the host", _served_rate(engine, sizes, slots, options)
    prefill_ms = timer.median_ms(lambda: engine.prefill(0, random_prompt(sizes, 0)), options.repeats // 4 + 1)
    yield "ms of a prefill of 160 rows, launched", prefill_ms


def _launches(
    options: Options, precision: Precision, slots: int, steps: int, capture: bool
) -> Iterator[tuple[str, float]]:
    """Tokens a second of launches alone and as served; a prefill's milliseconds, padded and copied to its slot."""
    began_s = time.perf_counter()
    engine, sizes = served_engine(options, precision, slots, steps, capture), options.sizes(ModelVersion.V2).t2s
    opened_s = time.perf_counter() - began_s
    timer = Timer(options.device)
    state = SlotState(
        token_position=PROMPT_TOKENS,
        rows=PROMPT_PHONES + PROMPT_TOKENS,
        active=True,
        num_generated=20,
        token_limit=CACHE_ROWS,
        sampling=SAMPLING,
    )
    noise = np.stack([[gumbel_noise(np.random.default_rng(0), engine.capacity.vocabulary)] * slots] * steps)
    launch_ms = timer.median_ms(lambda: engine.launch([state] * slots, noise, lambda: None), options.repeats)
    yield f"tokens/s of {steps} steps with their draws", round(1e3 * slots * steps / launch_ms, 1)
    yield f"tokens/s as served, {steps} steps a launch", _served_rate(engine, sizes, slots, options)
    if steps == STEPS_A_LAUNCH[-1]:
        prompt = random_prompt(sizes, 0)
        yield (
            "ms of a prefill of 160 rows, padded and copied",
            timer.median_ms(lambda: engine.prefill(0, prompt), options.repeats // 4 + 1),
        )
        yield "ms of a copy of a slot", timer.median_ms(lambda: engine.move(0, slots - 1, 0), options.repeats // 4 + 1)
        yield "seconds to open", round(opened_s, 1)


def _served_rate(engine: Engine, sizes: T2SSizes, slots: int, options: Options) -> float:
    """Tokens a second of rounds in which all slots speak."""
    decoder, rates = begin(engine, sizes, slots), []
    for _ in range(-(-slots // engine.most_steps)):  # as many join a round as a launch has steps
        finish_round(decoder)
    for _ in range(3 if options.short else _ROUNDS):
        before, began_s = decoder.num_tokens, time.perf_counter()
        finish_round(decoder)
        rates.append((decoder.num_tokens - before) / (time.perf_counter() - began_s))
    return round(statistics.median(rates), 1)


def _differing(options: Options, capture: bool) -> dict[str, str]:
    """Tokens of eight prompts, launch by launch against step by step: how many differ, and from where on."""
    found = {}
    slots = 2 if options.short else 8
    for precision in (Precision.FP16, Precision.FP32):
        sizes = options.sizes(ModelVersion.V2).t2s
        launches = _tokens(begin(served_engine(options, precision, slots, 8, capture), sizes, slots), slots)
        steps = _tokens(begin(stepping_engine(options, precision, slots, capture), sizes, slots), slots)
        same = [[a == b for a, b in zip(launches[i], steps[i], strict=True)] for i in launches]
        parted = [each.index(False) for each in same if not all(each)]
        found[precision.value] = f"{len(parted)} of {len(same)} sequences part, first at {min(parted, default=None)}"
    return found


def _tokens(decoder: Decoder, slots: int) -> dict[int, tuple[int, ...]]:
    """What every sequence's call is answered with."""
    found: dict[int, tuple[int, ...]] = {}
    while len(found) < slots:
        finish_round(decoder)
        found |= {answer.sequence_id: answer.tokens for answer in decoder.answers(now_s=0.0)}
    return found
