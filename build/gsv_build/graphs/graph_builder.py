"""Write ONNX graphs node by node, with weights in one external file that several graphs share.

An exporter names, folds and de-duplicates weights as it likes; two graphs that must share one file need the same
names and offsets, so the few networks that have this need are written out here instead of traced.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

IR_VERSIONS = {20: 10, 24: 11}  # by opset: the oldest that knows it, so that old readers read what they can
_NAMED_VALUES = 16  # constants with more are named by a digest
ALIGNMENT_BYTES = 4096  # a memory map starts at a page
Shape = Sequence[int | str]


class WeightFile:
    """Named tensors in one file, and where each lies."""

    def __init__(self, path: Path, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Write `tensors` to `path`, each aligned to a page; graphs must be saved in the same folder."""
        self.path = path
        self._protos: dict[str, TensorProto] = {}
        self._places: dict[str, tuple[str, tuple[int, ...], int]] = {}
        with path.open("wb") as file:
            for name, tensor in tensors.items():
                file.write(b"\0" * (-file.tell() % ALIGNMENT_BYTES))
                self._protos[name] = self._describe(name, tensor, file.tell())
                self._places[name] = str(tensor.dtype), tensor.shape, file.tell()
                file.write(np.ascontiguousarray(tensor).tobytes())

    def write_index(self, path: Path, facts: Mapping[str, object]) -> None:
        """Write where each tensor lies: its dtype, shape and offset, beside `facts`."""
        content = {**facts, "file": self.path.name, "tensors": self._places}
        path.write_text(json.dumps(content) + "\n", encoding="utf-8")

    def initializer(self, name: str) -> TensorProto:
        """Return the initializer that refers to tensor `name` of the file."""
        return self._protos[name]

    def _describe(self, name: str, tensor: NDArray[Any], offset: int) -> TensorProto:
        proto = TensorProto(
            name=name,
            data_type=helper.np_dtype_to_tensor_dtype(tensor.dtype),
            dims=tensor.shape,
            data_location=TensorProto.EXTERNAL,
        )
        for key, value in (("location", self.path.name), ("offset", offset), ("length", tensor.nbytes)):
            proto.external_data.add(key=key, value=str(value))
        return proto


class GraphBuilder:
    """One ONNX graph in the making; every method returns the name of the value that it adds."""

    def __init__(self, name: str, weights: WeightFile, opset: int = 20) -> None:
        self._name = name
        self._opset = opset
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, dtype: type[np.generic], shape: Shape) -> str:
        """Declare a graph input; text in `shape` names a dynamic axis."""
        self._inputs.append(_value(name, dtype, shape))
        return name

    def output(self, name: str, value: str, dtype: type[np.generic], shape: Shape) -> None:
        """Give `value` out under `name`."""
        if value != name:
            self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(_value(name, dtype, shape))

    def weight(self, name: str) -> str:
        """Refer to a tensor of the weight file."""
        self._initializers[name] = self._weights.initializer(name)
        return name

    def weight_shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor of the weight file."""
        return tuple(self._weights.initializer(name).dims)

    def constant(self, value: object, dtype: type[np.generic] = np.int64) -> str:
        """Add a small constant, once for equal ones."""
        array = np.asarray(value, dtype=dtype)
        values = "_".join(map(str, array.ravel().tolist()))
        if array.size > _NAMED_VALUES:
            values = hashlib.sha256(values.encode()).hexdigest()[:16]
        name = f"constant_{array.dtype}_{'x'.join(map(str, array.shape))}_{values}"
        self._initializers.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output; an empty input name leaves an optional input out."""
        return self.add_many(operator, [f"{operator.lower()}_{len(self._nodes)}"], *inputs, **attributes)[0]

    def add_many(self, operator: str, outputs: Sequence[str], *inputs: str, **attributes: Any) -> Sequence[str]:
        """Add a node with the outputs named."""
        self._nodes.append(helper.make_node(operator, list(inputs), list(outputs), **attributes))
        return outputs

    def save(self, path: Path, domains: Sequence[str] = (), facts: Mapping[str, object] | None = None) -> Path:
        """Write the graph.

        Args:
            path: in the folder of the weight file.
            domains: operator sets used beside the standard one.
            facts: written as the model's metadata.

        Returns:
            `path`.
        """
        graph = helper.make_graph(
            self._nodes, self._name, self._inputs, self._outputs, list(self._initializers.values())
        )
        opsets = [helper.make_opsetid("", self._opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSIONS[self._opset])
        helper.set_model_props(model, {name: str(value) for name, value in (facts or {}).items()})
        onnx.save(model, str(path))
        return path


def _value(name: str, dtype: type[np.generic], shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), list(shape))
