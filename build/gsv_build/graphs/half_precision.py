"""Turn an exported float32 graph into one of half precision, every type written out, as TensorRT's networks want it.

Products and convolutions, which take the time, are computed in half precision. Sums over an axis, exponentials, roots
and norms stay in float32: their terms are many or their range is wide. What lies between takes the widest type that it
is given, so a residual sum of float32 stays one. A mask or a constant has no width of its own and follows the rest.
Parts of a network that need more say so in `FLOAT32_PARTS`. Inputs and outputs stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from gsv_build.graphs.precision import Precision

SCOPES = "pkg.torch.onnx.name_scopes"  # metadata of the exporter: the modules that a node comes from

# Parts of each stage that are computed in float32 throughout.
FLOAT32_PARTS: Mapping[str, tuple[str, ...]] = {
    "hubert": ("convs.0",),  # a group norm follows, which makes the quietest recording as loud as any other
    "speech_tokenizer": ("",),  # names the nearest code; rounding would choose between two as near; it is small
    # Magnitudes of a spectrum range over more than half precision has: from 0 to 650 a bin, and every bin is added.
    "reference_encoder": ("spectral_enter", "spectral_leave"),
    "acoustic": ("prior",),  # the logarithm of the deviation goes through an exponential
    "vocoder": ("leave",),  # the waveform itself; its noise would be heard
}

_BF16_OPSET = 22
HALF = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
FLOAT32 = frozenset(
    {
        *("ReduceL1", "ReduceL2", "ReduceMean", "ReduceSum", "ReduceSumSquare", "CumSum", "GlobalAveragePool"),
        *("Softmax", "LogSoftmax", "LayerNormalization", "InstanceNormalization", "GroupNormalization"),
        *("Exp", "Log", "Pow", "Sqrt", "Reciprocal", "Softplus", "Mish", "Sin", "Cos", "Range"),
    }
)


class _Width(Enum):
    """What a value asks of those that it meets."""

    NONE = 0  # masks and constants: exact in half precision, too
    HALF = 1
    FLOAT32 = 2


@dataclass
class _Conversion:
    """A graph being rewritten."""

    graph: onnx.GraphProto
    precision: Precision
    parts: Collection[str]
    types: Mapping[str, int]  # of every value, as the graph was
    weights: dict[str, TensorProto]
    opset: int
    widths: dict[str, _Width] = field(default_factory=dict)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    added: dict[str, TensorProto] = field(default_factory=dict)
    casts: dict[tuple[str, int], str] = field(default_factory=dict)

    def run(self) -> None:
        """Rewrite the nodes."""
        self.widths.update(dict.fromkeys((value.name for value in self.graph.input), _Width.FLOAT32))
        self.widths.update(dict.fromkeys(self.weights, _Width.NONE))
        outputs = {value.name for value in self.graph.output}
        for node in self.graph.node:
            self._convert(node, outputs)
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        used = {name for node in self.nodes for name in node.input}
        kept = [each for each in self.graph.initializer if each.name in used]
        del self.graph.initializer[:]
        self.graph.initializer.extend([*kept, *self.added.values()])

    def _convert(self, node: onnx.NodeProto, outputs: Collection[str]) -> None:
        width = self._width(node)
        wanted = self.precision.onnx_type if width is _Width.HALF else TensorProto.FLOAT
        for place in _places_of_type(node, self.opset, "input"):
            name = node.input[place]
            if name and self.types.get(name) == TensorProto.FLOAT:
                node.input[place] = self._as_type(name, wanted)
        results = [node.output[place] for place in _places_of_type(node, self.opset, "output") if node.output[place]]
        self.nodes.append(node)
        for name in (each for each in results if self.types.get(each) == TensorProto.FLOAT):
            self.widths[name] = width
            if width is _Width.HALF and name in outputs:  # the caller is given float32
                inner = f"{name}_{self.precision.value}"
                node.output[list(node.output).index(name)] = inner
                self.nodes.append(helper.make_node("Cast", [inner], [name], to=TensorProto.FLOAT))
                self.widths[name] = _Width.FLOAT32
                self.casts[name, self.precision.onnx_type] = inner

    def _width(self, node: onnx.NodeProto) -> _Width:
        """Of the values that a node computes."""
        if node.op_type == "Cast":  # numbers that were counted may be beyond what half precision counts
            return _Width.NONE if self.types.get(node.input[0]) == TensorProto.BOOL else _Width.FLOAT32
        if node.op_type in FLOAT32 or self._is_kept(node):
            return _Width.FLOAT32
        if node.op_type in HALF:
            return _Width.HALF
        places = _places_of_type(node, self.opset, "input")
        met = [self.widths.get(node.input[place], _Width.NONE) for place in places if node.input[place]]
        return max(met, key=lambda width: width.value, default=_Width.NONE)

    def _is_kept(self, node: onnx.NodeProto) -> bool:
        scopes = next((each.value for each in node.metadata_props if each.key == SCOPES), "[]")
        return any(f"'{part}'" in scopes or f"'{part}." in scopes for part in self.parts)

    def _as_type(self, name: str, wanted: int) -> str:
        """A value under the type wanted; its own name if it has that."""
        is_half = self.widths[name] is _Width.HALF
        if is_half == (wanted != TensorProto.FLOAT):
            return name
        if (name, wanted) not in self.casts:
            self.casts[name, wanted] = cast = f"{name}_{TensorProto.DataType.Name(wanted).lower()}"
            if name in self.weights:
                self.added[cast] = _rounded(self.weights[name], cast, self.precision)
            else:
                self.nodes.append(helper.make_node("Cast", [name], [cast], to=wanted))
        return self.casts[name, wanted]


def to_precision(model: onnx.ModelProto, precision: Precision, parts: Collection[str] = ()) -> None:
    """Rewrite a float32 graph in place.

    Args:
        model: with its weights, and with the exporter's metadata if `parts` are named.
        precision: of products and convolutions; FP32 leaves the graph as it is.
        parts: names of modules that stay in float32; an empty one names all.

    Raises:
        ValueError: a weight is beyond the range of the precision.
    """
    if precision is Precision.FP32 or "" in parts:
        return
    _constants_to_initializers(model.graph)
    inferred = onnx.shape_inference.infer_shapes(_without_weights(model)).graph
    types = {each.name: each.type.tensor_type.elem_type for each in (*inferred.value_info, *inferred.input)}
    types |= {each.name: each.type.tensor_type.elem_type for each in inferred.output}
    types |= {each.name: each.data_type for each in model.graph.initializer}
    weights = {each.name: each for each in model.graph.initializer if each.data_type == TensorProto.FLOAT}
    opset = next(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
    _Conversion(model.graph, precision, parts, types, weights, opset).run()
    del model.graph.value_info[:]  # of the old types
    if precision is Precision.BF16:  # operators as they were, but that convolutions take bfloat16 since then
        del model.opset_import[:]
        model.opset_import.append(helper.make_opsetid("", max(opset, _BF16_OPSET)))


def _places_of_type(node: onnx.NodeProto, opset: int, side: str) -> list[int]:
    """Places of the inputs or outputs whose type is the node's, not fixed by the operator."""
    schema = onnx.defs.get_schema(node.op_type, opset, node.domain)
    formal, actual = (schema.inputs, node.input) if side == "input" else (schema.outputs, node.output)
    variable = {each.type_param_str for each in schema.type_constraints}
    first = next((each.type_str for each in (*schema.outputs, *schema.inputs) if each.type_str in variable), "")
    if node.op_type == "Cast":
        return list(range(len(actual))) if side == "output" else []
    if node.op_type == "Where":
        first = "T"
    return [i for i in range(len(actual)) if formal[min(i, len(formal) - 1)].type_str == first]


def _constants_to_initializers(graph: onnx.GraphProto) -> None:
    constants = [node for node in graph.node if node.op_type == "Constant"]
    for node in constants:
        value = helper.get_attribute_value(node.attribute[0])
        tensor = value if isinstance(value, TensorProto) else numpy_helper.from_array(np.asarray(value))
        tensor.name = node.output[0]
        graph.initializer.append(tensor)
        graph.node.remove(node)


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that is small enough to be handed to the inference of types."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for each in _large(copy.graph):
        copy.graph.input.append(helper.make_tensor_value_info(each.name, each.data_type, list(each.dims)))
        copy.graph.initializer.remove(each)
    return copy


def _large(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from [each for each in graph.initializer if np.prod(each.dims) > 1024]


def _rounded(weight: TensorProto, name: str, precision: Precision) -> TensorProto:
    values = numpy_helper.to_array(weight)
    with np.errstate(over="ignore"):
        rounded = values.astype(precision.dtype)
    if not np.isfinite(rounded.astype(np.float32)).all():
        raise ValueError(f"weight {weight.name} reaches {np.abs(values).max():g}; {precision.value} cannot hold it")
    return numpy_helper.from_array(rounded, name)
