"""The engine that a deployment asks for."""

from __future__ import annotations

import logging
from pathlib import Path

from gsv_runtime.graphs.session import CUDA
from gsv_runtime.model_files import T2S_DECODE_STEP_FILE, T2S_GRAPH_FILE, T2S_PREFILL_FILE
from gsv_runtime.settings import T2SSettings
from gsv_runtime.t2s.cpu_engine import CpuEngine
from gsv_runtime.t2s.cuda_engine import CudaEngine
from gsv_runtime.t2s.engine import Engine

logger = logging.getLogger("gsv.t2s")


def open_engine(folder: Path, settings: T2SSettings) -> Engine:
    """Load the graphs in `folder` for the device of `settings`, and run them once.

    Raises:
        ValueError: there is no such device.
        RuntimeError: ONNX Runtime cannot run on it here.
    """
    if settings.device == "cpu":
        graph = folder / T2S_GRAPH_FILE
        engine = CpuEngine(graph, settings.slots, settings.cache_rows, settings.intra_op_threads)
        engine.warm_up()
        return engine
    if settings.device != "cuda":
        raise ValueError(f"t2s has no engine for device {settings.device!r}; need cpu or cuda")
    if settings.cuda_graph:
        try:
            return _cuda_engine(folder, settings, capture=True)
        except Exception as refusal:
            logger.warning("t2s not captured, its kernels are launched one by one reason=%s", refusal)
    return _cuda_engine(folder, settings, capture=False)


def _cuda_engine(folder: Path, settings: T2SSettings, capture: bool) -> CudaEngine:
    prefill, decode_step = folder / T2S_PREFILL_FILE, folder / T2S_DECODE_STEP_FILE
    engine = CudaEngine(prefill, decode_step, settings.slots, settings.cache_rows, CUDA, capture)
    engine.warm_up()
    return engine
