import json

import pytest
from click.testing import CliRunner

from gsv_loadtest.plan_cli import plan_command


def loop(audio_s_per_s, first_s, gaps=0):
    waits = {"p50": first_s, "p95": first_s}
    return {"audio_s_per_s": audio_s_per_s, "first_audio_s": waits, "streams_with_underrun": gaps, "whole": 10}


@pytest.fixture
def figures(tmp_path):
    served = {
        "closed loop, 64 streams": loop(50.0, 1.0, gaps=10),
        "closed loop, 1 streams": loop(10.0, 0.1),
        "open loop, 2/s, seed 1": loop(0.0, 0.1),
        "open loop, 2/s, seed 2": loop(0.0, 0.3),
    }
    path = tmp_path / "figures.json"
    path.write_text(json.dumps({"served": served}))
    return str(path)


@pytest.mark.slow
def test_a_plan_is_one_line_of_json_and_stands_beside_its_check(figures, tmp_path):
    picture = tmp_path / "plan.png"
    options = ["--figures", figures, "--listeners", "1000", "--loss", "3", "--plot", str(picture)]
    told = CliRunner().invoke(plan_command, options)
    assert told.exit_code == 0, told.stderr
    found = json.loads(told.stdout)
    assert found["machines"] == pytest.approx(1000 / found["listeners_per_machine"], rel=0.02)
    (row,) = found["check"]
    assert (row["rate_per_s"], row["measured_s"]) == (2.0, 0.2)
    assert 0.1 <= row["simulated_s"] < 0.3
    assert "first audio p95" in told.stderr
    assert picture.stat().st_size > 1000


def test_figures_without_a_closed_loop_are_refused_in_words(tmp_path):
    path = tmp_path / "none.json"
    path.write_text("{}")
    told = CliRunner().invoke(plan_command, ["--figures", str(path)])
    assert told.exit_code == 1
    assert "measure some first" in told.stderr
