import pytest
import torch

from gsv_bench.t2s_cases import never_end, open_cuda_engine, open_engine, random_prompt
from gsv_bench.t2s_slots import SlotTimings, measure, sides_here, table
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import T2SSizes
from gsv_runtime.graphs.session import CPU

SIZES = T2SSizes(hidden=64, heads=4, layers=2, feed_forward=64, num_phones=20, vocabulary=65, bert_dim=12)


def test_the_ratios_compare_ten_slots_with_one():
    timings = SlotTimings({1: [0.010, 0.010, 0.500], 10: [0.025, 0.025, 0.001]}, [0.2])
    values = timings.to_json()
    assert values["tokens_per_s"] == {"1": 100.0, "10": 400.0}
    assert values["tokens_per_s_ratio"] == 4.0
    assert values["round_cost_ratio"] == 2.5


@pytest.mark.slow
def test_every_number_of_slots_decodes_that_many_sequences_with_every_engine():
    torch.manual_seed(0)
    module = T2S(SIZES)
    never_end(module)
    engines = {each.name: open_engine(module, each, slots=10, threads=1) for each in sides_here()}
    widths = {name: [] for name in engines}
    for name, engine in engines.items():
        launch = engine.launch
        engine.launch = lambda states, *rest, name=name, launch=launch: (
            widths[name].append(len(states)), launch(states, *rest)
        )[1]  # fmt: skip
    found = measure(engines, SIZES, (1, 10), turns=2)
    assert {name: {n: len(times) for n, times in each.rounds_s.items()} for name, each in found.items()} == {
        name: {1: 10, 10: 10} for name in engines
    }
    for seen in widths.values():
        assert seen.count(10) >= 15
        assert seen.count(1) >= 15
    assert table(found).count("| 10 |") == 1


def test_the_engine_of_a_gpu_is_measured_with_the_slots_in_use_told_apart_though_it_runs_all():
    torch.manual_seed(0)
    module = T2S(SIZES)
    never_end(module)
    engine, widths = open_cuda_engine(module, 10, CPU, capture=False), set()
    step = engine.decode_step
    engine.decode_step = lambda rows: (widths.add(len(rows)), step(rows))[1]
    found = measure({"cuda": engine}, SIZES, (1, 10), turns=1)
    assert {n: len(times) for n, times in found["cuda"].rounds_s.items()} == {1: 5, 10: 5}
    assert widths == {10}


@pytest.mark.parametrize("side", sides_here(), ids=lambda side: side.name)
def test_an_engine_outlives_the_folder_of_its_graph(side):
    torch.manual_seed(0)
    engine = open_engine(T2S(SIZES), side, slots=1, threads=1)
    engine.prefill(0, random_prompt(SIZES, 1))
