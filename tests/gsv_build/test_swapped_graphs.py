"""Graphs that get the weights of another module: they compute what an export of that module computes."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from gsv_build.export import export_graph
from gsv_build.swapped_graphs import swap_weights
from gsv_runtime.contract import Model, Tensor

pytestmark = pytest.mark.slow

SIZES = {"global_dim": 4, "latent_dim": 3}
MODEL = Model(
    "vocoder",
    "a small one",
    inputs=(
        Tensor("latents", "FP32", ("B", "latent_dim", "F"), ""),
        Tensor("global_condition", "FP32", ("B", "global_dim"), ""),
    ),
    outputs=(Tensor("waveform", "FP32", ("B", "latent_dim", "F"), ""),),
    graph=True,
)


class Small(nn.Module):
    """A linear layer, which the exporter stores transposed, and a convolution, which it does not."""

    def __init__(self, seed, hidden=6):
        torch.manual_seed(seed)
        super().__init__()
        self.enter = nn.Linear(4, hidden)
        self.leave = nn.Conv1d(3 + hidden, 3, 3, padding=1)

    def forward(self, latents, global_condition):
        condition = self.enter(global_condition)[:, :, None].expand(-1, -1, latents.shape[2])
        return self.leave(torch.cat([latents, condition], dim=1)).tanh()


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return export_graph(Small(0), MODEL, tmp_path_factory.mktemp("graph") / "model.onnx", SIZES)


def run(graph, seed):
    draws = np.random.default_rng(seed)
    inputs = {
        "latents": draws.standard_normal((2, 3, 9), dtype=np.float32),
        "global_condition": draws.standard_normal((2, 4), dtype=np.float32),
    }
    return inputs, onnxruntime.InferenceSession(str(graph)).run(None, inputs)[0]


def test_a_graph_with_other_weights_computes_what_their_module_does(graph, tmp_path):
    other = Small(1)
    assert swap_weights(graph, Small(0), other, MODEL, tmp_path / "model.onnx")
    inputs, found = run(tmp_path / "model.onnx", 2)
    with torch.no_grad():
        expected = other(*map(torch.from_numpy, inputs.values())).numpy()
    assert np.allclose(found, expected, atol=1e-5)
    assert not np.allclose(found, run(graph, 2)[1], atol=1e-2)


def test_a_module_of_other_sizes_is_left_to_the_exporter(graph, tmp_path):
    assert not swap_weights(graph, Small(0), Small(1, hidden=5), MODEL, tmp_path / "model.onnx")


def test_a_constant_that_no_weight_explains_is_found_by_running_the_graph(graph, tmp_path):
    proto = onnx.load(graph)
    for initializer in proto.graph.initializer:
        if sorted(initializer.dims) == [4, 6]:
            array = 2 * onnx.numpy_helper.to_array(initializer)
            initializer.CopyFrom(onnx.numpy_helper.from_array(array, initializer.name))
    onnx.save(proto, tmp_path / "folded.onnx")
    assert not swap_weights(tmp_path / "folded.onnx", Small(0), Small(1), MODEL, tmp_path / "model.onnx")
