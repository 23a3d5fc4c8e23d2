"""Part `t2s-torch`: tokens a second of T2S by PyTorch: eager, and k steps captured as one CUDA graph."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch

from gsv_bench.gpu.figures import Figures
from gsv_bench.gpu.options import Options
from gsv_bench.gpu.timing import Timer, captured
from gsv_bench.gpu.torch_steps import TorchSteps
from gsv_bench.t2s_cases import CACHE_ROWS, PROMPT_PHONES, PROMPT_TOKENS, SAMPLING, never_end
from gsv_build.checks.module_stages import SeededWeights
from gsv_build.modules.t2s import T2S
from gsv_runtime.t2s.sampling import draw
from gsv_runtime.versions import ModelVersion

STEPS_A_LAUNCH = (1, 8)


def run(options: Options, figures: Figures) -> None:
    """Measure every number of slots."""
    module = SeededWeights(options.sizes(ModelVersion.V2)).t2s().eval()
    never_end(module)
    timer, found = Timer(options.device), dict[str, dict[str, float]]()
    for slots in options.slots:
        for name, call, steps in _cases(module, slots, options, figures):
            ms = timer.median_ms(call, options.repeats) / steps
            found.setdefault(name, {})[str(slots)] = round(1e3 * slots / ms, 1)
            figures.put("tokens_per_s", found)


def _cases(module: T2S, slots: int, options: Options, figures: Figures) -> list[tuple[str, Callable[[], object], int]]:
    """Name, what to time, and the steps in it."""
    cases: list[tuple[str, Callable[[], object], int]] = []
    on_gpu = options.device == "cuda"
    with figures.attempt(f"eager {slots}"):
        cases.append(("eager float32, draw on the host", _eager(module, slots, options.device), 1))
    for dtype in (torch.float32, torch.float16) if on_gpu else (torch.float32,):
        label = str(dtype).removeprefix("torch.")
        with figures.attempt(f"{label} {slots}"):
            steps = TorchSteps(copy.deepcopy(module), slots, CACHE_ROWS, dtype, options.device)
            cases.append((f"fixed shapes, {label}, draw on the device", steps.step, 1))
            for number in STEPS_A_LAUNCH if on_gpu else ():
                graph = captured(steps.step, number)
                cases.append((f"CUDA graph, {label}, {number} steps a launch", graph.replay, number))
    return cases


def _eager(module: T2S, slots: int, device: str) -> Callable[[], object]:
    """A round as the served one is: the step, the logits to the host, and the draw there."""
    module.to(device)
    sizes, rows = module.sizes, PROMPT_PHONES + PROMPT_TOKENS
    shape = (sizes.layers, slots, sizes.heads, CACHE_ROWS, sizes.head_dim)
    keys, values = torch.zeros(shape, device=device), torch.zeros(shape, device=device)
    tokens = torch.zeros(slots, dtype=torch.int64, device=device)
    positions, lengths = torch.full_like(tokens, PROMPT_TOKENS), torch.full_like(tokens, rows)
    present, noise = np.zeros((slots, sizes.vocabulary), bool), np.ones((slots, sizes.vocabulary), np.float32)
    generated = np.full(slots, 20)

    @torch.no_grad()
    def round_of_decoding() -> None:
        logits = module.decode_step(tokens, positions, lengths, keys, values).cpu().numpy()
        drawn = draw(logits, present, generated, [SAMPLING] * slots, noise)
        tokens.copy_(torch.from_numpy(drawn.tokens))

    return round_of_decoding
