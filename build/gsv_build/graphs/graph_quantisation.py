"""8- and 4-bit weights for ONNX Runtime's MatMulNBits: each output's weights in blocks, one scale a block.

A deployment's choice, not a format of checkpoints: weights are read as float32 and rounded when the graph is written. A
weights directory may say which matrices bear it (`t2s_quantisation.json`, which `make compress` writes).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_VALUES = 32  # weights that share a scale; ONNX Runtime takes 16, 32, 64, 128 and 256


class T2SPrecision(Enum):
    """How T2S keeps the weights of its layers."""

    FP32 = "fp32"
    INT8 = "int8"
    INT4 = "int4"

    @property
    def bits(self) -> int:
        """Of a weight."""
        return {T2SPrecision.FP32: 32, T2SPrecision.INT8: 8, T2SPrecision.INT4: 4}[self]


@dataclass(frozen=True)
class T2SQuantisation:
    """A precision, and the matrices of the layers that it would harm.

    Attributes:
        precision: of the other matrices.
        float32: names of linear layers, such as ``layers.3.contract``.
    """

    precision: T2SPrecision = T2SPrecision.FP32
    float32: frozenset[str] = frozenset()

    def keeps(self, linear: str) -> bool:
        """Whether the matrix of a linear layer stays float32; all but those of the layers do."""
        return self.precision is T2SPrecision.FP32 or not linear.startswith("layers.") or linear in self.float32

    @property
    def description(self) -> str:
        """For digests."""
        return " ".join([self.precision.value, *sorted(self.float32)])

    def write(self, path: Path) -> None:
        """Write it beside the checkpoints."""
        values = {"precision": self.precision.value, "float32": sorted(self.float32)}
        path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> T2SQuantisation:
        """Read it.

        Raises:
            ValueError: the file is not what `write` writes.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls(T2SPrecision(values["precision"]), frozenset(map(str, values["float32"])))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is not readable ({error}); make it again with `make compress`") from None


@dataclass(frozen=True)
class BlockWeights:
    """A matrix as MatMulNBits takes it."""

    values: NDArray[Any]  # [outputs, blocks, bytes of a block] uint8
    scales: NDArray[Any]  # [outputs, blocks] float32


def quantise(matrix: NDArray[Any], precision: T2SPrecision = T2SPrecision.INT8) -> BlockWeights:
    """Round a matrix to 8 or 4 bits.

    At 8 bits the steps lie symmetrically about 0. With 4 bits there are too few to leave one unused: the largest of a
    block is the step -8, whatever its sign.

    Args:
        matrix: `[outputs, inputs]` float32. Inputs that do not fill the last block are taken as 0.
        precision: INT8 or INT4.

    Returns:
        Weights that differ from `matrix` by at most half a scale; at 4 bits a whole one, where that is opposite to the
        largest of its block. Two 4-bit values share a byte, the first in its lower half.
    """
    outputs, inputs = matrix.shape
    blocks = np.pad(matrix, ((0, 0), (0, -inputs % BLOCK_VALUES))).reshape(outputs, -1, BLOCK_VALUES)
    zero = 1 << (precision.bits - 1)  # MatMulNBits takes weights as unsigned, this one standing for 0
    if precision is T2SPrecision.INT8:
        scales = np.abs(blocks).max(axis=2) / np.float32(zero - 1)
    else:
        largest = np.abs(blocks).argmax(axis=2)[..., np.newaxis]
        scales = np.take_along_axis(blocks, largest, axis=2)[..., 0] / np.float32(-zero)
    steps = np.where(scales != 0, scales, np.float32(1))[:, :, np.newaxis]
    values = np.clip(np.rint(blocks / steps).astype(np.int16) + zero, 0, 2 * zero - 1).astype(np.uint8)
    if precision is T2SPrecision.INT4:
        values = values[..., ::2] | (values[..., 1::2] << 4)
    return BlockWeights(values, scales.astype(np.float32))


def restored(weights: BlockWeights, inputs: int, precision: T2SPrecision = T2SPrecision.INT8) -> NDArray[Any]:
    """The matrix `[outputs, inputs]` float32 that block weights stand for."""
    values = weights.values
    if precision is T2SPrecision.INT4:
        values = np.stack([values & 15, values >> 4], axis=-1).reshape(*values.shape[:2], BLOCK_VALUES)
    zero = 1 << (precision.bits - 1)
    matrix = (values.astype(np.float32) - zero) * weights.scales[:, :, np.newaxis]
    return np.ascontiguousarray(matrix.reshape(matrix.shape[0], -1)[:, :inputs])
