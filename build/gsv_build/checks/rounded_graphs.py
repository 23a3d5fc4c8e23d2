"""A graph of half precision as one of float32 that rounds where the first does, for ONNX Runtime on a CPU.

Its CPU kernels of half precision are float32 between two casts, and casts that meet are taken out: a value of 100,000
between two convolutions comes through, which no GPU would let pass. Casts that the graph itself has are kept.
Sums inside a product or a convolution are float32 here and on a GPU.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper, numpy_helper

_MOVES = ("TensorScatter",)  # rounds nothing that is not rounded; in place only where its output is the graph's
_HALVES = (TensorProto.FLOAT16, TensorProto.BFLOAT16)


def with_rounding(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the same computation in float32, every value of half precision rounded to it and back.

    Args:
        model: with its weights; inputs and outputs may be of half precision, too.
    """
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    types = {each.name: each.type.tensor_type.elem_type for each in (*inferred.value_info, *inferred.output)}
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type in _HALVES:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    weights = [_widened(each) for each in graph.initializer]
    del graph.initializer[:]
    graph.initializer.extend(weights)
    nodes = [new for node in graph.node for new in _rounding(node, types)]
    del graph.node[:]
    graph.node.extend(nodes)
    return copy


def _rounding(node: onnx.NodeProto, types: dict[str, int]) -> list[onnx.NodeProto]:
    """The node in float32, and two casts behind each output that was of half precision."""
    for attribute in node.attribute:
        if node.op_type == "Cast" and attribute.name == "to" and attribute.i in _HALVES:
            attribute.i = TensorProto.FLOAT
    nodes = [node]
    for place, name in enumerate(node.output):
        if types.get(name) in _HALVES and node.op_type not in _MOVES:
            node.output[place], half = f"{name}_wide", f"{name}_half"
            nodes.append(helper.make_node("Cast", [node.output[place]], [half], to=types[name]))
            nodes.append(helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
    return nodes


def _widened(weight: TensorProto) -> TensorProto:
    if weight.data_type not in _HALVES:
        return weight
    return numpy_helper.from_array(numpy_helper.to_array(weight).astype("float32"), weight.name)


def write_rounded(model: onnx.ModelProto, path: Path) -> Path:
    """Write `with_rounding` of a graph to `path`, its weights beside it; return `path`."""
    data = path.with_suffix(".data")
    data.unlink(missing_ok=True)  # it would be appended to
    onnx.save(with_rounding(model), path, save_as_external_data=True, location=data.name)
    return path
