import numpy as np
import pytest

from gsv_runtime import contract, tensors
from gsv_runtime.errors import InternalError, InvalidRequest


def one(value, dtype=np.object_):
    return np.array([value], dtype=dtype)


def test_text_is_decoded_and_bytes_are_left_alone():
    arrays = {"action": one(b"list"), "reference_audio": one(b"\xff\x00")}
    checked = tensors.check_inputs(contract.VOICES, arrays)
    assert checked["action"][0] == "list"
    assert checked["reference_audio"][0] == b"\xff\x00"


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({}, "text is missing"),
        ({"text": one(b"\xed\xa0\x80")}, "not valid UTF-8 at byte 0"),
        ({"text": one(b"a\0b")}, "NUL"),
        ({"text": one(1.5, np.float32)}, "text is float32; need STRING"),
        ({"text": np.array([[b"a"]], dtype=np.object_)}, r"shape \[1, 1\]; need \[1\]"),
        ({"text": one(b"a"), "top_k": one(3, np.int64)}, "top_k is int64; need INT32"),
        ({"text": one(b"a"), "top_k": np.zeros(2, np.int32)}, r"shape \[2\]; need \[1\]"),
    ],
)
def test_an_input_that_is_not_as_the_contract_says_is_refused_by_name(arrays, told):
    with pytest.raises(InvalidRequest, match=told):
        tensors.check_inputs(contract.TTS, arrays)


def test_what_the_pipeline_would_never_send_is_refused_with_what_came():
    frames = tensors.LARGEST["vocoder"]["F"]
    inputs = {"frame_lengths": np.array([[1]]), "global_condition": np.zeros((1, 4), np.float32)}
    tensors.check_inputs(contract.VOCODER, {"latents": np.zeros((1, 2, frames), np.float32), **inputs})
    with pytest.raises(InvalidRequest, match=rf"latents has {frames + 1} along F; need at most {frames}"):
        tensors.check_inputs(contract.VOCODER, {"latents": np.zeros((1, 2, frames + 1), np.float32), **inputs})
    negative = inputs | {"latents": np.zeros((1, 2, 1), np.float32), "frame_lengths": np.array([[-3]])}
    with pytest.raises(InvalidRequest, match="frame_lengths holds -3; need 0 or more"):
        tensors.check_inputs(contract.VOCODER, negative)


def test_a_sequence_model_has_a_leading_axis_on_the_wire_only():
    wire = tensors.to_wire(contract.T2S, contract.T2S.inputs, {"max_new_tokens": [5], "phones": np.arange(3)})
    assert wire["phones"].shape == (1, 3)
    assert tensors.check_inputs(contract.T2S, wire)["phones"].shape == (3,)


def test_a_stage_that_answers_with_another_shape_is_a_defect():
    with pytest.raises(InternalError, match="waveform has shape"):
        tensors.check_outputs(contract.VOCODER, {"waveform": np.zeros(3, np.float32)})


@pytest.mark.parametrize("values", [{"text": "a"}, {"text": "a", "language": "en", "split_method": "none", "x": 1}])
def test_a_call_with_missing_or_surplus_inputs_is_a_defect(values):
    with pytest.raises(InternalError, match="given; need"):
        tensors.to_wire(contract.TEXT_FRONTEND, contract.TEXT_FRONTEND.inputs, values)


def test_text_goes_out_as_utf8():
    texts = {"voices": ["é", "b"], "voices_json": "[]", "warnings": []}
    wire = tensors.to_wire(contract.VOICES, contract.VOICES.outputs, texts)
    assert list(wire["voices"]) == ["é".encode(), b"b"]
