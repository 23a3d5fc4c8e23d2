"""Opens a teacher's ONNX graph with one of its inner values as a further output: how long each phone lasts."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def open_with(path: Path, inner: str) -> Any:
    """An `onnxruntime.InferenceSession` on one thread, whose last output is the value named `inner`.

    Args:
        path: the graph.
        inner: name of the value, of any shape.

    Raises:
        ValueError: the graph has no such value: another version of the package.
    """
    import onnx
    import onnxruntime

    model = onnx.load(str(path))
    if not any(inner in node.output for node in model.graph.node):
        raise ValueError(f"{path.name} has no value {inner}; need the version of requirements-judges.txt")
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(inner))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
