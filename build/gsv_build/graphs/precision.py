"""How wide the numbers of a graph are: a property of the exported file, for TensorRT's networks are strongly typed."""

from __future__ import annotations

from enum import Enum
from typing import cast

import numpy as np
from onnx import TensorProto, helper


class Precision(Enum):
    """Type of a graph's weights and arithmetic; inputs and outputs of a stage stay float32."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"

    @property
    def onnx_type(self) -> int:
        """The type in ONNX."""
        types = {
            Precision.FP32: TensorProto.FLOAT,
            Precision.FP16: TensorProto.FLOAT16,
            Precision.BF16: TensorProto.BFLOAT16,
        }
        return int(types[self])

    @property
    def dtype(self) -> type[np.generic]:
        """The type in NumPy."""
        return cast("type[np.generic]", helper.tensor_dtype_to_np_dtype(self.onnx_type).type)
