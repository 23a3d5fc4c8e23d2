"""One PyTorch module to one pure ONNX graph, named and shaped as the contract says.

The exporter is torch.export's ("dynamo"): it keeps dynamic shapes as symbols and folds the arithmetic on them, which
the older tracer writes out: 934 nodes against 3,661 for the acoustic model at official size.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import onnx
import torch
from onnx import TensorProto
from torch import Tensor, nn

from gsv_build.graphs.eight_bits import EightBits, to_eight_bits
from gsv_build.graphs.half_precision import FLOAT32_PARTS, SCOPES, to_precision
from gsv_build.graphs.precision import Precision
from gsv_build.graphs.purity import impurities
from gsv_runtime import contract

logger = logging.getLogger(__name__)

OPSET = 18
EXTERNAL_DATA_BYTES = 64 * 2**20  # heavier weights lie beside the graph, in model.onnx.data

# Example lengths of dynamic axes: all different, so that none is taken for another, and above 1, which is special.
_EXAMPLE_LENGTHS = {"B": 2, "T": 11, "P": 7, "F": 22, "N": 16_000, "C": 13, "G": 9}
_NARRATORS = {"torch.onnx": logging.ERROR, "onnx_ir": logging.WARNING, "onnxscript": logging.WARNING}
_TORCH_TYPES = {"FP32": torch.float32, "INT64": torch.int64, "INT32": torch.int32, "BOOL": torch.bool}


class ExportFailed(Exception):
    """A module has no pure graph; the message lists why."""


def export_graph(
    module: nn.Module,
    model: contract.Model,
    path: Path,
    sizes: Mapping[str, int],
    omit: Collection[str] = (),
    lengths: Mapping[str, int] | None = None,
    precision: Precision = Precision.FP32,
) -> Path:
    """Write `module` as an ONNX graph.

    Args:
        module: its `forward` takes the inputs in the contract's order, and returns the output.
        model: the contract: names, types and axes. One-letter axes are dynamic.
        path: of the graph, usually `.../1/model.onnx`; weights above 64 MiB go to a file beside it, `model.onnx.data`.
        sizes: length of each named axis, for example `{"latent_dim": 192, "global_dim": 512}`.
        omit: optional inputs that this module does not take.
        lengths: example lengths of dynamic axes, where the usual short ones do not do.
        precision: of weights and arithmetic; inputs and outputs keep the contract's types.

    Returns:
        `path`.

    Raises:
        ExportFailed: the graph is not pure.
    """
    inputs = [tensor for tensor in model.inputs if tensor.name not in omit]
    examples = tuple(example_input(tensor, sizes, lengths or {}) for tensor in inputs)
    dynamic = tuple(
        {place: torch.export.Dim.DYNAMIC for place, axis in enumerate(tensor.axes) if is_dynamic(axis)}
        for tensor in inputs
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    program = _convert(module.eval(), examples, dynamic, [t.name for t in inputs], [t.name for t in model.outputs])
    weight_bytes = sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())
    external = weight_bytes > EXTERNAL_DATA_BYTES
    _data_path(path).unlink(missing_ok=True)
    program.save(path, external_data=external)
    proto = onnx.load(path, load_external_data=precision is not Precision.FP32)
    _name_axes(proto, inputs, model.outputs)
    findings = impurities(proto)
    if findings:
        raise ExportFailed(f"{model.name}: {'; '.join(findings[:10])}; {len(findings)} findings; change the module")
    _to_precision(proto, precision, model)
    _strip_traces(proto)
    save_graph(proto, path)
    logger.info("graph exported model=%s nodes=%d bytes=%d", model.name, len(proto.graph.node), weight_bytes)
    return path


def _to_precision(proto: onnx.ModelProto, precision: Precision, model: contract.Model) -> None:
    try:
        to_precision(proto, precision, FLOAT32_PARTS.get(model.name, ()))
    except ValueError as error:
        raise ExportFailed(f"{model.name}: {error}; export it in fp32 or bf16") from None


def round_graph(path: Path, kind: EightBits, reach: Mapping[str, float]) -> None:
    """Round convolutions of an exported graph to 8 bits, in its file; arguments as `to_eight_bits`.

    Raises:
        ExportFailed: a module that is named has no convolution in the graph.
    """
    proto = onnx.load(path)
    missing = sorted(reach.keys() - set(to_eight_bits(proto, kind, reach)))
    if missing:
        raise ExportFailed(
            f"{path.parent.parent.name} has no convolution {', '.join(missing)}; run `make compress` again"
        )
    save_graph(proto, path)


def save_graph(proto: onnx.ModelProto, path: Path) -> None:
    """Write a graph; weights that are in memory and many go to the file beside it."""
    if all(each.data_location != TensorProto.EXTERNAL for each in proto.graph.initializer):
        _data_path(path).unlink(missing_ok=True)  # what is there is of no use, and would be appended to
    held = sum(len(each.raw_data) for each in proto.graph.initializer)
    external = held > EXTERNAL_DATA_BYTES
    onnx.save(proto, path, save_as_external_data=external, location=_data_path(path).name)


def is_dynamic(axis: contract.Axis) -> bool:
    """Whether an axis has a length of its own in every call: those named by one letter."""
    return isinstance(axis, str) and len(axis) == 1


def example_input(tensor: contract.Tensor, sizes: Mapping[str, int], lengths: Mapping[str, int]) -> Tensor:
    """An input to trace with: lengths full, everything else zero.

    Raises:
        ExportFailed: the contract names an axis whose size is not given.
    """
    known = {**_EXAMPLE_LENGTHS, **sizes, **lengths}
    unknown = [axis for axis in tensor.axes if isinstance(axis, str) and axis not in known]
    if unknown:
        raise ExportFailed(f"input {tensor.name} has axes {unknown} of unknown size; pass them in `sizes`")
    shape = [known[axis] if isinstance(axis, str) else axis for axis in tensor.axes]
    fill = 2 if tensor.name.endswith("_lengths") else 0
    return torch.full(shape, fill, dtype=_TORCH_TYPES[tensor.dtype])


def _convert(
    module: nn.Module,
    examples: tuple[Tensor, ...],
    dynamic: tuple[dict[int, object], ...],
    input_names: list[str],
    output_names: list[str],
) -> torch.onnx.ONNXProgram:
    with _quiet_exporter(), _shared_registry(), torch.no_grad():
        program = torch.onnx.export(
            module,
            examples,
            dynamo=True,
            opset_version=OPSET,
            input_names=input_names,
            output_names=output_names,
            dynamic_shapes=dynamic,
            optimize=True,
            verbose=False,
        )
    if program is None:
        raise ExportFailed(f"{type(module).__name__}: torch.onnx.export returned nothing; check torch's version")
    return program


@contextlib.contextmanager
def _shared_registry() -> Iterator[None]:
    """Let exports share the exporter's table of operators: each would read it anew, which takes 0.6 s.

    Nobody adds to it here: that would be for `custom_translation_table`, which is not passed.
    """
    from torch.onnx._internal.exporter._registration import ONNXRegistry  # takes seconds, and not all export

    with patch.object(ONNXRegistry, "from_torchlib", staticmethod(_read_once(ONNXRegistry))):
        yield


@functools.cache
def _read_once(registry: Any) -> Callable[..., Any]:
    """How a registry is made, once for the same arguments; to be asked first while nothing is patched."""
    return functools.cache(registry.from_torchlib)


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Keep the exporter's narration (torchvision is not installed; a constant was shared) out of our logs."""
    loggers = {logging.getLogger(name): level for name, level in _NARRATORS.items()}
    before = {narrator: narrator.level for narrator in loggers}
    for narrator, level in loggers.items():
        narrator.setLevel(level)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for narrator, level in before.items():
            narrator.setLevel(level)


