"""Which models give no sign of life; a busy one, and a machine that was paused, are not taken for dead."""

import pytest

from gsv_runtime.server.pulse import EVERY_S, SILENT_S, Pulse, ask_over_http, minimal_request

PIDS = {"vocoder": frozenset({7})}
LOOK_S = 0.5


class Models:
    """Models that answer or not, on a clock that the test moves."""

    def __init__(self, answers=True, share=0.0):
        self.now_s, self.answers, self.share = 100.0, answers, share
        self.asked, self.stopped = [], False
        self.pulse = Pulse(
            self.ask,
            lambda: self.now_s,
            lambda pid: self.share * self.now_s,
            lambda pid: self.stopped,
            lambda run: run(),
        )

    def ask(self, model):
        self.asked.append(self.now_s)
        if not self.answers:
            raise OSError("timed out")

    def silent_after(self, seconds):
        """Seconds after which a model is found silent; None if none is within `seconds`."""
        began_s = self.now_s
        while self.now_s < began_s + seconds:
            if self.pulse.without(PIDS):
                return self.now_s - began_s
            self.now_s += LOOK_S
        return None


def test_models_that_answer_are_asked_now_and_then_and_left_alone():
    models = Models()
    assert models.silent_after(60) is None
    assert len(models.asked) == 60 / EVERY_S


def test_one_that_does_not_answer_and_does_nothing_is_silent_and_asked_once():
    models = Models(answers=False)
    assert models.silent_after(60) == SILENT_S
    assert len(models.asked) == 1


def test_one_that_is_busy_may_take_longer_but_not_for_ever():
    models = Models(answers=False, share=0.9)
    assert models.silent_after(250) is None
    assert models.silent_after(100) is not None


def test_one_that_a_signal_has_stopped_is_silent_though_it_was_never_asked():
    models = Models()
    models.stopped = True
    assert models.silent_after(60) == SILENT_S


def test_after_a_pause_of_the_machine_the_time_begins_anew():
    models = Models(answers=False)
    assert models.silent_after(SILENT_S - 1) is None
    models.now_s += 60
    assert models.silent_after(SILENT_S - 1) is None


def test_the_smallest_request_has_one_element_along_each_free_axis_and_no_optional_input():
    config = {
        "max_batch_size": 4,
        "input": [
            {"name": "fbank", "data_type": "TYPE_FP32", "dims": ["-1", "3"]},
            {"name": "text", "data_type": "TYPE_STRING", "dims": ["1"]},
            {"name": "flag", "data_type": "TYPE_BOOL", "dims": ["1"], "optional": True},
        ],
    }
    assert minimal_request(config)["inputs"] == [
        {"name": "fbank", "shape": [1, 1, 3], "datatype": "FP32", "data": [0, 0, 0]},
        {"name": "text", "shape": [1, 1], "datatype": "BYTES", "data": [""]},
    ]


def test_a_sequence_model_is_not_asked_for_it_might_wait_for_a_slot():
    ask_over_http("127.0.0.1:1", {"t2s": {"sequence_batching": {}}}, "t2s")
    with pytest.raises(OSError, match="refused"):
        ask_over_http("127.0.0.1:1", {"bert": {}}, "bert", limit_s=1)
