"""A small random voice becomes a smaller one, by the command; a stand-in says its sentences, so no graph is built.

`tests/e2e/test_compress.py` lets a voice's own graphs say them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from gsv_build import checkpoints
from gsv_build.checkpoints.text_students import load_text_student
from gsv_build.checkpoints.vocoders import load_vocoder
from gsv_build.checks.random_checkpoints import write_random_checkpoints
from gsv_build.graphs.eight_bits import DecoderQuantisation
from gsv_build.graphs.graph_quantisation import T2SPrecision, T2SQuantisation
from gsv_build.weights import (
    BERT_DIRECTORY,
    DECODER_QUANTISATION_FILE,
    SOVITS_FILE,
    T2S_FILE,
    T2S_QUANTISATION_FILE,
    TEXT_STUDENT_DIRECTORY,
    VOCODER_DIRECTORY,
    WeightFiles,
    find_weights,
)
from gsv_compress import making
from gsv_compress.__main__ import main
from gsv_compress.lessons import HELD_OUT
from gsv_compress.teacher import Sentence, Speaker
from gsv_runtime import contract
from gsv_runtime.contract import SAMPLES_PER_TOKEN
from gsv_runtime.stages import Stages
from gsv_runtime.tensors import Arrays
from gsv_runtime.versions import ModelVersion
from gsv_runtime.voices.store import Voice

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # tensorboard's own
ALL = "--vocoder light --t2s-layers 2 --prune 0.25 --precision int8 --decoder-precision int8"
SHORT = "--lessons 3 --steps 2 --texts 1 --threads 1"
TOKENS = 40


class NoStages:
    """Stages that answer nothing."""

    def call(self, model: contract.Model, **_: Any) -> Arrays:
        """Answer nothing."""
        return {}


class StandIn:
    """Says noise in the place of a voice's own graphs."""

    def __init__(self, files: WeightFiles, _directory: Path, work: Path, _threads: int) -> None:
        (work / "model_repository").mkdir(parents=True, exist_ok=True)
        self._t2s = checkpoints.load_t2s(files.t2s).sizes
        self._sovits = checkpoints.load_sovits(files.sovits).sizes
        self.stages = cast(Stages, NoStages())

    def speakers(self, folder: Path) -> list[Speaker]:
        """One, of whom nothing is known."""
        return [Speaker("hum", folder / "hum.wav", "A note is hummed.", "en", cast(Voice, None))]

    def say(self, _text: str, _language: str, _voice: Voice, seed: int, stages: Stages | None = None) -> list[Sentence]:
        """A sentence of noise; every stage is called once."""
        for stage in (contract.T2S, contract.ACOUSTIC, contract.VOCODER):
            (stages or self.stages).call(stage)
        rng, phones = np.random.default_rng(seed), 9
        return [
            Sentence(
                phones=rng.integers(0, self._t2s.num_phones, phones),
                num_target_phones=5,
                bert_features=np.zeros((self._t2s.bert_dim, phones), dtype=np.float32),
                prompt_tokens=rng.integers(0, self._t2s.vocabulary - 1, 4),
                tokens=rng.integers(0, self._t2s.vocabulary - 1, TOKENS),
                latents=rng.standard_normal((self._sovits.latent, 2 * TOKENS)).astype(np.float32),
                condition=rng.standard_normal(self._sovits.global_dim).astype(np.float32),
                waveform=0.1 * rng.standard_normal(SAMPLES_PER_TOKEN * TOKENS).astype(np.float32),
            )
        ]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random v2 without Chinese, and a list of references."""
    folder = tmp_path_factory.mktemp("voice")
    write_random_checkpoints(folder, ModelVersion.V2, "small")
    shutil.rmtree(folder / BERT_DIRECTORY)
    (folder / "references.json").write_text("[]")
    return folder


def test_all_measures_together_make_a_weights_directory_and_a_report_and_leave_the_voice_as_it_is(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "Teacher", StandIn)
    for batch in (making._SEGMENTS, making._SENTENCES):
        monkeypatch.setitem(batch, "cpu", 1)
    before = {path: path.read_bytes() for path in weights.glob("s*")}
    teacher, sovits = checkpoints.load_t2s(weights / T2S_FILE).sizes, checkpoints.load_sovits(weights / SOVITS_FILE)
    out = tmp_path / "out"
    asked = ["--weights", weights, "--references", weights, "--out", out, "--judges", tmp_path / "nobody"]
    assert main([*map(str, asked), *f"{ALL} {SHORT}".split(), "--device", "cpu"]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    student = checkpoints.load_t2s(out / T2S_FILE).sizes
    assert (student.layers, student.feed_forward) == (2, 384)
    assert (teacher.layers, teacher.feed_forward) == (4, 512)
    assert load_vocoder(out / VOCODER_DIRECTORY, sovits.sizes).sizes.blocks == 8
    assert T2SQuantisation.read(out / T2S_QUANTISATION_FILE).precision.bits == 8
    assert list(DecoderQuantisation.read(out / DECODER_QUANTISATION_FILE).reach) == ["acoustic"], "HiFi-GAN is not used"
    page = (out / "compressed.md").read_text()
    assert "layers: 2 of 4" in page
    assert "Not judged" in page
    assert "make judges" in page
    times = json.loads((out / "compressed.json").read_text())["ms_per_second"]
    assert list(times) == ["before", "after"]
    assert all(list(each) == ["t2s", "acoustic", "vocoder", "sum"] for each in times.values())
    assert {path: path.read_bytes() for path in before} == before, "the voice itself was changed"


def test_a_text_student_takes_the_place_of_bert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(making, "Teacher", StandIn)
    monkeypatch.setitem(making._SEGMENTS, "cpu", 2)
    voice, out = tmp_path / "voice", tmp_path / "out"
    write_random_checkpoints(voice, ModelVersion.V2, "small")
    (voice / "references.json").write_text("[]")
    (voice / "LICENCE").write_text("as you like")
    texts = tmp_path / "texts.txt"
    texts.write_text("今天天气很好。\n我们今天去公园。\n公园里的花都开了！\n", encoding="utf-8")
    asked = ["--weights", voice, "--references", voice, "--out", out, "--judges", tmp_path, "--chinese-texts", texts]
    short = "--text-student --precision fp32 --steps 2 --texts 1 --threads 1 --device cpu"
    assert main([*map(str, asked), *short.split()]) == 0
    assert not (out / BERT_DIRECTORY).exists()
    student, bert = load_text_student(out / TEXT_STUDENT_DIRECTORY), checkpoints.load_bert(voice / BERT_DIRECTORY)
    assert student.sizes.bert_dim == bert.sizes.hidden
    assert checkpoints.load_vocabulary(out / TEXT_STUDENT_DIRECTORY) == checkpoints.load_vocabulary(
        voice / BERT_DIRECTORY
    )
    assert find_weights(out).characters == out / TEXT_STUDENT_DIRECTORY
    assert (out / "LICENCE").read_text() == "as you like"
    figures = json.loads((out / "compressed.json").read_text())["measures"]["text student"]
    assert -1 <= figures["cosine of features, mean"] <= 1
    assert figures["likeliest token the same"] == 1.0, "the stand-in gives both the same features"
    assert figures["likeliest token the same without features"] == 1.0, "and none are there"
    assert figures["sentences whose drawn tokens are all the same"] == "1 of 1"
    shutil.rmtree(voice / BERT_DIRECTORY)
    assert main([*map(str, asked), *short.split()]) == 1
    assert "has no BERT to learn from" in caplog.text


def test_without_a_measure_named_t2s_goes_to_8_bits_and_only_what_that_needs_is_said(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "Teacher", StandIn)
    out = tmp_path / "out"
    asked = ["--weights", weights, "--references", weights, "--out", out, "--judges", tmp_path / "nobody"]
    assert main([*map(str, asked), "--texts", "1", "--threads", "1"]) == 0
    assert T2SQuantisation.read(out / T2S_QUANTISATION_FILE).precision is T2SPrecision.INT8
    assert len(list((tmp_path / "out-work" / "lessons" / "en").iterdir())) == HELD_OUT
    assert (out / T2S_FILE).read_bytes() == (weights / T2S_FILE).read_bytes(), "its weights are not trained"
    assert not (out / VOCODER_DIRECTORY).exists()


def test_a_directory_that_is_made_again_has_nothing_of_the_plan_before(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "Teacher", StandIn)
    for batch in (making._SEGMENTS, making._SENTENCES):
        monkeypatch.setitem(batch, "cpu", 1)
    out = tmp_path / "out"
    asked = ["--weights", weights, "--references", weights, "--out", out, "--judges", tmp_path / "nobody"]
    command = [*map(str, asked), *f"{SHORT} --device cpu".split()]
    assert main([*command, "--vocoder", "light", "--t2s-layers", "2"]) == 0
    assert main([*command, "--prune", "0.25", "--precision", "fp32"]) == 0, "its students are others"
    assert checkpoints.load_t2s(out / T2S_FILE).sizes.layers == 4
    assert not (out / T2S_QUANTISATION_FILE).exists()
    assert not (out / VOCODER_DIRECTORY).exists()
    assert main([*command, "--precision", "int4"]) == 0
    assert (out / T2S_FILE).read_bytes() == (weights / T2S_FILE).read_bytes()
    assert (out / SOVITS_FILE).read_bytes() == (weights / SOVITS_FILE).read_bytes()


def test_a_second_vocoder_goes_along_where_no_measure_replaces_it(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "Teacher", StandIn)
    monkeypatch.setitem(making._SEGMENTS, "cpu", 1)
    first, second = tmp_path / "first", tmp_path / "second"
    command = f"--references {weights} --judges {tmp_path} {SHORT} --device cpu".split()
    assert main(["--weights", str(weights), "--out", str(first), *command, "--vocoder", "light"]) == 0
    assert main(["--weights", str(first), "--out", str(second), *command]) == 0
    theirs, ours = (
        sorted(each.read_bytes() for each in (one / VOCODER_DIRECTORY).iterdir()) for one in (first, second)
    )
    assert ours == theirs


@pytest.mark.parametrize("name", [T2S_FILE, "ann-e15.ckpt", "ann_e8_s200.pth", f"{VOCODER_DIRECTORY}.pt"])
def test_files_that_were_not_made_here_are_left_alone(
    weights: Path, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "other"
    out.mkdir()
    (out / name).write_bytes(b"another's")
    assert main(["--weights", str(weights), "--references", str(weights), "--out", str(out)]) == 1
    assert "has files that were not made here" in caplog.text
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {name: b"another's"}


def test_the_voice_itself_is_not_written_over(weights: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = sorted(weights.rglob("*"))
    (tmp_path / "link").symlink_to(weights)
    for out in (weights, weights / ".." / weights.name, tmp_path / "link"):
        assert main(["--weights", str(weights), "--references", str(weights), "--out", str(out)]) == 1
        assert "holds the voice itself" in caplog.text
        caplog.clear()
    assert sorted(weights.rglob("*")) == before


def test_lessons_of_another_voice_are_not_taken(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(making, "Teacher", StandIn)
    other, out = tmp_path / "other", tmp_path / "out"
    shutil.copytree(weights, other)
    (other / T2S_FILE).write_bytes((weights / T2S_FILE).read_bytes() + b" ")  # trained on since
    command = ["--references", str(weights), "--out", str(out), "--judges", str(tmp_path), *SHORT.split()]
    assert main(["--weights", str(weights), *command]) == 0
    assert main(["--weights", str(other), *command]) == 1
    assert "has lessons of another voice" in caplog.text


@pytest.mark.parametrize("option", ["--lessons", "--texts", "--threads", "--steps", "--t2s-layers"])
def test_a_number_of_nothing_is_misuse(
    weights: Path, tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--weights", str(weights), "--out", str(tmp_path), option, "0"])
    assert ended.value.code == 2
    assert "'0' is not a number from 1 on" in capsys.readouterr().err


def test_nothing_to_do_is_misuse(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--weights", str(weights), "--out", str(tmp_path), "--precision", "fp32"])
    assert ended.value.code == 2
    assert "--decoder-precision or --text-student" in capsys.readouterr().err


def test_references_that_are_not_there_are_named_before_any_work(
    weights: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked = ["--weights", weights, "--references", tmp_path, "--out", tmp_path / "out", "--precision", "int8"]
    assert main([*map(str, asked), "--work", str(tmp_path / "work")]) == 1
    assert "references.json is not there" in caplog.text
    assert not list(tmp_path.iterdir())
