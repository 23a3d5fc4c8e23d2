"""The engine that a deployment asks for."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from gsv_runtime.graphs.resident import ResidentWeights
from gsv_runtime.graphs.session import CUDA
from gsv_runtime.model_files import T2S_GRAPH_FILE
from gsv_runtime.settings import T2SSettings
from gsv_runtime.t2s.cpu_engine import CpuEngine
from gsv_runtime.t2s.decoder import Decoder
from gsv_runtime.t2s.decoders import Decoders
from gsv_runtime.t2s.drawing_engine import DrawingEngine
from gsv_runtime.t2s.engine import Engine
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
        ValueError: there is no such device, or the shapes to prepare do not reach what clients may ask for.
        RuntimeError: ONNX Runtime cannot run on it here, or refuses to capture one of the shapes.
    """
    if settings.device == "cpu":
        graph = folder / T2S_GRAPH_FILE
        engine = CpuEngine(graph, settings.slots, settings.cache_rows, settings.intra_op_threads)
        engine.warm_up()
        return engine
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
