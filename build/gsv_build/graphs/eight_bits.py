"""Convolutions at 8 bits for GPUs, written out for TensorRT: inputs and weights are rounded and restored (Q/DQ).

A weights directory says how far the inputs of each convolution reach (`decoder_quantisation.json`, which `make
compress` writes). Weights have a scale for each output channel. Runtimes that know the pattern multiply 8-bit numbers.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from gsv_build.graphs.half_precision import SCOPES
from gsv_runtime.tensors import Array

_OPSET = 19  # the first with float8 and with scales in half precision
_OUTPUTS = {"Conv": 0, "ConvTranspose": 1}  # axis of the output channels in a weight
_LEAST = 1e-12


class EightBits(Enum):
    """Which numbers of 8 bits."""

    INT8 = "int8"
    FP8 = "fp8"

    @property
    def onnx_type(self) -> int:
        """The type in ONNX."""
        return int(TensorProto.INT8 if self is EightBits.INT8 else TensorProto.FLOAT8E4M3FN)

    @property
    def largest(self) -> float:
        """The largest number."""
        return 127.0 if self is EightBits.INT8 else 448.0

    def numbers(self, values: Array) -> Array:
        """Round and clip to these numbers, in their NumPy type."""
        clipped = np.clip(values, -self.largest, self.largest)
        return (np.rint(clipped) if self is EightBits.INT8 else clipped).astype(
            helper.tensor_dtype_to_np_dtype(self.onnx_type)
        )


@dataclass(frozen=True)
class DecoderQuantisation:
    """Which convolutions are rounded.

    Attributes:
        kind: of the numbers.
        reach: of each model, convolution to the largest magnitude of its inputs; others stay as they are.
    """

    kind: EightBits
    reach: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write it beside the checkpoints."""
        values = {"kind": self.kind.value, "reach": self.reach}
        path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> DecoderQuantisation:
        """Read what `write` wrote.

        Raises:
            ValueError: the file is damaged, with what to do.
        """
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            reach = {
                model: {name: float(value) for name, value in each.items()} for model, each in found["reach"].items()
            }
            return cls(EightBits(found["kind"]), reach)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is damaged ({error}); remove it, or run `make compress` again") from None


def to_eight_bits(model: onnx.ModelProto, kind: EightBits, reach: Mapping[str, float]) -> list[str]:
    """Round the inputs and weights of convolutions in place.

    Args:
        model: at float32 or float16, with its weights and the exporter's scopes.
        kind: of the numbers.
        reach: module to the largest magnitude of its inputs; convolutions of others are left.

    Returns:
        The modules whose convolution was rounded.
    """
    weights = {each.name: each for each in model.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    rounded: list[str] = []
    for node in model.graph.node:
        name = _module(node)
        if node.op_type in _OUTPUTS and name in reach and node.input[1] in weights:
            nodes += _round_input(model.graph, node, kind, reach[name], weights[node.input[1]].data_type)
            nodes.append(_round_weight(model.graph, node, kind, weights[node.input[1]]))
            rounded.append(name)
        nodes.append(node)
    used = {name for node in nodes for name in node.input} | {each.name for each in model.graph.output}
    kept = [each for each in model.graph.initializer if each.name in used]
    for field_, values in ((model.graph.node, nodes), (model.graph.initializer, kept)):
        del field_[:]
        field_.extend(values)
    if rounded:
        version = max(_OPSET, *(each.version for each in model.opset_import if each.domain in ("", "ai.onnx")))
        others = [each for each in model.opset_import if each.domain not in ("", "ai.onnx")]
        del model.opset_import[:]
        model.opset_import.extend([helper.make_opsetid("", version), *others])
    return rounded


def _module(node: onnx.NodeProto) -> str:
    """The innermost module that a node comes from; behind it the exporter puts the operator's own name."""
    scopes = next((each.value for each in node.metadata_props if each.key == SCOPES), "[]")
    names: list[str] = ast.literal_eval(scopes)
    return names[-2] if len(names) > 1 else ""


def _round_input(
    graph: onnx.GraphProto, node: onnx.NodeProto, kind: EightBits, reach: float, wide: int
) -> list[onnx.NodeProto]:
    source, name = node.input[0], node.output[0]
    scale = np.asarray(max(reach, _LEAST) / kind.largest, dtype=helper.tensor_dtype_to_np_dtype(wide))
    graph.initializer.append(numpy_helper.from_array(scale, f"{name}_scale"))
    graph.initializer.append(numpy_helper.from_array(kind.numbers(np.zeros(())), f"{name}_zero"))
    node.input[0] = f"{name}_restored"
    return [
        helper.make_node("QuantizeLinear", [source, f"{name}_scale", f"{name}_zero"], [f"{name}_rounded"]),
        helper.make_node("DequantizeLinear", [f"{name}_rounded", f"{name}_scale", f"{name}_zero"], [node.input[0]]),
    ]


def _round_weight(graph: onnx.GraphProto, node: onnx.NodeProto, kind: EightBits, weight: TensorProto) -> onnx.NodeProto:
    values, axis, name = numpy_helper.to_array(weight).astype(np.float32), _OUTPUTS[node.op_type], node.output[0]
    others = tuple(place for place in range(values.ndim) if place != axis)
    scales = np.maximum(np.abs(values).max(axis=others), _LEAST) / kind.largest
    shape = [-1 if place == axis else 1 for place in range(values.ndim)]
    restored, numbers = f"{name}_weight", kind.numbers(values / scales.reshape(shape))
    wide = helper.tensor_dtype_to_np_dtype(weight.data_type)
    graph.initializer.append(numpy_helper.from_array(numbers, f"{restored}_rounded"))
    graph.initializer.append(numpy_helper.from_array(scales.astype(wide), f"{restored}_scales"))
    node.input[1] = restored
    return helper.make_node("DequantizeLinear", [f"{restored}_rounded", f"{restored}_scales"], [restored], axis=axis)
