"""A small random voice becomes a smaller one, by the command, from its own checkpoint alone; and that is built."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from gsv_build import checkpoints
from gsv_build.checkpoints.vocoders import load_vocoder
from gsv_build.checks.random_checkpoints import write_random_checkpoints
from gsv_build.weights import BERT_DIRECTORY
from gsv_compress.__main__ import main
from gsv_runtime.settings import read_build
from gsv_runtime.versions import ModelVersion

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # tensorboard's own
ALL = "--vocoder light --t2s-layers 2 --prune 0.25 --precision int8 --lessons 2 --steps 2 --texts 1 --threads 1"


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random v2 whose sentences are long, without Chinese, and a reference."""
    folder = tmp_path_factory.mktemp("voice")
    write_random_checkpoints(folder / "weights", ModelVersion.V2, "small")
    shutil.rmtree(folder / "weights" / BERT_DIRECTORY)
    t2s = checkpoints.load_t2s(folder / "weights" / "s1.ckpt").module
    t2s.head.weight.data[-1] = 0.0  # its sentences do not end of themselves, so that they are long enough
    checkpoints.save_t2s(folder / "weights" / "s1.ckpt", t2s)
    times = np.arange(32_000 * 4) / 32_000
    (folder / "references").mkdir()
    soundfile.write(folder / "references" / "hum.wav", 0.3 * np.sin(900 * times) * np.sin(9 * times), 32_000)
    row = {"voice": "hum", "audio": "hum.wav", "prompt_text": "A note is hummed.", "prompt_language": "en"}
    (folder / "references" / "references.json").write_text(json.dumps([row]))
    return folder


def test_all_measures_together_make_a_directory_that_is_built_as_any_other(
    voice: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in (voice / "weights").glob("s*")}
    out = tmp_path / "out"
    asked = ["--weights", voice / "weights", "--references", voice / "references", "--out", out, *ALL.split()]
    assert main([*map(str, asked), "--judges", str(tmp_path / "nobody")]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    student, sovits = checkpoints.load_t2s(out / "s1.ckpt").sizes, checkpoints.load_sovits(out / "s2.pth").sizes
    assert (student.layers, student.feed_forward) == (2, 384)
    assert load_vocoder(out / "vocoder", sovits).sizes.blocks == 8
    page = (out / "compressed.md").read_text()
    assert "layers: 2 of 4" in page
    assert "Not judged" in page
    assert "make judges" in page
    times = json.loads((out / "compressed.json").read_text())["ms_per_second"]
    assert all(ms > 0 for side in ("before", "after") for ms in times[side].values())
    assert {path: path.read_bytes() for path in before} == before, "the voice itself was changed"
    repository = tmp_path / "out-work" / "student" / "model_repository"  # built for the report, as any other
    assert read_build(repository)["t2s_precision"] == "int8"
    assert (repository / "vocoder" / "1" / "spectrum.onnx").is_file()


def test_nothing_to_do_is_misuse(voice: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--weights", str(voice / "weights"), "--out", str(tmp_path)])
    assert ended.value.code == 2
    assert "--vocoder, --t2s-layers, --prune or --precision" in capsys.readouterr().err


def test_references_that_are_not_there_are_named(voice: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    asked = ["--weights", voice / "weights", "--references", tmp_path, "--out", tmp_path / "out", "--precision", "int8"]
    assert main([*map(str, asked), "--work", str(tmp_path / "work")]) == 1
    assert "references.json is not there" in caplog.text
