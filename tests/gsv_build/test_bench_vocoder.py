"""The forms that the vocoder's benchmark compares compute the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from gsv_build.bench_vocoder import Polyphase, without_masks


@pytest.mark.parametrize(("kernel", "rate"), [(16, 10), (20, 10), (16, 8), (8, 2), (2, 2), (3, 1)])
def test_polyphase_convolution_is_the_transposed_one(kernel: int, rate: int) -> None:
    torch.manual_seed(0)
    padding = (kernel - rate) // 2
    transposed = nn.ConvTranspose2d(6, 4, (1, kernel), stride=(1, rate), padding=(0, padding)).requires_grad_(False)
    signal = torch.randn(2, 6, 1, 9)
    torch.testing.assert_close(Polyphase(transposed)(signal), transposed(signal), atol=1e-5, rtol=1e-5)


def test_masks_are_taken_out_and_other_products_stay(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("Less", ["positions", "lengths"], ["before"]),
            helper.make_node("Cast", ["before"], ["mask"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["signal", "mask"], ["masked"]),
            helper.make_node("Mul", ["masked", "masked"], ["squared"]),
            helper.make_node("Mul", ["mask", "squared"], ["again"]),
            helper.make_node("Neg", ["again"], ["result"]),
        ],
        "masked",
        [value("signal", TensorProto.FLOAT, [3]), value("lengths", TensorProto.INT64, [1])],
        [value("result", TensorProto.FLOAT, [3])],
        [helper.make_tensor("positions", TensorProto.INT64, [3], [0, 1, 2])],
    )
    path = tmp_path / "graph.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    signal = np.array([2.0, 3.0, 4.0], np.float32)
    results = [
        onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]).run(
            None, {"signal": signal, "lengths": np.array([1])}
        )[0]
        for file in (path, without_masks(path))
    ]
    assert results[0].tolist() == [-4.0, 0.0, 0.0]
    assert results[1].tolist() == [-4.0, -9.0, -16.0]
