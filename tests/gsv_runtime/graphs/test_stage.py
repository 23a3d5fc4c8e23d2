import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from gsv_runtime import contract
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.graphs.stage import OnnxStage, axis_sizes, split, stack


def vocoder_request(frames, rows=1, fill=1.0):
    return {
        "latents": np.full((rows, 3, frames), fill, np.float32),
        "frame_lengths": np.full((rows, 1), frames, np.int64),
        "global_condition": np.zeros((rows, 4), np.float32),
    }


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 3)), min_size=1, max_size=5))
def test_a_padded_batch_splits_into_what_went_in(shapes):
    requests = [vocoder_request(frames, rows, fill=index + 1) for index, (frames, rows) in enumerate(shapes)]
    batch = stack(contract.VOCODER, requests)
    longest = max(frames for frames, _ in shapes)
    assert batch["latents"].shape == (sum(rows for _, rows in shapes), 3, longest)
    waveform = np.repeat(batch["latents"][:, 0], contract.SAMPLES_PER_FRAME, axis=1)
    for (frames, rows), request, answer in zip(
        shapes, requests, split(contract.VOCODER, requests, {"waveform": waveform}), strict=True
    ):
        assert answer["waveform"].shape == (rows, frames * 640)
        assert (answer["waveform"] == request["latents"][0, 0, 0]).all()


def test_inputs_that_disagree_about_an_axis_are_refused():
    request = vocoder_request(5)
    request["frame_lengths"] = np.ones((2, 1), np.int64)
    with pytest.raises(InvalidRequest, match="along B"):
        axis_sizes(contract.VOCODER, request)


@pytest.fixture
def reference_encoder(tmp_path):
    """A v2 graph: it has no speaker embedding; the mean over time, cut to four values."""
    nodes = [
        helper.make_node("ReduceMean", ["linear_spectrogram", "time"], ["mean"], keepdims=0),
        helper.make_node("Slice", ["mean", "begin", "end", "time1"], ["global_condition"]),
    ]
    values = {"time": [2], "begin": [0], "end": [4], "time1": [1]}
    graph = helper.make_graph(
        nodes,
        "reference_encoder",
        [helper.make_tensor_value_info("linear_spectrogram", onnx.TensorProto.FLOAT, [1, 1025, "F"])],
        [helper.make_tensor_value_info("global_condition", onnx.TensorProto.FLOAT, [1, 4])],
        [onnx.numpy_helper.from_array(np.array(value), name) for name, value in values.items()],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return OnnxStage.open(contract.REFERENCE_ENCODER, path, intra_op_threads=1)


def test_a_stage_that_cannot_batch_answers_one_by_one(reference_encoder):
    requests = [{"linear_spectrogram": np.full((1, 1025, frames), frames, np.float32)} for frames in (3, 7)]
    assert [answer["global_condition"][0, 0] for answer in reference_encoder.run(requests)] == [3, 7]


def test_an_input_that_the_graph_needs_is_asked_for_by_name(reference_encoder):
    with pytest.raises(InvalidRequest, match="linear_spectrogram is missing"):
        reference_encoder.run([{}])


def test_warming_up_makes_its_own_inputs(reference_encoder):
    reference_encoder.warm_up()


def test_an_id_that_the_graph_lacks_is_the_callers_fault_and_told_without_a_file_name(tmp_path):
    """Three rows of a table, looked up by id."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "bert_token_ids"], ["looked_up"]),
            helper.make_node("Add", ["looked_up", "zero"], ["character_features"]),
        ],
        "bert",
        [
            value("bert_token_ids", onnx.TensorProto.INT64, ["B", "C"]),
            value("character_lengths", onnx.TensorProto.INT64, ["B", 1]),
        ],
        [value("character_features", onnx.TensorProto.FLOAT, ["B", "C", 2])],
        [
            onnx.numpy_helper.from_array(np.ones((3, 2), np.float32), "table"),
            onnx.numpy_helper.from_array(np.zeros(1, np.float32), "zero"),
        ],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    stage = OnnxStage.open(contract.BERT, path, intra_op_threads=1)
    request = {"bert_token_ids": np.array([[1, 99]]), "character_lengths": np.array([[2]])}
    with pytest.raises(InvalidRequest, match="bert cannot compute with this: it holds the id 99; need 0 to 2"):
        stage.run([request])
    assert stage.run([request | {"bert_token_ids": np.array([[1, 2]])}])[0]["character_features"].shape == (1, 2, 2)
