"""`python -m gsv_build encodec`: EnCodec's own weights to graphs, for gateways that offer it (docs/edge.md)."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from torch import nn

from gsv_build.checkpoints import CheckpointError
from gsv_build.checkpoints.encodec import load_encodec
from gsv_build.export import ExportFailed, export_graph
from gsv_build.modules.encodec import Analysis, Encodec, Leaving, Remembering, Synthesis
from gsv_runtime.contract import Model, Tensor

logger = logging.getLogger("gsv.build")
DEFAULT_OUTPUT = Path("var/encodec")
_STATES = ("hidden", "cell")
# Frames of the example that graphs are exported with, each on its own in an LSTM: a number that nothing else has there.
_EXAMPLE = 13


def _graphs(whole: Encodec) -> dict[str, tuple[nn.Module, Model]]:
    """Each graph by its file name, with what it takes and gives."""

    def part(
        name: str, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...], module: nn.Module
    ) -> tuple[nn.Module, Model]:
        return module, Model("encodec", name, inputs=inputs, outputs=outputs, graph=True)

    samples = Tensor("samples", "FP32", (1, "N"), "24 kHz, whole frames")
    features = Tensor("features", "FP32", (1, "width", "F"), "75 frames a second")
    remembered = Tensor("remembered", "FP32", (1, "width", "F"), "after the LSTM")
    latents = Tensor("latents", "FP32", (1, "dimension", "F"), "sums of entries of the tables")
    before, after = (
        tuple(Tensor(f"{prefix}{name}", "FP32", (2, 1, "width"), "of the LSTM") for name in _STATES)
        for prefix in ("", "new_")
    )
    return {
        "analysis.onnx": part("samples to features", (samples,), (features,), Analysis(whole)),
        "memory.onnx": part("what came before", (features, *before), (remembered, *after), Remembering(whole)),
        "leave.onnx": part("features to latents", (remembered,), (latents,), Leaving(whole)),
        "synthesis.onnx": part("latents to samples", (latents,), (samples,), Synthesis(whole)),
    }


def write_encodec(source: Path, output: Path) -> Path:
    """Write the graphs and tables of a checkpoint; returns the folder.

    Raises:
        CheckpointError: it cannot be read.
        ExportFailed: a part has no pure graph.
    """
    whole = load_encodec(source)
    sizes = whole.sizes
    output.mkdir(parents=True, exist_ok=True)
    for file, (module, model) in _graphs(whole).items():
        path = output / file
        export_graph(module, model, path, {"width": sizes.width, "dimension": sizes.dimension}, lengths={"F": _EXAMPLE})
        _free_length(path)
    np.save(output / "tables.npy", whole.codebooks.detach().numpy())
    hop = int(np.prod(sizes.ratios))
    facts = {"model": "encodec_24khz", "sample_rate_hz": 24_000, "hop": hop, "width": sizes.width}
    (output / "encodec.json").write_text(json.dumps({**facts, "kernel": sizes.kernel}) + "\n", encoding="utf-8")
    return output


def _free_length(path: Path) -> None:
    """Take the length of the example out of a graph: the exporter writes it down where an LSTM's answer is reshaped."""
    graph = onnx.load(path)
    for weight in graph.graph.initializer:
        value = numpy_helper.to_array(weight)
        if weight.data_type == TensorProto.INT64 and value.ndim == 1 and value.size > 1 and value[0] == _EXAMPLE:
            weight.CopyFrom(numpy_helper.from_array(np.concatenate([[-1], value[1:]]), weight.name))
    del graph.graph.value_info[:]
    for value in graph.graph.output:
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_value and axis.dim_value % _EXAMPLE == 0:
                axis.dim_param = "F" if axis.dim_value == _EXAMPLE else "N"
    onnx.save(graph, path)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m gsv_build encodec`."""
    parser.add_argument("source", type=Path, help="encodec_24khz-….th, or a directory with Hugging Face's files")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="folder for the gateway's --encodec")


def run(arguments: argparse.Namespace) -> int:
    """Write the graphs; prints the folder."""
    try:
        folder = write_encodec(arguments.source, arguments.output)
    except (CheckpointError, ExportFailed) as error:
        logger.error("EnCodec not written: %s", error)
        return 1
    sys.stdout.write(f"{folder}\n")
    return 0
