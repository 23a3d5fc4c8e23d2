"""Who runs a graph: what is chosen from what was measured, what is kept, and what a stage is then given."""

from dataclasses import asdict

import pytest

from gsv_build import tuning
from gsv_build.deployment import PRESETS
from gsv_build.tuning import Choice, Tuning, candidates, fastest, kept_choices, tune, with_choices
from gsv_runtime import contract
from gsv_runtime.graphs import openvino_session
from gsv_runtime.tensors import Arrays

CPU = PRESETS["cpu"]
ORT, OV, BF16 = "onnxruntime", "openvino", "openvino-bf16"


@pytest.mark.parametrize(
    ("measured", "deviation", "chosen"),
    [
        ({ORT: 100, OV: 99, BF16: 50}, {OV: 110, BF16: 40}, BF16),
        ({ORT: 100, OV: 60}, {OV: 110}, OV),
        ({ORT: 100, OV: 95, BF16: 93}, {OV: 110, BF16: 40}, ORT),  # within noise
        ({ORT: 100, OV: 50, BF16: 60}, {OV: 30, BF16: 40}, BF16),  # not the same in float32: something is wrong
        ({ORT: 100, OV: 50}, {OV: float("nan")}, ORT),
        ({ORT: 100, BF16: 50}, {BF16: -3}, ORT),
        ({ORT: 100}, {}, ORT),
    ],
)
def test_the_fastest_is_taken_unless_it_gains_little_or_computes_something_else(measured, deviation, chosen):
    assert fastest(measured, deviation) == chosen


def test_exact_leaves_bfloat16_out_and_off_leaves_all_but_onnx_runtime(monkeypatch):
    monkeypatch.setattr(openvino_session, "is_installed", lambda: True)
    monkeypatch.setattr(openvino_session, "has_bf16", lambda: True)
    assert candidates(Tuning.FAST) == (ORT, OV, BF16)
    assert candidates(Tuning.EXACT) == (ORT, OV)
    assert candidates(Tuning.OFF) == (ORT,)
    monkeypatch.setattr(openvino_session, "has_bf16", lambda: False)
    assert candidates(Tuning.FAST) == (ORT, OV)


def test_a_choice_is_kept_while_its_graph_is_and_on_a_cpu_only(caplog):
    choice = Choice(BF16, "digest", {ORT: 2.0, BF16: 1.0}, {BF16: 40.0})
    recorded = {"vocoder": asdict(choice), "acoustic": asdict(choice)}
    files = {"vocoder": "digest", "acoustic": "another"}
    assert kept_choices(recorded, files, CPU) == {"vocoder": choice}
    assert "stage=acoustic" in caplog.text
    assert kept_choices(recorded, files, PRESETS["cuda"]) == {}
    assert kept_choices(recorded, files, PRESETS["onnx"]) == {}


def test_a_chosen_engine_is_a_setting_of_its_stage_alone():
    tuned = with_choices(CPU, {"vocoder": Choice(OV, "digest", {}, {})})
    assert tuned.model(contract.VOCODER).settings.engine == OV
    assert tuned.model(contract.ACOUSTIC).settings.engine == ORT


class Stage:
    """A stage that takes a known time by a clock of its own."""

    def __init__(self, clock, seconds, value):
        self.clock, self.seconds, self.value = clock, seconds, value

    def run(self, requests: list[Arrays]) -> list[Arrays]:
        self.clock.now += self.seconds
        return [{"waveform": request["latents"] * self.value} for request in requests]


class Clock:
    now = 0.0

    def perf_counter(self):
        return self.now


def test_every_engine_runs_every_window_and_the_times_are_recorded(tmp_path, monkeypatch):
    clock = Clock()
    seconds = {ORT: 0.02, OV: 0.01, BF16: 0.005}
    values = {ORT: 1.0, OV: 1.0, BF16: 1.01}
    folder = tmp_path / "vocoder" / "1"
    folder.mkdir(parents=True)
    (folder / "model.onnx").touch()
    monkeypatch.setattr(tuning, "time", clock)
    monkeypatch.setattr(tuning, "candidates", lambda _: (ORT, OV, BF16))
    monkeypatch.setattr(
        tuning, "open_stage", lambda model, path, how: Stage(clock, seconds[how.engine], values[how.engine])
    )
    monkeypatch.setattr(tuning, "declared_shapes", lambda path: {"latents": ["B", 4, "F"], "frame_lengths": ["B", 1]})
    found = tune(tmp_path, CPU, {"vocoder": "digest"}, Tuning.FAST)
    (choice,) = found.values()
    assert choice.engine == BF16
    assert choice.graph == "digest"
    assert choice.measured_ms == {ORT: 80.0, OV: 40.0, BF16: 20.0}  # four windows
    assert choice.deviation_db == {OV: 200.0, BF16: 40.0}


def test_off_measures_nothing(tmp_path):
    assert tune(tmp_path, CPU, {}, Tuning.OFF) == {}
