"""`verify` reports every stage, and fails when a bound is exceeded."""

import json

import pytest

from gsv_build.__main__ import main
from gsv_build.checks import verify
from gsv_build.checks.precision_errors import HalfReport
from gsv_build.checks.stage_errors import StageDifference
from gsv_build.checks.verify import VersionReport


def report(**changes):
    stages = {"t2s": StageDifference(1e-5, 9.0), "vocoder": StageDifference(1e-6, 0.3)}
    return VersionReport(**{"stages": stages, "changed_prompt_tokens": 0, "waveform_snr_db": 110.0, **changes})


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({}, None),
        ({"stages": {"t2s": StageDifference(2e-3, 9.0)}}, "t2s: error 0.002, need at most 0.001"),
        ({"stages": {"t2s_gpu_fp16": StageDifference(1.9e-2, 9.0)}}, None),
        ({"stages": {"t2s_gpu_fp16": StageDifference(3e-2, 9.0)}}, "t2s_gpu_fp16: error 0.03, need at most 0.02"),
        ({"stages": {"t2s_gpu_fp32": StageDifference(float("inf"), 9.0)}}, "t2s_gpu_fp32: error inf"),
        ({"stages": {"vocoder": StageDifference(1e-3, 0.3)}}, "vocoder: error 0.001, need at most 0.0003"),
        ({"stages": {"vocoder": StageDifference(float("nan"), 0.3)}}, "vocoder: error nan"),
        ({"waveform_snr_db": 59.9}, "waveform: SNR 59.9 dB, need at least 60"),
        ({"waveform_snr_db": float("nan")}, "waveform: SNR nan dB"),
        ({"changed_prompt_tokens": 1}, "speech_tokenizer: 1 tokens differ, need none"),
        ({"half": HalfReport({"bert": 40.0}, 45.0, tied_prompt_tokens=2)}, None),
        ({"half": HalfReport({"bert": 39.9}, 45.0)}, "bert at half precision: SNR 39.9 dB, need at least 40"),
        ({"half": HalfReport({"bert": float("nan")}, 45.0)}, "bert at half precision: SNR nan dB"),
        ({"half": HalfReport({}, 44.9)}, "waveform at half precision: SNR 44.9 dB, need at least 45"),
        ({"half": HalfReport({}, 45.0, changed_prompt_tokens=1)}, "hubert at half precision: 1 prompt tokens differ"),
    ],
)
def test_each_bound_is_held(changes, failure):
    failures = report(**changes).failures()
    assert failures == [] if failure is None else failures[0].startswith(failure)


class Measured:
    """Stands in for the measurement: v1 as told, everything else good."""

    v1: VersionReport

    def __init__(self, preset, folder, seed):
        assert (preset, folder.is_dir(), seed) == ("small", True, 7)

    def verify(self, version):
        return self.v1 if version.value == "v1" else report()


@pytest.mark.parametrize(("v1", "status"), [(report(), 0), (report(waveform_snr_db=12.0), 1)])
def test_the_last_line_is_json_and_the_status_tells_whether_all_bounds_hold(v1, status, monkeypatch, capsys):
    monkeypatch.setattr(Measured, "v1", v1, raising=False)
    monkeypatch.setattr(verify, "Verifier", Measured)
    assert main(["verify", "--json", "--size", "small", "--seed", "7", "--versions", "v1", "v2"]) == status
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["ok"] == (status == 0)
    assert list(summary["versions"]) == ["v1", "v2"]
    assert summary["versions"]["v2"]["stages"]["t2s"] == {"largest_error": 1e-5, "peak": 9.0}
    assert bool(summary["versions"]["v1"]["failures"]) == (status == 1)


def test_misuse_has_status_2():
    with pytest.raises(SystemExit) as stop:
        main(["verify", "--versions", "v3"])
    assert stop.value.code == 2
