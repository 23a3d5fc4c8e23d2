from pathlib import Path

from gsv_bench import compressed, compressed_stages
from gsv_bench.compressed import FLOAT32, GOALS, SIDES
from gsv_runtime.versions import ModelVersion


def test_every_side_is_measured_beside_the_default_and_every_goal_is_of_a_side():
    assert SIDES[FLOAT32] == compressed.Side()
    assert GOALS.keys() <= SIDES.keys()


def test_a_side_is_told_by_stage_with_its_goal_and_how_it_stands_to_the_default_of_the_same_round():
    whole = {FLOAT32: [2000.0, 8000.0, 2000.0], "everything": [400.0, 1600.0, 400.0]}  # a busy round in the middle
    stages = [{"t2s": 300.0, "acoustic": 20.0, "vocoder": 50.0}] * 3
    sides = {name: compressed._summary(name, whole, whole, stages) for name in whole}
    assert sides["everything"]["times_as_fast"] == 5.0
    assert sides["everything"]["rtf"] == 0.133
    found = {"version": "v2", "rounds": 3, "load_average_at_start": 0.5, "sides": sides}
    assert "| everything | 300 | 20 | 50 | 400 | 0.13 | 0.13 | 5.00 | 400 |" in compressed.table(found)


def test_stages_are_measured_by_turns_at_small_sizes(tmp_path: Path):
    found = compressed_stages.bench(ModelVersion.V2, "small", 1, tmp_path)
    assert {"hifi-gan, onnxruntime", "light, onnxruntime"} <= found["vocoder_ms"].keys()
    assert {"4 layers, fp32", "2 layers, int4"} <= found["t2s_step_ms"].keys()
    assert found["t2s_megabytes"]["4 layers, int8"] < found["t2s_megabytes"]["4 layers, fp32"]
    assert all(ms > 0 for ms in found["vocoder_ms"].values())
    assert "| T2S, a step | 4 layers, int8 |" in compressed_stages.table(found)
