"""OpenVINO behind the methods of ONNX Runtime's session: the same answers, and clear words where it is not there."""

import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import helper

from gsv_runtime import contract
from gsv_runtime.graphs.opening import open_stage
from gsv_runtime.graphs.openvino_session import OpenVinoSession, is_installed
from gsv_runtime.graphs.stage import OnnxStage
from gsv_runtime.settings import OPENVINO, OPENVINO_BF16, OnnxStageSettings


@pytest.fixture
def graph(tmp_path):
    """A product over the latents, each frame's answer repeated for its samples; any number of frames."""
    rng = np.random.default_rng(0)
    weights = {
        "weight": rng.standard_normal((1, 8, 1)).astype(np.float32),
        "held": np.array([1, 1, contract.SAMPLES_PER_FRAME]),
        "flat": np.array([0, -1]),
    }
    nodes = [
        helper.make_node("Conv", ["latents", "weight"], ["summed"]),
        helper.make_node("Transpose", ["summed"], ["column"], perm=[0, 2, 1]),
        helper.make_node("Expand", ["column", "held"], ["repeated"]),
        helper.make_node("Reshape", ["repeated", "flat"], ["waveform"]),
    ]
    proto = helper.make_graph(
        nodes,
        "vocoder",
        [helper.make_tensor_value_info("latents", onnx.TensorProto.FLOAT, ["B", 8, "F"])],
        [helper.make_tensor_value_info("waveform", onnx.TensorProto.FLOAT, ["B", "N"])],
        [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(proto, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def request(frames):
    latents = np.random.default_rng(frames).standard_normal((1, 8, frames)).astype(np.float32)
    return {"latents": latents, "frame_lengths": np.array([[frames]])}


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "tolerance"), [(OPENVINO, 1e-5), (OPENVINO_BF16, 0.1)])
def test_a_stage_answers_as_it_does_under_onnx_runtime_whatever_the_length(graph, engine, tolerance):
    pytest.importorskip("openvino")
    ours = OnnxStage(contract.VOCODER, OpenVinoSession(graph, 1, engine))
    theirs = OnnxStage.open(contract.VOCODER, graph, 1)
    ours.warm_up()
    for frames in (5, 9, 5):
        (found,), (expected,) = ours.run([request(frames)]), theirs.run([request(frames)])
        np.testing.assert_allclose(found["waveform"], expected["waveform"], atol=tolerance)


def test_an_answer_is_not_changed_by_the_next(graph):
    pytest.importorskip("openvino")
    stage = OnnxStage(contract.VOCODER, OpenVinoSession(graph, 1, OPENVINO))
    (first,) = stage.run([request(5)])
    kept = first["waveform"].copy()
    stage.run([{name: -array if name == "latents" else array for name, array in request(5).items()}])
    np.testing.assert_array_equal(first["waveform"], kept)


def test_where_it_is_not_installed_the_way_to_get_it_is_told(graph, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert not is_installed()
    with pytest.raises(RuntimeError, match=r"pip install 'gsv-runtime\[openvino\]'"):
        OpenVinoSession(graph, 1, OPENVINO)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (OnnxStageSettings(1, "cpu", "", "tflite"), "no engine 'tflite'; need one of onnxruntime"),
        (OnnxStageSettings(1, "cuda", "", OPENVINO), "openvino runs on device cpu, not on cuda"),
    ],
)
def test_an_engine_that_cannot_be_had_is_refused(graph, settings, told):
    with pytest.raises(ValueError, match=told):
        open_stage(contract.VOCODER, graph, settings)


@pytest.mark.skipif(not is_installed(), reason="OpenVINO is not installed")
def test_openvino_is_imported_without_the_package_that_reports_who_uses_it(tmp_path):
    program = (
        "import sys\n"
        "from gsv_runtime.graphs import openvino_session\n"
        "assert openvino_session.is_installed()\n"
        "ovc = sys.modules.get('openvino.tools.ovc.telemetry_utils')\n"
        "print(sys.modules['openvino_telemetry'], ovc and ovc.tm.__name__)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert told.stdout.split()[0] == "None"
    assert "openvino_telemetry" not in told.stdout.replace("None", "")
    assert list(tmp_path.iterdir()) == []  # no id of this machine was made
