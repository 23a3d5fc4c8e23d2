"""T2S's engines at demo size: the benchmark of official ones takes a minute."""

import argparse

import pytest

from gsv_bench import t2s_engines

pytestmark = [pytest.mark.tensorrt, pytest.mark.slow]


def test_every_graph_of_t2s_becomes_an_engine_whose_size_is_told():
    pytest.importorskip("tensorrt_rtx", reason="needs the wheel tensorrt-rtx-cu13")
    parser = argparse.ArgumentParser()
    t2s_engines.add_arguments(parser.add_argument_group("t2s"))
    assert parser.parse_args([]).engine_slots == 16
    arguments = parser.parse_args(["--engine-size", "small", "--engine-slots", "2", "--engine-rows", "64"])
    text, values = t2s_engines.run(arguments)
    found = values["t2s_engines"]
    assert found["slots"] == 2
    assert all(found[name]["mib"] > 0 for name in ("t2s_prefill", "t2s_decode_step", "t2s_decode_sample"))
    assert "| t2s_prefill |" in text
