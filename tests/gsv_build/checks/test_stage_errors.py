"""An error in a graph is seen, however small the part of the output that it touches."""

import onnx
import pytest
import torch
from onnx import TensorProto, helper

from gsv_build.checks.stage_errors import StageDifference, batch_error, graph_error, snr_db, t2s_errors
from gsv_build.graphs.t2s_graphs import write_t2s_gpu_graphs, write_t2s_graphs
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import T2SSizes
from gsv_runtime.graphs.session import CPU
from gsv_runtime.t2s.cpu_engine import CpuEngine
from gsv_runtime.t2s.cuda_engine import CudaEngine


class Scale(torch.nn.Module):
    """Doubles its input, which stands for any stage."""

    def forward(self, signal):
        return 2 * signal


def scale_graph(path, factor):
    signal = helper.make_tensor_value_info("signal", TensorProto.FLOAT, ["B", "N"])
    scaled = helper.make_tensor_value_info("scaled", TensorProto.FLOAT, ["B", "N"])
    value = helper.make_tensor("factor", TensorProto.FLOAT, [], [factor])
    graph = helper.make_graph(
        [helper.make_node("Mul", ["signal", "factor"], ["scaled"])], "g", [signal], [scaled], [value]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def test_a_graph_that_equals_its_module_has_no_error(tmp_path):
    error = graph_error(scale_graph(tmp_path / "g.onnx", 2), Scale(), {"signal": torch.tensor([[1.0, -3.0]])})
    assert error == StageDifference(0.0, 6.0)


def test_the_largest_difference_counts(tmp_path):
    error = graph_error(scale_graph(tmp_path / "g.onnx", 2.5), Scale(), {"signal": torch.tensor([[1.0, -3.0]])})
    assert error == StageDifference(1.5, 6.0)


def test_rows_of_a_batch_are_held_against_single_calls(tmp_path):
    batch = {"signal": torch.tensor([[1.0, 2.0, 3.0], [4.0, 0.0, 0.0]])}
    rows = [{"signal": batch["signal"][:1]}, {"signal": torch.tensor([[5.0]])}]
    error = batch_error(scale_graph(tmp_path / "g.onnx", 2), Scale(), batch, rows, axis=1)
    assert error == StageDifference(2.0, 10.0)


def test_nan_is_an_infinite_error():
    error = StageDifference.between(torch.tensor([float("nan"), 0.0]), torch.zeros(2))
    assert error.largest_error == float("inf")


def test_another_shape_is_said():
    with pytest.raises(ValueError, match=r"ONNX gives shape \[2\], PyTorch \[3\]"):
        StageDifference.between(torch.zeros(2), torch.zeros(3))


def test_snr_of_a_thousandth_is_60_db():
    signal = torch.sin(torch.arange(1000.0))
    assert snr_db(signal * 1.001, signal) == pytest.approx(60, abs=0.01)
    assert snr_db(signal, signal) == pytest.approx(200)
    assert snr_db(signal * float("nan"), signal) == float("-inf")


def test_t2s_logits_of_prefill_and_steps_are_compared_and_a_changed_weight_is_seen(tmp_path):
    torch.manual_seed(0)
    module = T2S(
        T2SSizes(hidden=16, heads=2, layers=2, feed_forward=32, num_phones=20, vocabulary=33, bert_dim=8)
    ).eval()
    on_cpu, on_gpu = write_t2s_graphs(module, tmp_path, 512), write_t2s_gpu_graphs(module, tmp_path, 512)
    engines = {
        "t2s": lambda: CpuEngine(on_cpu.engine, 2, 512, 1),
        "t2s_gpu_fp16": lambda: CudaEngine(on_gpu.prefill, on_gpu.decode_step, 3, 512, CPU),
    }
    errors = t2s_errors(engines, module, 12, torch.Generator().manual_seed(1))
    assert errors["t2s"].largest_error < 1e-5 < errors["t2s"].peak
    assert errors["t2s_gpu_fp16"].largest_error < 5e-3 < errors["t2s_gpu_fp16"].peak
    with torch.no_grad():
        module.layers[1].contract.weight[3] += 0.5
    changed = t2s_errors(engines, module, 12, torch.Generator().manual_seed(1))
    assert all(error.largest_error > 1e-2 for error in changed.values())
