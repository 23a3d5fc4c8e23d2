"""The way to run a stage that a deployment asks for."""

from __future__ import annotations

from pathlib import Path

from gsv_runtime.contract import Model
from gsv_runtime.graphs.captured_stage import CapturedStage
from gsv_runtime.graphs.session import CPU, CUDA
from gsv_runtime.graphs.shape_buckets import parse_shapes
from gsv_runtime.graphs.stage import OnnxStage
from gsv_runtime.settings import OnnxStageSettings

_DEVICES = {"cpu": CPU, "cuda": CUDA}


def open_stage(model: Model, graph: Path, settings: OnnxStageSettings) -> OnnxStage | CapturedStage:
    """Load a graph for the device of `settings`.

    Raises:
        ValueError: there is no such device, or the shapes cannot be read.
        RuntimeError: ONNX Runtime cannot run on it here.
    """
    if settings.device not in _DEVICES:
        raise ValueError(f"{model.name} cannot run on device {settings.device!r}; need one of {', '.join(_DEVICES)}")
    device, shapes = _DEVICES[settings.device], parse_shapes(settings.shapes)
    if shapes:
        return CapturedStage(model, graph, shapes, device)
    return OnnxStage(model, graph, settings.intra_op_threads, device)
