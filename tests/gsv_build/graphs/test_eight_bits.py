"""Which convolutions are rounded to 8 bits, what the graph then computes, and what says so on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from gsv_build.export import ExportFailed, round_graph
from gsv_build.graphs.eight_bits import DecoderQuantisation, EightBits, to_eight_bits
from gsv_build.graphs.half_precision import SCOPES, to_precision
from gsv_build.graphs.precision import Precision
from gsv_build.tensorrt_library import TensorRT
from gsv_compress.decoder_calibration import rounded

REACH = {"blocks.0.plain": 2.0, "ups.0": 4.0}


def model_of() -> onnx.ModelProto:
    """Three convolutions of 3 channels, one of them transposed, with the exporter's scopes."""
    rng = np.random.default_rng(0)
    nodes, value, weights = [], "x", []
    for operator, module in (("Conv", "enter"), ("Conv", "blocks.0.plain"), ("ConvTranspose", "ups.0")):
        values = rng.standard_normal((3, 3, 3)) * np.array([1, 2, 9]).reshape(1, 3, 1)  # outputs of unlike size
        weights.append(numpy_helper.from_array(values.astype(np.float32), module))
        nodes.append(helper.make_node(operator, [value, module], [f"{module}_out"]))
        nodes[-1].metadata_props.add(key=SCOPES, value=str(["", module.split(".")[0], module, "conv1d_7"]))
        value = f"{module}_out"
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, "N"]) for name in ("x", value)]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    return np.asarray(onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0])


def expected(x: np.ndarray, kind: EightBits) -> np.ndarray:
    """What PyTorch computes with rounded inputs and weights."""
    weights = {each.name: torch.tensor(numpy_helper.to_array(each)) for each in model_of().graph.initializer}
    y = torch.conv1d(torch.from_numpy(x), weights["enter"])
    for name, axes, convolve in (
        ("blocks.0.plain", (1, 2), torch.conv1d),
        ("ups.0", (0, 2), torch.conv_transpose1d),
    ):
        weight = rounded(weights[name], weights[name].abs().amax(axes, keepdim=True), kind)
        y = convolve(rounded(y, torch.tensor(REACH[name]), kind), weight)
    return y.numpy()


@pytest.mark.parametrize("kind", list(EightBits))
def test_named_convolutions_read_rounded_numbers_and_others_stay(kind: EightBits) -> None:
    model = model_of()
    assert to_eight_bits(model, kind, REACH) == list(REACH)
    onnx.checker.check_model(model, full_check=True)
    assert {each.data_type for each in model.graph.initializer if each.name.endswith("rounded")} == {kind.onnx_type}
    assert [each.name for each in model.graph.initializer if each.name in {"enter", *REACH}] == ["enter"]
    x = 0.5 * np.random.default_rng(1).standard_normal((1, 3, 12)).astype(np.float32)
    found, wanted = run(model, x), expected(x, kind)
    assert np.abs(found - wanted).max() < 0.02 * np.abs(wanted).max()
    assert np.abs(found - run(model_of(), x)).max() > 0


@pytest.mark.parametrize("kind", list(EightBits))
def test_a_graph_at_half_precision_has_scales_at_half_precision_which_tensorrt_reads(
    kind: EightBits, tmp_path: Path
) -> None:
    model = model_of()
    to_precision(model, Precision.FP16)
    to_eight_bits(model, kind, REACH)
    onnx.checker.check_model(model, full_check=True)
    scales = [each for each in model.graph.initializer if each.name.endswith(("_scale", "_scales"))]
    assert {each.data_type for each in scales} == {TensorProto.FLOAT16}
    pytest.importorskip("tensorrt_rtx", reason="needs the wheel tensorrt-rtx-cu13")
    library = TensorRT.find()
    onnx.save(model, tmp_path / "model.onnx")
    assert library.parse(library.module.Builder(library.log), tmp_path / "model.onnx").num_layers > 0


def test_without_a_named_convolution_the_graph_is_as_it_was() -> None:
    model = model_of()
    assert to_eight_bits(model, EightBits.INT8, {"other": 1.0}) == []
    assert model == model_of()


def test_a_named_module_without_a_convolution_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "vocoder" / "1" / "model.onnx"
    path.parent.mkdir(parents=True)
    onnx.save(model_of(), path)
    with pytest.raises(ExportFailed, match="vocoder has no convolution gone"):
        round_graph(path, EightBits.INT8, {**REACH, "gone": 1.0})


def test_what_is_rounded_is_kept_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "decoder_quantisation.json"
    written = DecoderQuantisation(EightBits.FP8, {"vocoder": REACH})
    written.write(path)
    assert DecoderQuantisation.read(path) == written
    path.write_text('{"kind": "int9"}')
    with pytest.raises(ValueError, match=r"decoder_quantisation\.json is damaged .* run `make compress` again"):
        DecoderQuantisation.read(path)
