"""What keeps a graph from being pure: a function of its inputs in standard operators, with shapes known beforehand.

Whether TensorRT reads a graph is asked of its own parser (tests/gsv_build/test_engines.py), not of a list of operators.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import TensorProto

_REASONS = {
    "is control flow": {"If", "Loop", "Scan"},
    "is random; make the noise an input": {
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
        "Bernoulli",
        "Multinomial",
    },
    "has a shape that depends on data": {"NonZero", "Unique", "Compress", "NonMaxSuppression"},
}
_REASON = {operator: reason for reason, operators in _REASONS.items() for operator in operators}


def impurities(model: onnx.ModelProto) -> list[str]:
    """Say what keeps a graph from being pure.

    Args:
        model: weights need not be loaded.

    Returns:
        One sentence for each finding; empty when there is none.
    """
    return [*_foreign(model), *_operators(model.graph), *_doubles(model.graph)]


def _foreign(model: onnx.ModelProto) -> Iterator[str]:
    for opset in model.opset_import:
        if opset.domain not in ("", "ai.onnx"):
            yield f"domain {opset.domain!r} is imported; only the standard one runs everywhere"
    for function in model.functions:
        yield f"function {function.name} is not inlined"


def _operators(graph: onnx.GraphProto) -> Iterator[str]:
    for node in graph.node:
        reason = "" if node.domain in ("", "ai.onnx") else f"is of domain {node.domain}"
        reason = reason or _REASON.get(node.op_type, "")
        if reason:
            yield f"node {node.name or node.output[0]}: {node.op_type} {reason}"


def _doubles(graph: onnx.GraphProto) -> Iterator[str]:
    for tensor in graph.initializer:
        if tensor.data_type in (TensorProto.DOUBLE, TensorProto.STRING):
            yield f"weight {tensor.name} is {TensorProto.DataType.Name(tensor.data_type)}; need float32 or integers"
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.DOUBLE:
                yield f"node {node.name or node.output[0]}: Cast to DOUBLE; need float32"
