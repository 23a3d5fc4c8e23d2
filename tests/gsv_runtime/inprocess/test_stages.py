"""Calls in one process are checked both ways, timed, and fail as a server's would."""

import numpy as np
import pytest

from gsv_runtime import contract
from gsv_runtime.errors import InternalError, InvalidRequest
from gsv_runtime.inprocess.stages import InProcessStages


class Models:
    """Answers what the test says, and keeps what came."""

    def __init__(self, answer):
        self._answer, self.came = answer, []

    def answer(self, model, sequence, inputs):
        self.came.append((model.name, sequence, inputs))
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


WAVEFORM = {"waveform": np.zeros((1, 640), np.float32)}
INPUTS = {
    "latents": np.zeros((1, 4, 1)),  # float64, as NumPy makes it
    "frame_lengths": [[1]],
    "global_condition": np.zeros((1, 8), np.float32),
}


def test_a_call_brings_arrays_of_the_contracts_types_and_takes_the_answer():
    models = Models(WAVEFORM)
    answer = InProcessStages(models).call(contract.VOCODER, **INPUTS)
    ((name, sequence, inputs),) = models.came
    assert (name, sequence) == ("vocoder", None)
    assert {key: value.dtype for key, value in inputs.items()} == {
        "latents": np.float32,
        "frame_lengths": np.int64,
        "global_condition": np.float32,
    }
    assert np.array_equal(answer["waveform"], WAVEFORM["waveform"])


def test_texts_reach_the_stage_as_texts():
    models = Models(ValueError())
    with pytest.raises(InternalError):
        InProcessStages(models).call(contract.TEXT_FRONTEND, text="你好", language="auto", split_method="cut5")
    assert models.came[0][2]["text"][0] == "你好"


def test_what_a_stage_refuses_stays_what_it_is():
    with pytest.raises(InvalidRequest, match="too long"):
        InProcessStages(Models(InvalidRequest("too long"))).call(contract.VOCODER, **INPUTS)


def test_what_fails_in_a_stage_names_the_stage_and_not_its_words(caplog):
    with pytest.raises(InternalError, match="stage vocoder failed; the log has the cause"):
        InProcessStages(Models(RuntimeError("secret"))).call(contract.VOCODER, **INPUTS)
    assert "secret" in caplog.text


def test_an_answer_of_another_shape_is_the_stages_defect():
    with pytest.raises(InternalError, match="waveform has shape"):
        InProcessStages(Models({"waveform": np.zeros(3)})).call(contract.VOCODER, **INPUTS)


def test_times_are_added_up_until_they_are_taken():
    stages = InProcessStages(Models(WAVEFORM))
    stages.call(contract.VOCODER, **INPUTS)
    assert set(stages.take_times_ms()) == {"vocoder"}
    assert stages.take_times_ms() == {}


def test_sequences_of_all_requests_have_ids_of_their_own():
    first, second = InProcessStages(Models(WAVEFORM)), InProcessStages(Models(WAVEFORM))
    assert len({first.new_sequence_id(), second.new_sequence_id(), first.new_sequence_id()}) == 3
