"""Part `machine`: which GPU, driver and libraries there are, what loads, and two ceilings of the card."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import statistics
import subprocess
from pathlib import Path
from typing import Any

import torch

from gsv_bench.gpu.figures import Figures
from gsv_bench.gpu.options import Options
from gsv_bench.gpu.timing import Timer

_LIBRARIES = ("numpy", "torch", "onnx", "onnxruntime", "tensorrt", "tensorrt_rtx", "cuda.bindings", "tritonclient")
_QUERY = "name,driver_version,memory.total,clocks.sm,clocks.max.sm,temperature.gpu,power.limit"


def run(options: Options, figures: Figures) -> None:
    """Look, and measure the two ceilings."""
    figures.put(
        "host",
        {"python": platform.python_version(), "cpus": os.cpu_count(), "kernel": platform.release()},
    )
    figures.put("libraries", {name: _version(name) for name in _LIBRARIES})
    with figures.attempt("nvidia-smi"):
        figures.put("gpu", _smi(_QUERY))
    with figures.attempt("onnxruntime cuda"):
        figures.put("onnxruntime_providers", _providers(options))
    with figures.attempt("ceilings"):
        figures.put("ceilings", _ceilings(options))


def _version(name: str) -> str:
    try:
        module = importlib.import_module(name)
    except Exception as failure:
        return f"{type(failure).__name__}: {failure}"[:300]
    return str(getattr(module, "__version__", "there"))


def _smi(query: str) -> dict[str, str]:
    found = shutil.which("nvidia-smi") or "/usr/local/nvidia/bin/nvidia-smi"
    if not Path(found).exists():
        return {"nvidia-smi": "not here"}
    command = [found, f"--query-gpu={query}", "--format=csv,noheader"]
    line = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.strip()
    return dict(zip(query.split(","), map(str.strip, line.split(",")), strict=True))


def memory_used_mib() -> int | None:
    """Memory of the GPU that is taken, by all processes; None where it cannot be asked."""
    used = _smi("memory.used").get("memory.used", "")
    return int(used.split()[0]) if used[:1].isdigit() else None


def _providers(options: Options) -> list[str]:
    """Providers of a session that is asked to run on the device; raises with ONNX Runtime's words."""
    import onnx
    from onnx import TensorProto, helper

    from gsv_runtime.graphs.session import open_session

    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", value[:1], value[1:])
    path = options.work / "relu.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return list(open_session(path, 1, device=options.session_device).get_providers())


def _ceilings(options: Options) -> dict[str, Any]:
    """Bytes copied within the device, counted read and written, and half-precision products, a second."""
    timer = Timer(options.device)
    elements = 1 << (20 if options.device == "cpu" else 29)
    source = torch.randn(elements // 64, device=options.device).repeat(64)
    target = torch.empty_like(source)
    copy_s = statistics.median(timer.times_s(lambda: target.copy_(source), options.repeats // 4 + 1))
    side = 256 if options.device == "cpu" else 8192
    left, right = (torch.randn(side, side, device=options.device, dtype=torch.bfloat16) for _ in range(2))
    product_s = statistics.median(timer.times_s(lambda: left @ right, options.repeats // 4 + 1))
    return {
        "copy_tb_per_s": round(2 * source.numel() * 4 / copy_s / 1e12, 3),
        "bf16_tflop_per_s": round(2 * side**3 / product_s / 1e12, 1),
    }
