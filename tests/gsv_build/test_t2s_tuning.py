"""T2S measured by both of its engines, with real graphs of a small network."""

from dataclasses import replace

import pytest
import torch

from gsv_build import t2s_tuning
from gsv_build.deployment import PRESETS
from gsv_build.graphs.graph_quantisation import T2SPrecision, T2SQuantisation
from gsv_build.graphs.t2s_graphs import write_t2s_graphs
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import T2SSizes
from gsv_runtime import contract
from gsv_runtime.settings import FUSED, ONNX_RUNTIME
from gsv_runtime.t2s import fused_library

SIZES = T2SSizes(hidden=64, heads=4, layers=1, feed_forward=64, num_phones=20, vocabulary=65, bert_dim=8)
SETTINGS = replace(PRESETS["cpu"].model(contract.T2S).settings, cache_rows=256)


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    write_t2s_graphs(T2S(SIZES).eval(), tmp_path, 256)
    return tmp_path


@pytest.mark.skipif(not fused_library.runs_here(), reason="needs AVX2 and a compiler")
def test_both_engines_are_measured_on_the_same_prompts_and_steps(folder):
    measured, deviation = t2s_tuning.measure(folder, SETTINGS, rounds=2)
    assert measured.keys() == {ONNX_RUNTIME, FUSED}
    assert all(value > 0 for value in measured.values())
    assert deviation.keys() == {FUSED}
    assert deviation[FUSED] > t2s_tuning.least_db(folder) == t2s_tuning.EXACT_DB


def test_where_the_fused_engine_cannot_run_there_is_nothing_to_compare(folder, monkeypatch):
    monkeypatch.setattr(t2s_tuning, "why_not_here", lambda _: "no AVX-512")
    measured, deviation = t2s_tuning.measure(folder, SETTINGS, rounds=1)
    assert measured.keys() == {ONNX_RUNTIME}
    assert deviation == {}


def test_of_rounded_weights_less_nearness_is_asked_because_inputs_are_rounded_again(tmp_path):
    write_t2s_graphs(T2S(SIZES).eval(), tmp_path, 256, T2SQuantisation(T2SPrecision.INT8))
    assert t2s_tuning.least_db(tmp_path) < t2s_tuning.EXACT_DB
