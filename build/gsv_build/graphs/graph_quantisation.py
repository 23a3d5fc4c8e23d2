"""8-bit weights for ONNX Runtime's MatMulNBits: each output's weights in blocks, one scale a block.

A deployment's choice, not a format of checkpoints: weights are read as float32 and rounded when the graph is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

BITS = 8
BLOCK_VALUES = 32  # weights that share a scale; ONNX Runtime takes 16, 32, 64, 128 and 256
_ZERO = 128  # MatMulNBits takes 8-bit weights as unsigned, this one standing for 0
_LARGEST = 127


class T2SPrecision(Enum):
    """How T2S keeps the weights of its layers."""

    FP32 = "fp32"
    INT8 = "int8"


@dataclass(frozen=True)
class BlockWeights:
    """A matrix as MatMulNBits takes it."""

    values: NDArray[Any]  # [outputs, blocks, BLOCK_VALUES] uint8
    scales: NDArray[Any]  # [outputs, blocks] float32


def quantise(matrix: NDArray[Any]) -> BlockWeights:
    """Round a matrix to 8 bits, symmetrically about 0.

    Args:
        matrix: `[outputs, inputs]` float32. Inputs that do not fill the last block are taken as 0.

    Returns:
        Weights that differ from `matrix` by at most half a scale: 1/254 of the largest of their block.
    """
    outputs, inputs = matrix.shape
    blocks = np.pad(matrix, ((0, 0), (0, -inputs % BLOCK_VALUES))).reshape(outputs, -1, BLOCK_VALUES)
    scales = np.abs(blocks).max(axis=2) / np.float32(_LARGEST)
    steps = np.where(scales > 0, scales, np.float32(1))[:, :, np.newaxis]
    values = np.rint(blocks / steps).astype(np.int16) + _ZERO
    return BlockWeights(values.astype(np.uint8), scales.astype(np.float32))
