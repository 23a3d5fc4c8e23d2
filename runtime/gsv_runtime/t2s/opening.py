"""The engine that a deployment asks for."""

from __future__ import annotations

from pathlib import Path

from gsv_runtime.graphs.session import CUDA
from gsv_runtime.model_files import T2S_DECODE_STEP_FILE, T2S_GRAPH_FILE, T2S_PREFILL_FILE
from gsv_runtime.settings import T2SSettings
from gsv_runtime.t2s.cpu_engine import CpuEngine
from gsv_runtime.t2s.cuda_engine import CudaEngine
from gsv_runtime.t2s.engine import Engine


def open_engine(folder: Path, settings: T2SSettings) -> Engine:
    """Load the graphs in `folder` for the device of `settings`, and run them once.

    Raises:
        ValueError: there is no such device.
        RuntimeError: ONNX Runtime cannot run on it here.
    """
    engine: CpuEngine | CudaEngine
    if settings.device == "cpu":
        engine = CpuEngine(folder / T2S_GRAPH_FILE, settings.slots, settings.cache_rows, settings.intra_op_threads)
    elif settings.device == "cuda":
        engine = CudaEngine(
            folder / T2S_PREFILL_FILE,
            folder / T2S_DECODE_STEP_FILE,
            settings.slots,
            settings.cache_rows,
            CUDA,
            settings.cuda_graph,
        )
    else:
        raise ValueError(f"t2s has no engine for device {settings.device!r}; need cpu or cuda")
    engine.warm_up()
    return engine
