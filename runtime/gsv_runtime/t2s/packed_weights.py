"""T2S's weights as the fused engine reads them: from the files of the graph, into panels of outputs.

Fine-tunes come in half precision. Their weights are kept so and widened as they are multiplied, which gives the very
products of float32 for half of what has to be read; weights that half precision cannot hold stay float32.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gsv_runtime.model_files import T2S_TENSORS_FILE
from gsv_runtime.t2s.fused_library import BLOCK, FLOAT32, GROUP, HALF, INT4, INT8, Linear
from gsv_runtime.tensors import Array


class StoredTensors:
    """Tensors of a weight file, found by the index beside it; each is read when it is asked for."""

    def __init__(self, folder: Path) -> None:
        """Read the index."""
        content = json.loads((folder / T2S_TENSORS_FILE).read_text(encoding="utf-8"))
        self.facts: Mapping[str, int] = content["facts"]
        self.bits: int = content["bits"]  # of the matrices that are rounded; 32 if none is
        self._tensors: Mapping[str, tuple[str, list[int], int]] = content["tensors"]
        self._bytes = np.memmap(folder / content["file"], dtype=np.uint8, mode="r")

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def __getitem__(self, name: str) -> Array:
        """A view of a tensor in the file."""
        dtype, shape, offset = self._tensors[name]
        size = np.dtype(dtype).itemsize * int(np.prod(shape))
        return self._bytes[offset : offset + size].view(dtype).reshape(shape)


@dataclass(frozen=True)
class PackedLinear:
    """One matrix; the arrays live as long as the engine."""

    kind: int
    inputs: int
    outputs: int  # padded to whole groups
    weights: Array
    scales: Array | None
    bias: Array

    def as_c(self, rectified: bool = False) -> Linear:
        """For `_fused.h`."""
        scales = None if self.scales is None else self.scales.ctypes.data
        return Linear(
            *(self.kind, self.inputs, self.outputs, rectified), self.weights.ctypes.data, scales, self.bias.ctypes.data
        )


def pack(tensors: StoredTensors, name: str, panel: int) -> PackedLinear:
    """Pack the linear layer `name`, as its weights are stored, into panels of so many outputs."""
    if f"{name}.weight.values" in tensors:
        return _pack_bits(tensors, name, panel)
    matrix = tensors[f"{name}.weight"]
    bias = tensors[f"{name}.bias"] if f"{name}.bias" in tensors else np.zeros(len(matrix), dtype=np.float32)
    padded = _padded(matrix)
    with np.errstate(over="ignore"):
        half = padded.astype(np.float16)
    is_exact = bool(np.array_equal(half, padded))
    panels = (half if is_exact else padded).reshape(-1, panel, matrix.shape[1]).transpose(0, 2, 1)
    kind = HALF if is_exact else FLOAT32
    return PackedLinear(kind, matrix.shape[1], len(padded), np.ascontiguousarray(panels), None, _padded(bias))


def _pack_bits(tensors: StoredTensors, name: str, panel: int) -> PackedLinear:
    """Blocks of MatMulNBits, `[N, K/32, bytes]`: four inputs of a panel's outputs lie together."""
    values, scales = _padded(tensors[f"{name}.weight.values"]), _padded(tensors[f"{name}.weight.scales"])
    blocks = values.shape[1]
    if tensors.bits == 4:
        values = np.stack([values & 15, values >> 4], axis=-1)
    grouped = values.reshape(-1, panel, blocks, BLOCK // 4, 4).transpose(0, 2, 3, 1, 4)  # [N/L, K/32, 8, L, 4]
    if tensors.bits == 4:
        grouped = grouped[:, :, :4] | (grouped[:, :, 4:] << 4)
    return PackedLinear(
        kind=INT8 if tensors.bits == 8 else INT4,
        inputs=blocks * BLOCK,
        outputs=len(scales),
        weights=np.ascontiguousarray(grouped),
        scales=np.ascontiguousarray(scales.reshape(-1, panel, blocks).transpose(0, 2, 1)),
        bias=_padded(tensors[f"{name}.bias"]),
    )


def _padded(array: Array) -> Array:
    """With zeros, to whole groups of outputs."""
    return np.pad(array, [(0, -len(array) % GROUP), *[(0, 0)] * (array.ndim - 1)])
