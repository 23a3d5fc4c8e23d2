"""What is said of a machine's GPU, told by machines that are made up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gsv_client import gpu
from gsv_client.doctor import Verdict
from gsv_client.gpu import Card, Machine, Provider, findings, look, reason

H100 = Card("NVIDIA H100 80GB HBM3", "580.159.03", "81559 MiB")
NONE = "no NVIDIA driver (nvidia-smi is not here)"
WORKS = Provider(True, "ONNX Runtime 1.31.1 with CUDAExecutionProvider")
FAILS = Provider(False, "ONNX Runtime 1.32.0 was built without CUDAExecutionProvider")


def machine(**facts: Any) -> Machine:
    nothing = {"cards": (), "no_card": NONE, "provider": FAILS, "tensorrt": (), "preset": None, "engines": ()}
    return Machine(**{**nothing, **facts})


def told(**facts: Any) -> dict[str, tuple[str, str, str]]:
    return {each.subject: (each.verdict.value, each.found, each.advice) for each in findings(machine(**facts))}


def test_a_machine_without_a_gpu_takes_the_cpu_and_nothing_is_wrong_with_that() -> None:
    assert machine().best_preset == "cpu"
    assert reason(machine()) == f"preset cpu: {NONE}"
    assert told() == {"gpu": ("ok", NONE, "presets cuda, onnx and tensorrt need one; cpu needs none")}


def test_a_gpu_with_its_provider_is_taken_and_named() -> None:
    here = machine(cards=(H100,), provider=WORKS)
    assert here.best_preset == "cuda"
    assert reason(here).startswith("preset cuda: NVIDIA H100 80GB HBM3, driver 580.159.03, ONNX Runtime 1.31.1 with")
    found = told(cards=(H100,), provider=WORKS, preset="cuda", tensorrt=("tensorrt-rtx-cu13 1.7.1.116",))
    assert found["gpu"] == ("ok", "NVIDIA H100 80GB HBM3, 81559 MiB, driver 580.159.03", "")
    assert found["cuda provider"] == ("ok", WORKS.found, "")
    assert found["tensorrt"][1] == "tensorrt-rtx-cu13 1.7.1.116"
    assert found["engines"][1] == "built for preset cuda, 0 TensorRT engines"


def test_a_gpu_whose_provider_is_missing_is_not_taken_and_the_way_to_it_is_said() -> None:
    here = machine(cards=(H100,))
    assert here.best_preset == "cpu"
    assert "is here, but ONNX Runtime 1.32.0 was built without CUDAExecutionProvider; `make cuda` puts" in reason(here)
    assert told(cards=(H100,))["cuda provider"][0] == "ok", "a server on the CPU lacks nothing"
    verdict, _found, advice = told(cards=(H100,), preset="cuda")["cuda provider"]
    assert (verdict, advice[:11]) == ("warning", "`make cuda`")


@pytest.mark.parametrize("preset", ["cuda", "onnx", "tensorrt"])
def test_what_was_built_for_a_gpu_where_there_is_none_is_a_warning(preset: str) -> None:
    assert told(preset=preset)["gpu"][0] == "warning"
    assert told(preset="cpu")["gpu"][0] == "ok"


def test_engines_are_named_and_missing_ones_asked_for(tmp_path: Path) -> None:
    (tmp_path / "vocoder" / "1").mkdir(parents=True)
    (tmp_path / "build.json").write_text(json.dumps({"preset": "tensorrt", "stages": {}}))
    assert told(preset="tensorrt")["engines"][0] == "warning"
    (tmp_path / "vocoder" / "1" / "model.plan").touch()
    here = look(tmp_path)
    assert (here.preset, here.engines) == ("tensorrt", ("vocoder",))
    assert list(findings(here))[-1].found == "built for preset tensorrt, 1 TensorRT engines: vocoder"


@pytest.mark.parametrize("record", ["", "[]", "{}", "{"])
def test_a_repository_that_was_never_built_is_none(tmp_path: Path, record: str) -> None:
    (tmp_path / "build.json").write_text(record)
    assert look(tmp_path).preset is None


def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(gpu.shutil, "which", lambda name: str(program))


def test_cards_are_those_that_nvidia_smi_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi(
        tmp_path, monkeypatch, 'echo "NVIDIA H100 80GB HBM3, 580.159.03, 81559 MiB"; echo "NVIDIA L4, 580.1, 23034 MiB"'
    )
    assert gpu.find_cards()[0] == (H100, Card("NVIDIA L4", "580.1", "23034 MiB"))


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (
            "echo 'NVIDIA-SMI has failed because it could not communicate with the driver'; exit 9",
            "nvidia-smi: NVIDIA-SMI",
        ),
        ("echo; exit 0", "nvidia-smi lists no card"),
        ("exit 3", "nvidia-smi: it ended with 3"),
    ],
)
def test_a_driver_that_does_not_work_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, told: str
) -> None:
    smi(tmp_path, monkeypatch, script)
    cards, why = gpu.find_cards()
    assert cards == ()
    assert why.startswith(told)


def runtime(providers: list[str], of_session: list[str] | Exception) -> SimpleNamespace:
    def open_session(graph: bytes, providers: list[str]) -> SimpleNamespace:
        if isinstance(of_session, Exception):
            raise of_session
        return SimpleNamespace(get_providers=lambda: of_session)

    return SimpleNamespace(
        __version__="9.9",
        get_available_providers=lambda: providers,
        set_default_logger_severity=lambda level: None,
        preload_dlls=lambda: sys.stdout.write("Failed to load libcublas.so.13\n"),  # as ONNX Runtime 1.31 prints it
        InferenceSession=open_session,
    )


CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


@pytest.mark.parametrize(
    ("there", "works", "found"),
    [
        (runtime([CUDA, CPU], [CUDA, CPU]), True, "ONNX Runtime 9.9 with CUDAExecutionProvider"),
        (runtime([CUDA, CPU], [CPU]), False, "ONNX Runtime 9.9: CUDA's libraries do not load"),
        (runtime([CPU], [CPU]), False, "ONNX Runtime 9.9 was built without CUDAExecutionProvider"),
        (runtime([CUDA], RuntimeError("no device")), False, "ONNX Runtime 9.9: CUDAExecutionProvider fails: no device"),
        (None, False, "ONNX Runtime is not installed"),
    ],
)
def test_a_provider_counts_only_if_it_runs_a_graph(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], there: Any, works: bool, found: str
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", there)
    assert gpu.find_provider(has_card=True) == Provider(works, found)
    assert capsys.readouterr().out == "", "make reads the preset from there"


def test_a_provider_is_not_tried_without_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime([CUDA, CPU], RuntimeError("no driver")))
    found = gpu.find_provider(has_card=False)
    assert found == Provider(False, "ONNX Runtime 9.9 has CUDAExecutionProvider, which was not tried without a card")


def test_the_graph_that_it_runs_is_one() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(gpu._GRAPH, providers=[CPU])
    assert session.run(None, {"x": [2.5]})[0].tolist() == [2.5]


@pytest.mark.slow
def test_the_command_prints_the_preset_alone_to_stdout() -> None:
    ended = subprocess.run([sys.executable, "-m", "gsv_client.gpu"], capture_output=True, text=True, check=True)
    assert ended.stdout in ("cpu\n", "cuda\n")
    assert ended.stderr.startswith(f"preset {ended.stdout.strip()}: ")
    assert Verdict.OK.value == "ok"
