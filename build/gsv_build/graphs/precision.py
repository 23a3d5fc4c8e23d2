"""How wide the numbers of a graph are: a property of the exported file, for TensorRT's networks are strongly typed."""

from __future__ import annotations

from enum import Enum
from typing import Any

import ml_dtypes
import numpy as np
from onnx import TensorProto


class Precision(Enum):
    """Type of a graph's weights and arithmetic; inputs and outputs of a stage stay float32."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"

    @property
    def dtype(self) -> type[np.generic]:
        """The type in NumPy."""
        dtypes: dict[Precision, Any] = {
            Precision.FP32: np.float32,
            Precision.FP16: np.float16,
            Precision.BF16: ml_dtypes.bfloat16,
        }
        found: type[np.generic] = dtypes[self]
        return found

    @property
    def onnx_type(self) -> int:
        """The type in ONNX."""
        types = {
            Precision.FP32: TensorProto.FLOAT,
            Precision.FP16: TensorProto.FLOAT16,
            Precision.BF16: TensorProto.BFLOAT16,
        }
        return int(types[self])
