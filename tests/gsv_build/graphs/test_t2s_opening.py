"""Which engine a deployment gets."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gsv_build.deployment import PRESETS
from gsv_build.graphs.t2s_graphs import write_t2s_gpu_graphs, write_t2s_graphs
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import T2SSizes
from gsv_runtime import contract
from gsv_runtime.graphs.session import CPU, CUDA, open_session
from gsv_runtime.model_files import T2S_DECODE_STEP_FILE, T2S_PREFILL_FILE
from gsv_runtime.t2s import drawing_engine, opening, prefill, sampled_steps
from gsv_runtime.t2s.cpu_engine import CpuEngine
from gsv_runtime.t2s.cuda_engine import CudaEngine
from gsv_runtime.t2s.drawing_engine import DrawingEngine
from gsv_runtime.t2s.engine import SlotState, StepRow, warming_prompt
from gsv_runtime.t2s.launch_shapes import LaunchShapes

SIZES = T2SSizes(hidden=16, heads=2, layers=2, feed_forward=32, num_phones=20, vocabulary=33, bert_dim=8)
SETTINGS = {name: preset.model(contract.T2S).settings for name, preset in PRESETS.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("t2s")
    write_t2s_graphs(T2S(SIZES).eval(), folder, max_positions=64)
    write_t2s_gpu_graphs(T2S(SIZES).eval(), folder, cache_rows=64)
    return folder


SMALL = {"cache_rows": 64, "prefill_rows": "16, 64"}


@pytest.fixture
def asked(monkeypatch):
    """How sessions for a GPU were asked for; they are opened on the host."""
    asked = []

    def open_on_host(graph, threads, device, provider_options=None, sizes=None):
        asked.append((graph.name, tuple((sizes or {}).items()), "enable_cuda_graph" in (provider_options or {})))
        return open_session(graph, threads, sizes=sizes)

    for module in (drawing_engine, prefill, sampled_steps):
        monkeypatch.setattr(module, "open_session", open_on_host)
        monkeypatch.setattr(module, "CPU", None, raising=False)  # or nothing would be captured
    monkeypatch.setattr(opening, "CUDA", CPU)
    return asked


def test_the_cpu_preset_runs_both_phases_with_one_graph_on_the_cpu(folder):
    engine = opening.open_engine(folder, SETTINGS["cpu"])
    assert isinstance(engine, CpuEngine)
    assert engine.capacity.slots == SETTINGS["cpu"].slots


@pytest.mark.parametrize("preset", ["cuda", "onnx", "tensorrt"])
@pytest.mark.parametrize("capture", [False, True])
def test_the_presets_for_a_gpu_prepare_every_span_and_every_length_once(folder, asked, preset, capture):
    settings = replace(SETTINGS[preset], **SMALL, slots=8, spans="1, 8", cuda_graph=capture)
    engine = opening.open_engine(folder, settings)
    assert isinstance(engine, DrawingEngine)
    assert asked == [
        ("t2s_move_slot.onnx", (), False),
        ("t2s_prefill.onnx", (("L", 16),), capture),
        ("t2s_prefill.onnx", (("L", 64),), capture),
        ("t2s_decode_sample.onnx", (("B", 1),), capture),
        ("t2s_decode_sample.onnx", (("B", 8),), capture),
    ]
    asked.clear()
    assert np.isfinite(engine.prefill(3, warming_prompt(engine.capacity))).all()
    for span in engine.spans:
        noise = np.zeros((engine.most_steps, span, SIZES.vocabulary), np.float32)
        assert engine.launch([SlotState()] * span, noise, lambda: None).tokens.shape == (8, span)
    assert asked == [], "nothing is prepared while somebody waits"


@pytest.mark.parametrize("name", ["t2s_prefill.onnx", "t2s_decode_sample.onnx"])
def test_a_shape_that_cannot_be_captured_is_refused_at_the_start_with_its_reason(folder, asked, monkeypatch, name):
    def refuse(graph, threads, device, provider_options=None, sizes=None):
        if graph.name == name and provider_options:
            raise RuntimeError("a node lies on the CPU")
        return open_session(graph, threads, sizes=sizes)

    for module in (prefill, sampled_steps):
        monkeypatch.setattr(module, "open_session", refuse)
    settings = replace(SETTINGS["cuda"], **SMALL, slots=4, spans="2, 4")
    what = "a prompt of 16 rows" if "prefill" in name else "a step of 2 slots"
    with pytest.raises(RuntimeError, match=f"{what} cannot be captured as a CUDA graph: a node lies on the CPU; need"):
        opening.open_engine(folder, settings)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"spans": "1, 8"}, "spans is '1, 8'; need ascending numbers above 0, the last 16"),
        ({"spans": "8, 1, 16"}, "need ascending numbers"),
        ({"spans": "0, 16"}, "above 0"),
        ({"spans": "one, 16"}, "need numbers with commas between, the last 16"),
        ({"prefill_rows": "128"}, "prefill_rows is '128'; need ascending numbers above 0, the last 2560"),
        ({"steps_per_launch": 0}, "steps_per_launch is 0; need 1 or more"),
    ],
)
def test_shapes_that_do_not_reach_what_clients_may_ask_for_are_refused(changes, told):
    with pytest.raises(ValueError, match=told):
        LaunchShapes.parse(replace(SETTINGS["onnx"], **changes))


@pytest.mark.parametrize("preset", ["cuda", "onnx", "tensorrt"])
def test_every_preset_for_a_gpu_reaches_all_its_slots_and_rows(preset):
    shapes = LaunchShapes.parse(SETTINGS[preset])
    assert shapes.spans[-1] == SETTINGS[preset].slots == PRESETS[preset].model(contract.TTS).settings.t2s_slots
    assert shapes.rows_for(1) == 128
    assert shapes.rows_for(SETTINGS[preset].cache_rows) == SETTINGS[preset].cache_rows


@pytest.mark.skipif(CUDA.is_here(), reason="there is one")
@pytest.mark.parametrize("preset", ["onnx", "tensorrt"])
def test_a_preset_for_a_gpu_does_not_load_where_there_is_none(folder, preset):
    with pytest.raises(RuntimeError, match="no CUDAExecutionProvider that works here"):
        opening.open_engine(folder, SETTINGS[preset])


@pytest.mark.gpu
@pytest.mark.skipif(not CUDA.is_here(), reason="needs onnxruntime-gpu and a GPU")
@pytest.mark.parametrize("capture", [False, True])
def test_on_a_gpu_logits_are_those_of_the_host(folder, capture):
    pair = folder / T2S_PREFILL_FILE, folder / T2S_DECODE_STEP_FILE
    on_host, on_gpu = CudaEngine(*pair, 4, 64, CPU), CudaEngine(*pair, 4, 64, CUDA, capture)
    for engine in (on_host, on_gpu):
        engine.warm_up()
    prompt = warming_prompt(on_host.capacity)
    np.testing.assert_allclose(on_gpu.prefill(2, prompt), on_host.prefill(2, prompt), atol=2e-2)
    for step in range(20):
        rows = [StepRow(), StepRow(), StepRow(step, step, 1 + step), StepRow()]
        np.testing.assert_allclose(on_gpu.decode_step(rows)[2], on_host.decode_step(rows)[2], atol=2e-2)


def test_an_unknown_device_is_named(folder):
    with pytest.raises(ValueError, match="'tpu'; need cpu or cuda"):
        opening.open_engine(folder, replace(SETTINGS["cpu"], device="tpu"))
