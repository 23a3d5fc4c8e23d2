"""A vocoder's graph for one row, or rows of one length: without masks, and written so that a CPU convolves faster.

A server's graph masks the padding of a batch before each convolution. A device speaks one sentence at a time, where the
masks are ones; a tenth of the time went there (docs/decisions/0040-a-bundles-vocoder-has-no-masks.md). What becomes of
them here is one cut at the start, to `frame_lengths`, and zeros at the end.

Two more changes leave the result as it is but for rounding: ONNX Runtime has its fast layout of channels only for
convolutions over two dimensions, so that time becomes the second of two; and a transposed convolution becomes a plain
one that makes `stride` samples of a channel side by side, which are then put one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

_SIGNAL = {"Conv", "ConvTranspose", "Add", "Div", "LeakyRelu", "Tanh"}  # keep time in the last axis
_OTHERS = {"Gemm", "Unsqueeze", "Squeeze"}  # the voice's condition, and the end
_TO_THE_END = 2**62


def for_equal_rows(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """Rewrite the graph of a HiFi-GAN that `export_graph` wrote.

    Args:
        model: with its weights; it stays as it is.

    Returns:
        A graph of the same inputs and outputs, whose rows must have one and the same `frame_lengths`; None if the graph
        holds what is not known here (a light vocoder, 8 bits, half precision).
    """
    graph = _Graph(model)
    graph.drop_masks()
    if not graph.is_known():
        return None
    rate = math.prod(_attributes(node)["strides"][0] for node in graph.nodes if node.op_type == "ConvTranspose")
    graph.add_dimension()
    graph.upsample_by_convolutions()
    graph.cut_and_fill(rate)
    return graph.model()


class _Graph:
    """A graph that is being rewritten.

    Attributes:
        nodes: in the order in which they run.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = onnx.ModelProto()
        self._model.CopyFrom(model)
        self.nodes: list[NodeProto] = list(self._model.graph.node)
        self._weights = {each.name: each for each in self._model.graph.initializer}

    def drop_masks(self) -> None:
        """Leave out each product with a mask, and what made the masks."""
        compared = _outputs(self.nodes, "Cast", _outputs(self.nodes, "Less", None))
        masks = _outputs(self.nodes, "Unsqueeze", compared)
        renamed: dict[str, str] = {}
        kept: list[NodeProto] = []
        for node in self.nodes:
            node.input[:] = [renamed.get(name, name) for name in node.input]
            masked = [name for name in node.input if name not in masks]
            if node.op_type == "Mul" and len(masked) == 1:
                renamed[node.output[0]] = masked[0]
            else:
                kept.append(node)
        self.nodes = _needed(kept, {each.name for each in self._model.graph.output})

    def is_known(self) -> bool:
        """Whether the other steps know every node that is left."""
        used = {name for node in self.nodes for name in node.input}
        types = {each.data_type for name, each in self._weights.items() if name in used}
        ends = [node.op_type for node in self.nodes if self._model.graph.output[0].name in node.output]
        return (
            {node.op_type for node in self.nodes} <= _SIGNAL | _OTHERS
            and types <= {TensorProto.FLOAT, TensorProto.INT64}
            and ends == ["Squeeze"]
        )

    def add_dimension(self) -> None:
        """Give signals [B, C, N] a dimension of one before time: [B, C, 1, N]."""
        two_axes = self._constant("row_and_time", [2, 3])
        for node in self.nodes:
            if node.op_type in ("Conv", "ConvTranspose"):
                _widen(node)
                weight = self._weights[node.input[1]]
                if len(weight.dims) == 3:
                    weight.dims.insert(2, 1)
            elif node.op_type == "Unsqueeze":
                node.input[1] = two_axes
            elif node.op_type == "Squeeze":
                node.input[1] = self._constant("channel_and_row", [1, 2])
        entry = helper.make_node("Unsqueeze", ["latents", self._constant("row", [2])], ["latents_in_a_row"])
        _rename_inputs(self.nodes, {"latents": "latents_in_a_row"})
        self.nodes.insert(0, entry)

    def upsample_by_convolutions(self) -> None:
        """Write each transposed convolution as a plain one."""
        self.nodes = [
            new for node in self.nodes for new in (self._upsampled(node) if node.op_type == "ConvTranspose" else [node])
        ]

    def _upsampled(self, node: NodeProto) -> list[NodeProto]:
        """Sample `n * stride + p` is a sum over taps j of input `n - j` times weight `p + j * stride`."""
        attributes, name = _attributes(node), node.output[0]
        stride, (_, left, _, right) = attributes["strides"][1], attributes["pads"]
        weight = numpy_helper.to_array(self._weights[node.input[1]])[:, :, 0]
        entering, leaving, width = weight.shape
        taps = -(-width // stride)
        padded = np.pad(weight, ((0, 0), (0, 0), (0, taps * stride - width)))
        by_tap = padded.reshape(entering, leaving, taps, stride)[:, :, ::-1]  # the last reads the newest input
        plain = by_tap.transpose(1, 3, 0, 2).reshape(leaving * stride, entering, 1, taps)
        bias = numpy_helper.to_array(self._weights[node.input[2]]).repeat(stride)
        end = -(taps * stride - width + right) or _TO_THE_END
        return [
            helper.make_node(
                "Conv",
                [node.input[0], self._weight(f"{name}.weight", plain), self._weight(f"{name}.bias", bias)],
                [f"{name}.side_by_side"],
                kernel_shape=[1, taps],
                pads=[0, taps - 1, 0, taps - 1],
            ),
            self._reshaped(f"{name}.side_by_side", f"{name}.columns", [0, leaving, stride, -1]),
            helper.make_node("Transpose", [f"{name}.columns"], [f"{name}.rows"], perm=[0, 1, 3, 2]),
            self._reshaped(f"{name}.rows", f"{name}.whole", [0, leaving, 1, -1]),
            self._sliced(f"{name}.whole", name, self._constant(f"{name}.end", [end]), 3, left),
        ]

    def cut_and_fill(self, rate: int) -> None:
        """Work on `frame_lengths` frames alone, and fill the waveform up with zeros; `rate` samples a frame."""
        output = self._model.graph.output[0].name
        for node in self.nodes:
            node.output[:] = ["heard" if name == output else name for name in node.output]
        _rename_inputs(self.nodes, {"latents": "heard_latents"})
        first, zeros = self._constant("first_axis", [0]), self._constant("no_samples", [0, 0, 0])
        self.nodes = [
            helper.make_node("ReduceMax", ["frame_lengths", first], ["heard_frames"], keepdims=0),
            self._sliced("latents", "heard_latents", "heard_frames", 2, 0),
            *self.nodes,
            helper.make_node("Shape", ["latents"], ["frames"], start=2, end=3),
            helper.make_node("Sub", ["frames", "heard_frames"], ["padding_frames"]),
            helper.make_node("Mul", ["padding_frames", self._constant("rate", [rate])], ["padding_samples"]),
            helper.make_node("Concat", [zeros, "padding_samples"], ["padding"], axis=0),
            helper.make_node("Pad", ["heard", "padding"], [output]),
        ]

    def model(self) -> onnx.ModelProto:
        """The graph as it is now."""
        graph = self._model.graph
        used = {name for node in self.nodes for name in node.input}
        kept = [each for name, each in self._weights.items() if name in used]
        for field, values in ((graph.node, self.nodes), (graph.initializer, kept), (graph.value_info, [])):
            values = [type(each).FromString(each.SerializeToString()) for each in values]  # theirs go with the field
            del field[:]
            field.extend(values)
        return self._model

    def _weight(self, name: str, values: Any) -> str:
        self._weights[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def _constant(self, name: str, values: list[int]) -> str:
        return self._weight(name, np.array(values, dtype=np.int64))

    def _reshaped(self, name: str, to: str, shape: list[int]) -> NodeProto:
        return helper.make_node("Reshape", [name, self._constant(f"{to}.shape", shape)], [to])

    def _sliced(self, name: str, to: str, end: str, axis: int, start: int) -> NodeProto:
        starts, axes = self._constant(f"{to}.start", [start]), self._constant(f"{to}.axis", [axis])
        return helper.make_node("Slice", [name, starts, end, axes], [to])


def _outputs(nodes: Iterable[NodeProto], operator: str, of: set[str] | None) -> set[str]:
    """Outputs of an operator whose first input is one of `of`; None: any."""
    return {node.output[0] for node in nodes if node.op_type == operator and (of is None or node.input[0] in of)}


def _needed(nodes: list[NodeProto], outputs: set[str]) -> list[NodeProto]:
    """Nodes on the way to the outputs."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted & set(node.output):
            wanted |= set(node.input)
            kept.append(node)
    return kept[::-1]


def _rename_inputs(nodes: Iterable[NodeProto], names: dict[str, str]) -> None:
    for node in nodes:
        node.input[:] = [names.get(name, name) for name in node.input]


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {each.name: helper.get_attribute_value(each) for each in node.attribute}


def _widen(node: NodeProto) -> None:
    """Write a convolution's attributes for two dimensions, the first of size one."""
    for each in node.attribute:
        if each.name == "pads":
            each.ints[:] = [0, each.ints[0], 0, each.ints[1]]
        elif each.name in ("kernel_shape", "strides", "dilations"):
            each.ints[:] = [1, *each.ints]
        elif each.name == "output_padding":
            each.ints[:] = [0, *each.ints]
