"""Who runs the graphs of a sentence on this machine, found by measuring: `make build ARGS="--tune"`.

ONNX Runtime, or OpenVINO in float32, or OpenVINO with products in bfloat16 where the CPU has it; T2S has a library of
its own instead (`t2s_tuning`). Each stage that every sentence passes is run by all of them in turn, at the lengths that
a stream has. What is chosen stands in `build.json`, with the times, and in config.pbtxt; a later build keeps it while
the graph is the same.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gsv_build import t2s_tuning
from gsv_build.deployment import Deployment, Runtime, with_settings
from gsv_build.deviation import deviation_db
from gsv_runtime import contract
from gsv_runtime.contract import Model
from gsv_runtime.graphs import openvino_session
from gsv_runtime.graphs.opening import Graph, graph_of, open_stage
from gsv_runtime.graphs.session import open_session
from gsv_runtime.graphs.stage import OnnxStage, example_inputs
from gsv_runtime.model_files import T2S_GRAPH_FILE
from gsv_runtime.settings import FUSED, ONNX_RUNTIME, OPENVINO, OPENVINO_BF16, OnnxStageSettings
from gsv_runtime.tensors import Arrays

logger = logging.getLogger("gsv.build")

GRAPHS = (contract.BERT, contract.ACOUSTIC, contract.VOCODER)
TUNED = (*GRAPHS, contract.T2S)  # the others run once for a voice
ROUNDS = 5
# Frames of the windows of a stream, and of a sentence decoded at once.
FRAMES = (86, 126, 150, 190)
_WORTH = 0.9  # of ONNX Runtime's time; a gain within noise changes nothing
_EXACT = (OPENVINO, FUSED)  # engines that compute in float32 what ONNX Runtime does


class Tuning(Enum):
    """What may be chosen."""

    FAST = "fast"  # bfloat16 too
    EXACT = "exact"  # float32 only
    OFF = "off"  # ONNX Runtime


@dataclass(frozen=True)
class Choice:
    """What one stage was given, and why.

    Attributes:
        engine: of `settings.GRAPH_ENGINES`; of T2S `settings.T2S_ENGINES`.
        graph: digest of the files that were measured.
        measured_ms: engine to median of a round.
        deviation_db: engine to signal over difference from ONNX Runtime.
    """

    engine: str
    graph: str
    measured_ms: Mapping[str, float]
    deviation_db: Mapping[str, float]


def candidates(tuning: Tuning) -> tuple[str, ...]:
    """Engines that can run here."""
    if tuning is Tuning.OFF or not openvino_session.is_installed():
        return (ONNX_RUNTIME,)
    with_bf16 = tuning is Tuning.FAST and openvino_session.has_bf16()
    return (ONNX_RUNTIME, OPENVINO, *((OPENVINO_BF16,) if with_bf16 else ()))


def tune(repository: Path, deployment: Deployment, files: Mapping[str, str], tuning: Tuning) -> dict[str, Choice]:
    """Measure every stage of a sentence.

    Args:
        repository: built.
        deployment: says threads and device.
        files: stage to digest of its files.
        tuning: what may be chosen.

    Returns:
        Stage to what was chosen; stages that do not run on a CPU here are left out.
    """
    engines = candidates(tuning)
    if len(engines) == 1 and tuning is not Tuning.OFF:
        logger.warning("OpenVINO is not installed; to try it: pip install 'gsv-runtime[openvino]'")
    stages = [model for model in GRAPHS if _runs_here(repository, deployment, model)]
    found = {
        model.name: _choose(graph_of(model, repository / model.name / "1"), deployment, files[model.name], engines)
        for model in stages
        if len(engines) > 1
    }
    t2s = repository / contract.T2S.name / "1"
    if tuning is not Tuning.OFF and _is_on_cpu(deployment, contract.T2S) and (t2s / T2S_GRAPH_FILE).is_file():
        settings, digest = deployment.model(contract.T2S).settings, files[contract.T2S.name]
        measured = t2s_tuning.measure(t2s, settings, ROUNDS)
        found[contract.T2S.name] = _best(contract.T2S, digest, *measured, t2s_tuning.least_db(t2s))
    return found


def with_choices(deployment: Deployment, choices: Mapping[str, Choice]) -> Deployment:
    """The deployment with the engines that were chosen."""
    for model in TUNED:
        if model.name in choices:
            deployment = with_settings(deployment, model, engine=choices[model.name].engine)
    return deployment


def kept_choices(recorded: Mapping[str, Any], files: Mapping[str, str], deployment: Deployment) -> dict[str, Choice]:
    """Those of an earlier build that still hold: of the same graphs, on a CPU."""
    kept = {}
    for name, values in recorded.items():
        model = next((each for each in TUNED if each.name == name), None)
        if model is None or not _is_on_cpu(deployment, model):
            continue
        if values["graph"] == files.get(name):
            kept[name] = Choice(**values)
        else:
            logger.warning(
                "stage was built anew and runs on its default engine stage=%s; measure again with --tune", name
            )
    return kept


def as_json(choices: Mapping[str, Choice]) -> dict[str, Any]:
    """For build.json."""
    return {name: asdict(choice) for name, choice in choices.items()}


def _is_on_cpu(deployment: Deployment, model: Model) -> bool:
    how = deployment.model(model)
    return how.runtime is Runtime.PYTHON and how.settings.device == "cpu"


def _runs_here(repository: Path, deployment: Deployment, model: Model) -> bool:
    return _is_on_cpu(deployment, model) and graph_of(model, repository / model.name / "1").path.is_file()


def _choose(graph: Graph, deployment: Deployment, digest: str, engines: Sequence[str]) -> Choice:
    settings: OnnxStageSettings = deployment.model(graph.model).settings
    stages = {engine: open_stage(graph.model, graph.path, replace(settings, engine=engine)) for engine in engines}
    inputs = [_inputs(graph, frames) for frames in FRAMES]
    answers = {engine: _answers(stage, inputs) for engine, stage in stages.items()}  # warms up, too
    times: dict[str, list[float]] = {engine: [] for engine in engines}
    for _ in tqdm(range(ROUNDS), desc=f"tune {graph.model.name}", unit="round", leave=False):
        for engine, stage in stages.items():
            started = time.perf_counter()
            _answers(stage, inputs)
            times[engine].append(1e3 * (time.perf_counter() - started))
    measured = {engine: round(statistics.median(each), 2) for engine, each in times.items()}
    deviation = {engine: round(deviation_db(answers[ONNX_RUNTIME], answers[engine]), 1) for engine in engines[1:]}
    return _best(graph.model, digest, measured, deviation)


def _best(
    model: Model, digest: str, measured: Mapping[str, float], deviation: Mapping[str, float],
    least_db: float = t2s_tuning.EXACT_DB,
) -> Choice:  # fmt: skip
    engine = fastest(measured, deviation, least_db)
    logger.info("stage tuned stage=%s engine=%s ms=%s db=%s", model.name, engine, measured, deviation)
    return Choice(engine, digest, measured, deviation)


def fastest(
    measured_ms: Mapping[str, float], deviations_db: Mapping[str, float], least_db: float = t2s_tuning.EXACT_DB
) -> str:
    """The engine to take: the fastest, unless it is hardly faster than ONNX Runtime or does not compute the same."""
    wrong = {engine for engine, db in deviations_db.items() if engine in _EXACT and db < least_db} | {
        engine for engine, db in deviations_db.items() if not db > 0.0
    }
    best = min((engine for engine in measured_ms if engine not in wrong), key=measured_ms.__getitem__)
    return best if measured_ms[best] < _WORTH * measured_ms[ONNX_RUNTIME] else ONNX_RUNTIME


def declared_shapes(graph: Path) -> dict[str, list[int | str]]:
    """Input name to the shape that a graph declares."""
    return {value.name: value.shape for value in open_session(graph, 1).get_inputs()}


def _inputs(graph: Graph, frames: int) -> Arrays:
    """Inputs of one window, drawn at random where they are not counts or ids."""
    declared = declared_shapes(graph.path)
    sizes = {"B": 1, "C": frames // 4, "T": frames // 2, "P": frames // 2, "F": frames, "N": 640 * frames}
    rng = np.random.default_rng(frames)
    inputs = example_inputs(graph.model, sizes, declared)
    for name, array in inputs.items():
        if name == "frame_positions":
            array[:] = np.arange(frames, dtype=np.float32)
        elif array.dtype == np.float32:
            array[:] = rng.standard_normal(array.shape, dtype=np.float32)
    return inputs


def _answers(stage: OnnxStage | Any, inputs: Sequence[Arrays]) -> list[Arrays]:
    return [stage.run([each])[0] for each in inputs]
