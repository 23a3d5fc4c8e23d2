"""Opens a graph with OpenVINO, behind the two methods of ONNX Runtime's session that stages use.

OpenVINO is an extra (``pip install "gsv-runtime[openvino]"``). With bfloat16 its products run on a CPU's tiles, in half
of the time; sums stay float32. Which engine a stage gets is measured at build (``make build ARGS="--tune"``).

Importing OpenVINO reports to Google Analytics, unasked, and leaves an id in ``~/intel``. Ours does neither: the package
that does it is not let in (`without_telemetry`).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from gsv_runtime.settings import OPENVINO, OPENVINO_BF16
from gsv_runtime.tensors import Array

_TELEMETRY = "openvino_telemetry"
_PRECISIONS = {OPENVINO: "f32", OPENVINO_BF16: "bf16"}


class _Input(NamedTuple):
    name: str
    shape: list[int | str]


def is_installed() -> bool:
    """Whether OpenVINO can be imported here."""
    try:
        without_telemetry()
    except ImportError:
        return False
    return True


def without_telemetry() -> ModuleType:
    """Import OpenVINO as if the package were missing that reports who uses it; it then takes a stub of its own.

    Raises:
        ImportError: OpenVINO is not installed.
    """
    sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type]
    return importlib.import_module("openvino")


def has_bf16() -> bool:
    """Whether this CPU multiplies in bfloat16."""
    capabilities: Sequence[str] = without_telemetry().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "BF16" in capabilities


class OpenVinoSession:
    """A graph compiled for this CPU."""

    def __init__(self, graph: Path, intra_op_threads: int, engine: str) -> None:
        """Read and compile.

        Args:
            graph: an ONNX file.
            intra_op_threads: threads of one operator.
            engine: `settings.OPENVINO` or `settings.OPENVINO_BF16`.

        Raises:
            RuntimeError: OpenVINO is not installed.
        """
        if not is_installed():
            raise RuntimeError(
                f"engine {engine} needs OpenVINO, which is not installed; on a device pip install "
                "'gsv-local[openvino]', or take `gsv-local --engine onnxruntime`; at a server pip install "
                "'gsv-runtime[openvino]', or build without it: make build ARGS=\"--tune off\""
            )
        core = without_telemetry().Core()
        options = {
            "INFERENCE_PRECISION_HINT": _PRECISIONS[engine],
            "INFERENCE_NUM_THREADS": intra_op_threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            # Pinned threads of several processes would take the same cores.
            "ENABLE_CPU_PINNING": False,
        }
        self._compiled = core.compile_model(core.read_model(graph), "CPU", options)
        self._request = self._compiled.create_infer_request()
        self._outputs = {output.get_any_name(): output for output in self._compiled.outputs}

    def get_inputs(self) -> list[Any]:
        """Inputs with their shapes; an axis of any length is text."""
        return [
            _Input(each.get_any_name(), [axis.get_length() if axis.is_static else "any" for axis in each.partial_shape])
            for each in self._compiled.inputs
        ]

    def run(self, output_names: Sequence[str], input_feed: Mapping[str, Array], run_options: Any = None) -> list[Array]:
        """Compute the outputs named; they are the caller's to keep. Options of ONNX Runtime have no meaning here."""
        results = self._request.infer(dict(input_feed))
        return [np.array(results[self._outputs[name]]) for name in output_names]
