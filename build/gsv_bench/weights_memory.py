"""What further fine-tunes cost each stage's process: private memory beside the size of their files, and time to open.

`python -m gsv_bench --only weights-memory --memory-weights DIR --json`. Each stage runs in a process of its own, as in
a server. The files of every fine-tune are a copy of their own, so that no page of one serves another.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from gsv_bench.fine_tune_memory import private_bytes
from gsv_build.deployment import PRESETS
from gsv_build.stage_builds import Weights, stage_builds
from gsv_build.weights import find_weights
from gsv_runtime.contract import T2S, Model
from gsv_runtime.graphs.opening import open_stage
from gsv_runtime.model_files import GRAPH_FILE
from gsv_runtime.models.weights_calls import OPENED
from gsv_runtime.settings import OnnxStageSettings, T2SSettings
from gsv_runtime.t2s.opening import open_engine

_MIB = 2**20


def opened(model: Model, folder: Path) -> object:
    """Open a stage's weights as its process does, and run them once."""
    settings = PRESETS["cpu"].models[model.name].settings
    if model is T2S:
        assert isinstance(settings, T2SSettings)
        return open_engine(folder, settings)
    assert isinstance(settings, OnnxStageSettings)
    stage = open_stage(model, folder / GRAPH_FILE, settings)
    stage.warm_up()
    return stage


def costs(name: str, folders: list[Path]) -> list[dict[str, float]]:
    """Open a stage's fine-tunes one after another; what each added, the first of all left out."""
    model = next(each for each in OPENED if each.name == name)
    kept, found = [opened(model, folders[0])], []
    for folder in folders[1:]:
        before, began_s = private_bytes(os.getpid()), time.perf_counter()
        kept.append(opened(model, folder))
        took_s = time.perf_counter() - began_s
        added = (private_bytes(os.getpid()) - before) / _MIB
        found.append({"private_mib": round(added, 1), "open_s": round(took_s, 3)})
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--memory-weights", type=Path, default=Path("build/gsv_demo/weights"))
    parser.add_argument("--memory-tunes", type=int, default=4, help="beside the first")


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return Markdown for people and values for machines."""
    weights, found = Weights(find_weights(arguments.memory_weights)), {}
    with tempfile.TemporaryDirectory() as work:
        for stage in stage_builds(weights, PRESETS["cpu"]):
            if stage.model not in OPENED:
                continue
            folders = [Path(work) / stage.model.name / str(number) for number in range(arguments.memory_tunes + 1)]
            folders[0].mkdir(parents=True)
            stage.write(folders[0])
            for folder in folders[1:]:
                shutil.copytree(folders[0], folder)
            files = sum(path.stat().st_size for path in folders[0].iterdir()) / _MIB
            with multiprocessing.get_context("spawn").Pool(1) as process:
                found[stage.model.name] = {
                    "files_mib": round(files, 1),
                    "tunes": process.apply(costs, (stage.model.name, folders)),
                }
            shutil.rmtree(Path(work) / stage.model.name)
    return "\n".join(_lines(found)), {"weights_memory": found}


def _lines(found: dict[str, Any]) -> list[str]:
    lines = ["| stage | files MiB | private MiB of each | seconds to open each |", "|---|---|---|---|"]
    for name, each in found.items():
        added = ", ".join(f"{one['private_mib']}" for one in each["tunes"])
        took = ", ".join(f"{one['open_s']}" for one in each["tunes"])
        lines.append(f"| {name} | {each['files_mib']} | {added} | {took} |")
    return lines
