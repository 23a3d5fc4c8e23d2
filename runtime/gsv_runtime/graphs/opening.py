"""The way to run a stage that a deployment asks for."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from gsv_runtime import contract
from gsv_runtime.contract import Model
from gsv_runtime.graphs.captured_stage import CapturedStage
from gsv_runtime.graphs.openvino_session import OpenVinoSession
from gsv_runtime.graphs.session import CPU, CUDA
from gsv_runtime.graphs.shape_buckets import parse_shapes
from gsv_runtime.graphs.spectral_stage import SpectralStage
from gsv_runtime.graphs.stage import OnnxStage
from gsv_runtime.graphs.text_piece_stage import TextPieces, TextPieceStage
from gsv_runtime.graphs.text_pieces import PIECE_FEATURES
from gsv_runtime.graphs.vocoder_spectrum import VOCODER_SPECTRUM
from gsv_runtime.model_files import GRAPH_FILE, PIECE_GRAPH_FILE, SPECTRUM_GRAPH_FILE
from gsv_runtime.settings import GRAPH_ENGINES, ONNX_RUNTIME, OnnxStageSettings

_DEVICES = {"cpu": CPU, "cuda": CUDA}
OpenedStage = OnnxStage | CapturedStage | SpectralStage | TextPieceStage
# Graphs that need somebody before or after them, by the stage whose place they take.
_OTHER_GRAPHS = {
    contract.VOCODER.name: (VOCODER_SPECTRUM, SPECTRUM_GRAPH_FILE),
    contract.BERT.name: (PIECE_FEATURES, PIECE_GRAPH_FILE),
}


class Graph(NamedTuple):
    """A graph file, and what it takes and gives."""

    model: Model
    path: Path


def graph_of(model: Model, folder: Path) -> Graph:
    """The graph of a stage, which need not be there; a vocoder's may end at a spectrum, BERT's may be a student's.

    Args:
        model: contract of the stage.
        folder: its version directory.
    """
    if model.name in _OTHER_GRAPHS:
        other, file = _OTHER_GRAPHS[model.name]
        if (folder / file).is_file():
            return Graph(other, folder / file)
    return Graph(model, folder / GRAPH_FILE)


def open_graph(model: Model, folder: Path, settings: OnnxStageSettings) -> OpenedStage:
    """Load the graph of a stage, with what follows it.

    Args:
        model: contract of the stage.
        folder: its version directory.
        settings: of the deployment.

    Raises:
        ValueError: it was not built, or as `open_stage`.
        RuntimeError: as `open_stage`.
    """
    graph = graph_of(model, folder)
    if not graph.path.is_file():
        raise ValueError(f"{model.name} has no {GRAPH_FILE}; run `make build PRESET=cpu`")
    stage = open_stage(graph.model, graph.path, settings)
    if graph.model is PIECE_FEATURES:
        return TextPieceStage(stage, TextPieces.open(folder))
    return SpectralStage(stage) if graph.model is VOCODER_SPECTRUM else stage


def open_stage(model: Model, graph: Path, settings: OnnxStageSettings) -> OnnxStage | CapturedStage:
    """Load a graph for the device of `settings`.

    Raises:
        ValueError: there is no such device or engine, or the shapes cannot be read.
        RuntimeError: what is asked for cannot run here.
    """
    if settings.device not in _DEVICES:
        raise ValueError(f"{model.name} cannot run on device {settings.device!r}; need one of {', '.join(_DEVICES)}")
    if settings.engine not in GRAPH_ENGINES:
        raise ValueError(f"{model.name} has no engine {settings.engine!r}; need one of {', '.join(GRAPH_ENGINES)}")
    device, shapes = _DEVICES[settings.device], parse_shapes(settings.shapes)
    if settings.engine != ONNX_RUNTIME:
        if device != CPU:
            raise ValueError(f"{model.name}: {settings.engine} runs on device cpu, not on {settings.device}")
        return OnnxStage(model, OpenVinoSession(graph, settings.intra_op_threads, settings.engine))
    if shapes:
        return CapturedStage(model, graph, shapes, device)
    return OnnxStage.open(model, graph, settings.intra_op_threads, device)
