from functools import partial
from pathlib import Path

import pytest

from gsv_bench import compressed, compressed_stages
from gsv_bench.compressed import FLOAT32, GOALS, SIDES
from gsv_build.sizes import T2SSizes
from gsv_runtime.settings import FUSED, ONNX_RUNTIME
from gsv_runtime.t2s import fused_library


def test_every_side_is_measured_beside_the_default_and_every_goal_is_of_a_side():
    assert SIDES[FLOAT32] == compressed.Side(t2s_engine=ONNX_RUNTIME)
    assert GOALS.keys() <= SIDES.keys()


def test_a_side_is_told_by_stage_with_its_goal_and_how_it_stands_to_the_default_of_the_same_round():
    whole = {FLOAT32: [2000.0, 8000.0, 2000.0], "everything": [400.0, 1600.0, 400.0]}  # a busy round in the middle
    stages = [{"t2s": 300.0, "acoustic": 20.0, "vocoder": 50.0}] * 3
    sides = {name: compressed._summary(name, whole, whole[name], stages) for name in whole}
    assert sides["everything"]["times_as_fast"] == 5.0
    assert sides["everything"]["rtf"] == 0.133
    found = {"version": "v2", "rounds": 3, "load_average_at_start": 0.5, "sides": sides}
    assert "| everything | 300 | 20 | 50 | 400 | 0.13 | 0.13 | 5.00 | 400 |" in compressed.table(found)


def test_sides_of_a_stage_are_run_in_turn_and_the_first_round_is_not_counted():
    calls: list[str] = []
    sides = {name: partial(calls.append, name) for name in ("hifi-gan, onnxruntime", "light, onnxruntime")}
    times = compressed_stages._by_turns(sides, rounds=2, title="vocoder")
    assert calls == [*sides] * 3
    assert times.keys() == sides.keys()


def test_a_stage_is_told_beside_the_first_of_its_sides():
    found = {
        "version": "v2", "rounds": 2, "load_average_at_start": 0.5,
        "vocoder_ms": {"hifi-gan, onnxruntime": 800.0, "light, onnxruntime": 40.0},
        "acoustic_ms": {"onnxruntime": 45.0},
        "t2s_step_ms": {"24 layers, fp32": 16.0, "12 layers, int8": 4.0},
        "t2s_megabytes": {"24 layers, fp32": 300.0, "12 layers, int8": 50.0},
    }  # fmt: skip
    page = compressed_stages.table(found)
    assert "| vocoder, 3 s | light, onnxruntime | 40.0 | 20.00 |" in page
    assert "| T2S, a step | 12 layers, int8 | 4.0 | 4.00 | 50.0 |" in page


@pytest.mark.slow
def test_steps_of_whole_halved_and_pruned_networks_are_measured_at_each_precision(tmp_path: Path):
    sizes = T2SSizes(hidden=128, heads=4, layers=2, feed_forward=256, num_phones=40, vocabulary=33, bert_dim=8)
    sides = compressed_stages._t2s_sides(sizes, tmp_path)
    networks = ("2 layers", "1 layers", "2 layers pruned")
    bits = {f"{network}, {bits}" for network in networks for bits in ("fp32", "int8", "int4")}
    engines = [ONNX_RUNTIME, *([FUSED] if fused_library.runs_here() else [])]
    slots = ("1 slots", "10 slots")
    assert sides.keys() == {f"{each}; {engine}, {many}" for each in bits for engine in engines for many in slots}
    for side in sides.values():
        side()
    megabytes = [compressed_stages._megabytes(tmp_path / f"2 layers, {bits}") for bits in ("fp32", "int8")]
    assert megabytes[1] < megabytes[0]


def test_a_side_is_built_on_one_that_stands_before_it():
    names = list(SIDES)
    assert all(side.base is None or names.index(side.base) < names.index(name) for name, side in SIDES.items())
