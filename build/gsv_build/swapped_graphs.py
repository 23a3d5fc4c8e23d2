"""The graph of one fine-tune with the weights of another: what both share is exported once, which takes a minute.

The exporter keeps most weights under their names, and stores some of them transposed. Which graph constant is which
weight is found by comparing the graph with the module that it was exported from. The result is run beside the new
module before it is used; where anything does not fit, the caller exports.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from torch import nn

from gsv_build.export import EXTERNAL_DATA_BYTES
from gsv_runtime.contract import Model
from gsv_runtime.graphs.stage import example_inputs

_TOLERANCE = 1e-3  # of the largest output; the exporter's own graphs differ from their modules by 1e-5
_SIZES = {"B": 2, "T": 11, "P": 7, "F": 22}

logger = logging.getLogger("gsv.build")


def swap_weights(graph: Path, before: nn.Module, after: nn.Module, model: Model, target: Path) -> bool:
    """Write a graph with other weights.

    Args:
        graph: exported from `before`, in float32.
        before: the module with the graph's weights.
        after: a module of the same sizes.
        model: contract of both.
        target: file to write.

    Returns:
        Whether it was written; False where a constant of the graph cannot be told from a weight, or where the new graph
        does not compute what `after` does.
    """
    proto = onnx.load(graph)
    old, new = _arrays(before), _arrays(after)
    if {name: array.shape for name, array in old.items()} != {name: array.shape for name, array in new.items()}:
        return False
    for initializer in proto.graph.initializer:
        if initializer.data_type != TensorProto.FLOAT:
            continue
        value = numpy_helper.to_array(initializer)
        swapped = _swapped(initializer.name, value, old, new)
        if swapped is not None:
            metadata = list(initializer.metadata_props)
            initializer.CopyFrom(numpy_helper.from_array(swapped, initializer.name))
            initializer.metadata_props.extend(metadata)
    held = sum(len(each.raw_data) for each in proto.graph.initializer)
    onnx.save(proto, target, save_as_external_data=held > EXTERNAL_DATA_BYTES, location=f"{target.name}.data")
    if _agrees(target, after, model):
        return True
    logger.info("weights not swapped model=%s: the graph does not compute what the module does", model.name)
    return False


def _arrays(module: nn.Module) -> dict[str, NDArray[np.float32]]:
    return {name: value.detach().cpu().numpy() for name, value in module.state_dict().items()}


def _swapped(
    name: str,
    value: NDArray[np.float32],
    old: Mapping[str, NDArray[np.float32]],
    new: Mapping[str, NDArray[np.float32]],
) -> NDArray[np.float32] | None:
    """What a constant becomes; None where it is no weight, in any of the ways in which the exporter stores them."""
    if name in old and np.array_equal(old[name], value):
        return new[name]
    for each, array in old.items():
        if array.size != value.size or array.ndim < 2:
            continue
        for axes in ((1, 0), (0, 2, 1), (2, 0, 1), (1, 2, 0)):
            if len(axes) == array.ndim and np.array_equal(array.transpose(axes), value):
                return np.ascontiguousarray(new[each].transpose(axes))
        if array.size > 1 and np.array_equal(array.reshape(-1), value.reshape(-1)):
            return new[each].reshape(value.shape)
        squeezed = array.squeeze()
        if squeezed.ndim == 2 and squeezed.T.shape == value.shape and np.array_equal(squeezed.T, value):
            return np.ascontiguousarray(new[each].squeeze().T)
    return None


def _agrees(graph: Path, module: nn.Module, model: Model) -> bool:
    """Whether a graph computes what a module does, on inputs drawn at random."""
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    shapes = {value.name: value.shape for value in session.get_inputs()}
    inputs = example_inputs(model, _SIZES, shapes)
    draws = np.random.default_rng(0)
    for name, array in inputs.items():
        if array.dtype == np.float32 and name != "frame_positions":
            inputs[name] = draws.standard_normal(array.shape, dtype=np.float32)
    found = session.run(None, {name: inputs[name] for name in shapes})[0]
    order = [tensor.name for tensor in model.inputs if tensor.name in shapes]
    with torch.no_grad():
        expected = module.eval()(*(torch.from_numpy(inputs[name]) for name in order)).numpy()
    if not np.issubdtype(expected.dtype, np.floating):
        return bool(np.mean(found == expected) > 1 - _TOLERANCE)
    return bool(np.abs(found - expected).max() <= _TOLERANCE * max(float(np.abs(expected).max()), 1e-6))
