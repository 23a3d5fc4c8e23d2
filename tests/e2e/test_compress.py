"""A voice becomes one at 8 bits by the command, from its own checkpoint alone: its own graphs say the lessons."""

import json
import shutil

import pytest

from gsv_build.graphs.graph_quantisation import T2SQuantisation
from gsv_build.weights import T2S_QUANTISATION_FILE
from gsv_compress.__main__ import main
from gsv_runtime.settings import read_build

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # tensorboard's own


def test_a_voice_says_its_lessons_is_quantised_and_reported_beside_the_new_one(
    repository, make_recording, tmp_path, capsys
):
    weights, out, work = repository.parent / "weights", tmp_path / "out", tmp_path / "work"
    before = {path: path.read_bytes() for path in weights.glob("s*")}
    (tmp_path / "hum.wav").write_bytes(make_recording())
    row = {"voice": "hum", "audio": "hum.wav", "prompt_text": "A note is hummed.", "prompt_language": "en"}
    (tmp_path / "references.json").write_text(json.dumps([row]))
    shutil.copytree(repository, work / "teacher" / "model_repository")  # built already
    asked = ["--weights", weights, "--references", tmp_path, "--out", out, "--work", work]
    asked += ["--lessons", 2, "--texts", 1, "--threads", 1, "--judges", tmp_path / "nobody"]
    assert main([*map(str, asked)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert T2SQuantisation.read(out / T2S_QUANTISATION_FILE).precision.value == "int8"
    page = (out / "compressed.md").read_text()
    assert "T2S at 8 bits" in page
    assert "Not judged" in page
    times = json.loads((out / "compressed.json").read_text())["ms_per_second"]
    assert all(ms > 0 for side in ("before", "after") for ms in times[side].values())
    assert read_build(work / "student" / "model_repository")["t2s_precision"] == "int8"  # built as any other
    assert read_build(work / "teacher" / "model_repository") == read_build(repository)
    assert {path: path.read_bytes() for path in before} == before, "the voice itself was changed"