def _data_path(path: Path) -> Path:
    return path.with_name(path.name + ".data")


def _strip_traces(proto: onnx.ModelProto) -> None:
    """Drop stack traces and the builder's paths, so that a module gives the same bytes everywhere; keep its scopes."""
    del proto.metadata_props[:]
    del proto.graph.metadata_props[:]
    proto.doc_string = proto.graph.doc_string = ""
    values = [*proto.graph.value_info, *proto.graph.input, *proto.graph.output]
    for item in [*proto.graph.node, *proto.graph.initializer, *values]:
        scopes = [each.value for each in item.metadata_props if each.key == SCOPES]
        del item.metadata_props[:]
        for value in scopes:
            item.metadata_props.add(key=SCOPES, value=value)
        item.doc_string = ""


def _name_axes(
    proto: onnx.ModelProto, inputs: Collection[contract.Tensor], outputs: Collection[contract.Tensor]
) -> None:
    """Give dynamic axes the contract's letters, in place of the exporter's numbered symbols."""
    letters: dict[str, str] = {}
    for value, tensor in zip(proto.graph.input, inputs, strict=True):
        for dimension, axis in zip(value.type.tensor_type.shape.dim, tensor.axes, strict=True):
            if is_dynamic(axis) and dimension.dim_param:
                letters.setdefault(dimension.dim_param, str(axis))
    for value in [*proto.graph.input, *proto.graph.value_info, *proto.graph.output]:
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param:
                renamed = re.sub(r"\bs\d+\b", lambda m: letters.get(m[0], m[0]), dimension.dim_param)
                dimension.dim_param = renamed
    for value, tensor in zip(proto.graph.output, outputs, strict=True):
        for dimension, axis in zip(value.type.tensor_type.shape.dim, tensor.axes, strict=True):
            if is_dynamic(axis) and not dimension.HasField("dim_value"):
                dimension.dim_param = str(axis)
