import logging
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper

from gsv_runtime import contract
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.graphs import captured_stage, stage
from gsv_runtime.graphs.captured_stage import CapturedStage
from gsv_runtime.graphs.opening import open_stage
from gsv_runtime.graphs.session import CPU, Device, open_session
from gsv_runtime.graphs.shape_buckets import parse_shapes
from gsv_runtime.graphs.stage import OnnxStage
from gsv_runtime.settings import OnnxStageSettings

SHAPES = "B1 F8, B4 F8, B4 F16"


@pytest.fixture
def vocoder(tmp_path):
    """A graph whose waveform is the first latent, held for a frame."""
    nodes = [
        helper.make_node("Slice", ["latents", "zero", "one", "one"], ["first"]),  # along the channels
        helper.make_node("Transpose", ["first"], ["column"], perm=[0, 2, 1]),
        helper.make_node("Expand", ["column", "held"], ["repeated"]),
        helper.make_node("Reshape", ["repeated", "flat"], ["waveform"]),
    ]
    values = {"zero": [0], "one": [1], "held": [1, 1, contract.SAMPLES_PER_FRAME], "flat": [0, -1]}
    graph = helper.make_graph(
        nodes,
        "vocoder",
        [
            helper.make_tensor_value_info("latents", onnx.TensorProto.FLOAT, ["B", 3, "F"]),
            helper.make_tensor_value_info("frame_lengths", onnx.TensorProto.INT64, ["B", 1]),
            helper.make_tensor_value_info("global_condition", onnx.TensorProto.FLOAT, ["B", 4]),
        ],
        [helper.make_tensor_value_info("waveform", onnx.TensorProto.FLOAT, ["B", "N"])],
        [onnx.numpy_helper.from_array(np.array(value), name) for name, value in values.items()],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def request(frames, rows=1):
    return {
        "latents": np.random.default_rng(frames).standard_normal((rows, 3, frames)).astype(np.float32),
        "frame_lengths": np.full((rows, 1), frames, np.int64),
        "global_condition": np.zeros((rows, 4), np.float32),
    }


@pytest.mark.parametrize("frames", [[5], [8], [3, 8], [9, 1, 2], [16, 16, 16, 16], [17], [1, 2, 3, 4, 5]])
def test_a_captured_stage_answers_as_an_ordinary_one(vocoder, frames):
    captured = CapturedStage(contract.VOCODER, vocoder, parse_shapes(SHAPES), CPU)
    requests = [request(each) for each in frames]
    ordinary = OnnxStage.open(contract.VOCODER, vocoder, 1).run(requests)
    for found, expected in zip(captured.run(requests), ordinary, strict=True):
        np.testing.assert_array_equal(found["waveform"], expected["waveform"])


def test_an_answer_is_not_changed_by_the_next(vocoder):
    captured = CapturedStage(contract.VOCODER, vocoder, parse_shapes(SHAPES), CPU)
    first = captured.run([request(5)])[0]["waveform"]
    kept = first.copy()
    captured.run([request(6)])
    np.testing.assert_array_equal(first, kept)


def test_an_input_that_is_missing_is_asked_for_by_name(vocoder):
    captured = CapturedStage(contract.VOCODER, vocoder, parse_shapes(SHAPES), CPU)
    with pytest.raises(InvalidRequest, match="latents is missing"):
        captured.run([{}])


def test_the_log_says_how_many_shapes_are_captured(vocoder, caplog):
    with caplog.at_level(logging.INFO, "gsv.graphs"):
        CapturedStage(contract.VOCODER, vocoder, parse_shapes(SHAPES), CPU).warm_up()
    assert "model=vocoder shapes=3 captured=0" in caplog.text


def test_a_stage_that_takes_no_batches_cannot_be_padded(vocoder):
    with pytest.raises(ValueError, match="hubert takes no batches"):
        CapturedStage(contract.HUBERT, vocoder, parse_shapes("B1 N9"), CPU)


def test_settings_without_shapes_open_an_ordinary_stage(vocoder):
    opened = open_stage(contract.VOCODER, vocoder, OnnxStageSettings(1, "cpu", "", "onnxruntime"))
    assert isinstance(opened, OnnxStage)
    assert isinstance(
        open_stage(contract.VOCODER, vocoder, OnnxStageSettings(1, "cpu", SHAPES, "onnxruntime")), CapturedStage
    )


def test_an_unknown_device_is_named(vocoder):
    with pytest.raises(ValueError, match="'tpu'; need one of cpu, cuda"):
        open_stage(contract.VOCODER, vocoder, OnnxStageSettings(1, "tpu", "", "onnxruntime"))


def test_a_shape_that_cannot_be_captured_is_refused_at_the_start_with_its_reason(vocoder, monkeypatch):
    def refuse_to_capture(graph, threads, device=CPU, provider_options=None, sizes=None):
        if "enable_cuda_graph" in (provider_options or {}):
            raise RuntimeError("a node lies on the CPU")
        return open_session(graph, threads, sizes=sizes)

    monkeypatch.setattr(captured_stage, "open_session", refuse_to_capture)
    monkeypatch.setattr(stage, "open_session", refuse_to_capture)
    told = r"vocoder: shape \{'B': 1, 'F': 8\} cannot be captured as a CUDA graph: a node lies on the CPU; need that"
    with pytest.raises(RuntimeError, match=told):
        CapturedStage(contract.VOCODER, vocoder, parse_shapes(SHAPES), Device("cpu", 1))


def test_on_a_gpu_the_vocoders_products_are_tensorfloat_32_and_no_other_stages_are(vocoder, monkeypatch):
    chosen = []

    def note(graph, threads, device=CPU, provider_options=None, sizes=None):
        chosen.append(provider_options)
        return open_session(graph, threads, sizes=sizes)

    monkeypatch.setattr(captured_stage, "open_session", note)
    for model in (contract.VOCODER, replace(contract.VOCODER, name="acoustic")):
        captured_stage._PreparedShape(model, vocoder, {"B": 1, "F": 8}, Device("cpu", 1), capture=True)
    of_vocoder, of_acoustic = chosen
    assert of_vocoder == {**of_acoustic, "use_tf32": "1", "prefer_nhwc": "1"}
    assert of_acoustic["enable_cuda_graph"] == "1"
