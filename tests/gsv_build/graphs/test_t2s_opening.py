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
from gsv_runtime.t2s import cuda_engine, opening
from gsv_runtime.t2s.cpu_engine import CpuEngine
from gsv_runtime.t2s.cuda_engine import CudaEngine
from gsv_runtime.t2s.engine import StepRow, warming_prompt

SIZES = T2SSizes(hidden=16, heads=2, layers=2, feed_forward=32, num_phones=20, vocabulary=33, bert_dim=8)
SETTINGS = {name: preset.model(contract.T2S).settings for name, preset in PRESETS.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("t2s")
    write_t2s_graphs(T2S(SIZES).eval(), folder, max_positions=64)
    write_t2s_gpu_graphs(T2S(SIZES).eval(), folder, cache_rows=64)
    return folder


@pytest.fixture
def asked(monkeypatch):
    """How sessions for a GPU were asked for; they are opened on the host."""
    asked = []

    def open_on_host(graph, threads, device, provider_options=None, sizes=None):
        asked.append((graph.name, device, provider_options))
        return open_session(graph, threads)

    monkeypatch.setattr(cuda_engine, "open_session", open_on_host)
    monkeypatch.setattr(opening, "CUDA", CPU)
    return asked


def test_the_cpu_preset_runs_both_phases_with_one_graph_on_the_cpu(folder):
    engine = opening.open_engine(folder, SETTINGS["cpu"])
    assert isinstance(engine, CpuEngine)
    assert engine.capacity.slots == SETTINGS["cpu"].slots


@pytest.mark.parametrize("preset", ["onnx", "tensorrt"])
@pytest.mark.parametrize("capture", [False, True])
def test_the_presets_for_a_gpu_run_a_pair_on_it_and_capture_the_step_where_told(folder, asked, preset, capture):
    engine = opening.open_engine(folder, replace(SETTINGS[preset], cache_rows=64, cuda_graph=capture))
    assert isinstance(engine, CudaEngine)
    options = {"enable_cuda_graph": "1"} if capture else None
    assert asked == [("t2s_prefill.onnx", CPU, None), ("t2s_decode_step.onnx", CPU, options)]
    logits = engine.prefill(3, warming_prompt(engine.capacity))
    assert np.isfinite(logits).all()
    assert engine.decode_step([StepRow(rows=1)] * engine.capacity.slots).shape == (16, SIZES.vocabulary)


def test_a_step_that_cannot_be_captured_is_launched_and_the_log_says_why(folder, monkeypatch, caplog):
    def refuse_to_capture(graph, threads, device, provider_options=None, sizes=None):
        if provider_options:
            raise RuntimeError("a node lies on the CPU")
        return open_session(graph, threads, sizes=sizes)

    monkeypatch.setattr(cuda_engine, "open_session", refuse_to_capture)
    monkeypatch.setattr(opening, "CUDA", CPU)
    engine = opening.open_engine(folder, replace(SETTINGS["cuda"], cache_rows=64, slots=4))
    assert engine.decode_step([StepRow(rows=1)] * 4).shape == (4, SIZES.vocabulary)
    assert "not captured" in caplog.text
    assert "a node lies on the CPU" in caplog.text


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
