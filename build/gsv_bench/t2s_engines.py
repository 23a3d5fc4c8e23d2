"""T2S as TensorRT engines of official size: how large they are, and what they take to build. Needs no GPU.

Whichever TensorRT is installed; the presets for a GPU run these graphs by ONNX Runtime, so that these engines are not
served yet.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gsv_build.checks.module_stages import SeededWeights
from gsv_build.deployment import PRESETS
from gsv_build.engines import graph_input_shapes
from gsv_build.graphs.t2s_graphs import write_t2s_gpu_graphs
from gsv_build.size_presets import SIZE_PRESETS, network_sizes
from gsv_build.tensorrt_library import Profiles, TensorRT
from gsv_runtime import contract
from gsv_runtime.versions import ModelVersion

_SHORTEST, _USUAL = 2, 160  # rows of a prompt


def profiles(graph: Path, slots: int, cache_rows: int) -> Profiles:
    """Every input at all slots; prompts of any length that fits one."""
    sizes = [{"B": slots, "L": rows} for rows in (_SHORTEST, min(_USUAL, cache_rows), cache_rows)]
    found = {}
    for name, shape in graph_input_shapes(graph).items():
        low, tuned, high = (tuple(int(each.get(str(axis), axis)) for axis in shape) for each in sizes)
        found[name] = (low, tuned, high)
    return found


def measure(size: str, slots: int, cache_rows: int) -> dict[str, dict[str, float]]:
    """MiB, and seconds of the clock and of the processor, of the engine of each graph."""
    library, found = TensorRT.find(), dict[str, dict[str, float]]()
    module = SeededWeights(network_sizes(ModelVersion.V2, size)).t2s()
    with tempfile.TemporaryDirectory(prefix="gsv-bench-t2s-") as folder:
        files = write_t2s_gpu_graphs(module, Path(folder), cache_rows)
        for graph in tqdm((files.prefill, files.decode_step, files.decode_sample), desc=library.name, unit="engine"):
            clock_s, processor_s = time.perf_counter(), time.process_time()
            built = library.build(graph, profiles(graph, slots, cache_rows))
            found[graph.stem] = {
                "mib": round(len(built.plan) / 2**20, 1),
                "build_s": round(time.perf_counter() - clock_s, 1),
                "processor_s": round(time.process_time() - processor_s, 1),
            }
    return found


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Arguments of this benchmark."""
    settings = PRESETS["tensorrt"].model(contract.T2S).settings
    parser.add_argument("--engine-size", choices=SIZE_PRESETS, default="official")
    parser.add_argument("--engine-slots", type=int, default=settings.slots)
    parser.add_argument("--engine-rows", type=int, default=settings.cache_rows, help="of a slot")


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Build; return Markdown for people and values for machines."""
    found = measure(arguments.engine_size, arguments.engine_slots, arguments.engine_rows)
    lines = ["| engine | MiB | seconds to build | processor seconds |", "|---|---:|---:|---:|"]
    lines += [f"| {name} | {e['mib']} | {e['build_s']} | {e['processor_s']} |" for name, e in found.items()]
    facts = {"library": TensorRT.find().name, "slots": arguments.engine_slots, "rows": arguments.engine_rows}
    return "\n".join(lines), {"t2s_engines": {**facts, **found}}
