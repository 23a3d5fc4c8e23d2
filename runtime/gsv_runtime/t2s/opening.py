"""The engine that a deployment asks for."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from gsv_runtime.graphs.resident import ResidentWeights
from gsv_runtime.graphs.session import CUDA
from gsv_runtime.model_files import T2S_GRAPH_FILE
from gsv_runtime.settings import FUSED, T2S_ENGINES, T2SSettings
from gsv_runtime.t2s.cpu_engine import CpuEngine
from gsv_runtime.t2s.decoder import Decoder
from gsv_runtime.t2s.decoders import Decoders
from gsv_runtime.t2s.drawing_engine import DrawingEngine
from gsv_runtime.t2s.engine import Engine
from gsv_runtime.t2s.fused_engine import FusedEngine, why_not_here
from gsv_runtime.t2s.launch_shapes import LaunchShapes
from gsv_runtime.t2s.request import TextLimit

logger = logging.getLogger("gsv.t2s")


def open_decoders(folder: Path, settings: T2SSettings) -> Decoders:
    """Load the first fine-tune's graphs in `folder`; others are loaded when they are asked for.

    Raises:
        ValueError: there is no such device.
        RuntimeError: ONNX Runtime cannot run on it here.
    """
    limit = TextLimit(settings.limit_tokens_per_phone, settings.limit_tokens_at_least)

    def opened(place: Path) -> Decoder:
        engine = open_engine(place, settings)
        return Decoder(engine, settings.repetition_window, settings.repetition_least_distinct, limit)

    return Decoders(ResidentWeights(opened(folder), folder, opened))


def open_engine(folder: Path, settings: T2SSettings) -> Engine:
    """Load the graphs in `folder` for the device of `settings`, and run them once.

    Raises:
        ValueError: there is no such device or engine, or the shapes to prepare do not reach what clients may ask for.
        RuntimeError: ONNX Runtime cannot run on it here, or refuses to capture one of the shapes.
    """
    if settings.device == "cpu":
        return _open_on_cpu(folder, settings)
    if settings.device != "cuda":
        raise ValueError(f"t2s has no engine for device {settings.device!r}; need cpu or cuda")
    shapes = LaunchShapes.parse(settings)
    began_s = time.monotonic()
    drawing = DrawingEngine(folder, settings.slots, settings.cache_rows, shapes, CUDA, settings.cuda_graph)
    logger.info(
        "t2s prepared spans=%s prefill_rows=%s steps=%d captured=%s seconds=%.1f",
        *(settings.spans, settings.prefill_rows, shapes.most_steps, settings.cuda_graph, time.monotonic() - began_s),
    )
    return drawing


def _open_on_cpu(folder: Path, settings: T2SSettings) -> Engine:
    """The engine that was chosen at build, or ONNX Runtime where that cannot run."""
    if settings.engine not in T2S_ENGINES:
        raise ValueError(f"t2s has no engine {settings.engine!r}; need one of {', '.join(T2S_ENGINES)}")
    engine: CpuEngine | FusedEngine
    reason = why_not_here(folder) if settings.engine == FUSED else "ONNX Runtime was chosen at build"
    if reason:
        graph = folder / T2S_GRAPH_FILE
        engine = CpuEngine(graph, settings.slots, settings.cache_rows, settings.intra_op_threads)
    else:
        engine = FusedEngine(folder, settings.slots, settings.cache_rows, settings.intra_op_threads)
    logger.info("t2s opened engine=%s reason=%r", type(engine).__name__, reason or "fastest here")
    engine.warm_up()
    return engine
