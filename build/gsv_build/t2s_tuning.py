"""Who runs T2S on this machine: prompts and steps by ONNX Runtime and by the fused engine, by turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from gsv_build.deviation import deviation_db
from gsv_runtime.settings import FUSED, ONNX_RUNTIME, T2SSettings
from gsv_runtime.speech_request import Sampling
from gsv_runtime.t2s.cpu_engine import CpuEngine
from gsv_runtime.t2s.engine import LogitsEngine, StepRow
from gsv_runtime.t2s.fused_engine import FusedEngine, why_not_here
from gsv_runtime.t2s.opening import open_engine
from gsv_runtime.t2s.packed_weights import StoredTensors
from gsv_runtime.t2s.request import Capacity, Prompt
from gsv_runtime.tensors import Array, Arrays

_PHONES, _TOKENS = 60, 100  # of the prompts; a sentence of 3 s, and a reference of 4
_STEPS = 20  # of a round, at each number of slots
_SLOTS = (1, 4)
EXACT_DB = 80.0  # of engines that compute in float32
_ROUNDED_DB = 20.0  # of engines that round inputs, too; on random weights of official size they are 29 apart
_SAMPLING = Sampling(top_k=1, top_p=1.0, temperature=1.0, repetition_penalty=1.0, seed=0)
Measured = tuple[Mapping[str, float], Mapping[str, float]]


def measure(folder: Path, settings: T2SSettings, rounds: int) -> Measured:
    """Run a prompt, and steps of one slot and of several.

    Args:
        folder: of the graph and its weight file.
        settings: of the deployment.
        rounds: of each engine, by turns.

    Returns:
        Engine to median milliseconds of a round, and other engines to signal over difference from ONNX Runtime, in dB.
    """
    names = [ONNX_RUNTIME, *([] if why_not_here(folder) else [FUSED])]
    engines = {name: _opened(folder, settings, name) for name in names}
    answers = {name: _round(engine) for name, engine in engines.items()}  # warms up, too
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in tqdm(range(rounds), desc="tune t2s", unit="round", leave=False):
        for name, engine in engines.items():
            started = time.perf_counter()
            _round(engine)
            times[name].append(1e3 * (time.perf_counter() - started))
    measured = {name: round(statistics.median(each), 2) for name, each in times.items()}
    exact = [answers[ONNX_RUNTIME]]
    return measured, {name: round(deviation_db(exact, [answers[name]]), 1) for name in names[1:]}


def least_db(folder: Path) -> float:
    """How near the engines' answers must be.

    Args:
        folder: of the graph and its weight file.
    """
    return EXACT_DB if StoredTensors(folder).bits == 32 else _ROUNDED_DB


def _opened(folder: Path, settings: T2SSettings, name: str) -> CpuEngine | FusedEngine:
    engine = open_engine(folder, replace(settings, engine=name, slots=max(_SLOTS)))
    assert isinstance(engine, CpuEngine | FusedEngine)
    return engine


def _round(engine: LogitsEngine) -> Arrays:
    """A prompt in every slot, then steps; the logits of the prompts and of the last steps."""
    answers: dict[str, Array] = {}
    prompt = _prompt(engine.capacity)
    for slot in range(max(_SLOTS)):
        answers[f"prompt {slot}"] = engine.prefill(slot, prompt).copy()
    for slots in _SLOTS:
        for step in range(_STEPS):
            rows = [StepRow(step, prompt.prompt_tokens.size + step, prompt.rows + step)] * slots
            answers[f"{slots} slots"] = engine.decode_step(rows).copy()
    return answers


def _prompt(capacity: Capacity) -> Prompt:
    rng = np.random.default_rng(0)
    return Prompt(
        phones=rng.integers(0, capacity.num_phones, _PHONES),
        bert_features=rng.standard_normal((capacity.bert_dim, _PHONES), dtype=np.float32),
        prompt_tokens=rng.integers(0, capacity.vocabulary - 1, _TOKENS),
        sampling=_SAMPLING,
        max_tokens=1,
    )
