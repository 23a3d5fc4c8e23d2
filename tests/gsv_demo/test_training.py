"""The whole recipe, a dozen steps of each stage at toy sizes, from texts to official files."""

import logging
import math
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gsv_build.checkpoints.loading import load_bert, load_hubert, load_sovits, load_t2s
from gsv_build.weights import BERT_DIRECTORY, HUBERT_DIRECTORY, SOVITS_FILE, T2S_FILE
from gsv_demo.export import import_weights
from gsv_demo.recipe import SHIPPED, SMOKE
from gsv_demo.train import STAGES, Workplace, run_stage, shortened

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed; apt-get install flite"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # tensorboard's own
]


class _Told(logging.Handler):
    """Keeps what is logged; `caplog` forgets what a fixture of a module said."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture(scope="module")
def told() -> Iterator[list[str]]:
    """What the training of `place` logs."""
    logger, handler = logging.getLogger("gsv_demo"), _Told()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.lines
    logger.setLevel(before)
    logger.removeHandler(handler)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, told: list[str]) -> Workplace:
    torch.set_num_threads(1)
    folder: Path = tmp_path_factory.mktemp("training")
    place = Workplace(folder, folder / "weights", "cpu")
    for stage in STAGES:
        run_stage(stage, SMOKE, place)
    return place


def test_the_whole_recipe_runs_as_a_gpu_runs_it_but_for_the_gpu(tmp_path: Path, place: Workplace) -> None:
    """Batches of few shapes, drawn by processes beside the training."""
    recipe = replace(shortened(SMOKE, 4), steady=True, drawers=2)
    shutil.copytree(place.folder / "corpus", tmp_path / "corpus")
    shutil.copy(place.folder / "phones.json", tmp_path)
    there = Workplace(tmp_path, tmp_path / "weights", "cpu")
    for stage in STAGES[1:]:
        run_stage(stage, recipe, there)
    assert load_sovits(there.weights / SOVITS_FILE).sizes == SMOKE.sovits
    assert torch.load(there.run / "synthesis.pt", weights_only=True)["step"] == 4


def test_official_loaders_read_what_the_recipe_writes(place: Workplace) -> None:
    assert load_hubert(place.weights / HUBERT_DIRECTORY).sizes == SMOKE.hubert
    assert load_t2s(place.weights / T2S_FILE).sizes == SMOKE.t2s
    assert load_sovits(place.weights / SOVITS_FILE).sizes == SMOKE.sovits
    assert load_bert(place.weights / BERT_DIRECTORY).sizes.hidden == SMOKE.bert.hidden


def test_exported_weights_are_those_of_the_checkpoints_but_for_fp16(place: Workplace) -> None:
    trained = torch.load(place.run / "synthesis.pt", weights_only=True)["modules"]["networks"]
    vocoder = load_sovits(place.weights / SOVITS_FILE).module.vocoder.state_dict()
    for name, tensor in vocoder.items():
        torch.testing.assert_close(tensor, trained[f"vocoder.{name}"], rtol=2e-3, atol=2e-3)


def test_the_shipped_prior_is_as_narrow_as_the_recipe_says(place: Workplace) -> None:
    trained = torch.load(place.run / "synthesis.pt", weights_only=True)["modules"]["networks"]["acoustic.prior.bias"]
    shipped = load_sovits(place.weights / SOVITS_FILE).module.acoustic.prior.bias.detach()
    mean, log_std = (shipped - trained).chunk(2)
    torch.testing.assert_close(mean, torch.zeros_like(mean), rtol=0.0, atol=2e-3)
    torch.testing.assert_close(log_std, torch.full_like(log_std, math.log(SMOKE.spread)), rtol=0.0, atol=2e-3)


@pytest.mark.parametrize("stage", ["content", "autoencoder", "prior", "synthesis", "language_model", "bert"])
def test_every_stage_took_all_its_steps_and_stayed_finite(place: Workplace, stage: str) -> None:
    state = torch.load(place.run / f"{stage}.pt", weights_only=True)
    assert state["step"] == 12
    tensors = [tensor for module in state["modules"].values() for tensor in module.values()]
    assert all(torch.isfinite(tensor).all() for tensor in tensors)


def test_a_finished_stage_is_not_trained_again(place: Workplace) -> None:
    before = (place.run / "language_model.pt").read_bytes()
    run_stage("language_model", SMOKE, place)
    assert (place.run / "language_model.pt").read_bytes() == before


def test_an_interrupted_stage_goes_on_where_it_stopped(
    place: Workplace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(place.folder, tmp_path / "again")
    again = Workplace(tmp_path / "again", tmp_path / "weights", "cpu")
    (again.run / "prior.pt").unlink()
    run_stage("prior", shortened(SMOKE, 5), again)
    with caplog.at_level(logging.INFO):
        run_stage("prior", SMOKE, again)
    assert "resumed stage=prior step=5" in caplog.text
    assert torch.load(again.run / "prior.pt", weights_only=True)["step"] == 12


def test_training_goes_on_from_exported_weights(place: Workplace, tmp_path: Path) -> None:
    again = Workplace(tmp_path, tmp_path / "weights", "cpu")
    import_weights(place.weights, again.run, SMOKE)
    shutil.copy(place.run / "bert.pt", again.run / "bert.pt")
    run_stage("export", SMOKE, again)
    for name in (T2S_FILE, SOVITS_FILE):
        before, after = (
            torch.load(folder / name, weights_only=True)["weight"] for folder in (place.weights, again.weights)
        )
        for key, tensor in before.items():
            torch.testing.assert_close(after[key].float(), tensor.float(), rtol=2e-3, atol=2e-3)
    shutil.copytree(place.folder / "corpus", tmp_path / "corpus")
    for file in ("tokens.npz", "phones.json"):
        shutil.copy(place.folder / file, tmp_path / file)
    for stage in ("content", "synthesis"):
        run_stage(stage, shortened(SMOKE, 2), again)
    assert torch.load(again.run / "synthesis.pt", weights_only=True)["step"] == 2


def test_without_what_only_training_needs_s1_alone_trains_on(place: Workplace, tmp_path: Path) -> None:
    shutil.copytree(place.weights, tmp_path / "shipped")
    (tmp_path / "shipped" / "training-only.pt").unlink()
    again = Workplace(tmp_path, tmp_path / "weights", "cpu")
    import_weights(tmp_path / "shipped", again.run, SMOKE)
    shutil.copytree(place.folder / "corpus", tmp_path / "corpus")
    shutil.copy(place.folder / "phones.json", tmp_path)
    for stage in ("codes", "language_model", "export"):
        run_stage(stage, SMOKE, again)
    assert torch.load(again.run / "language_model.pt", weights_only=True)["step"] == SMOKE.language_model.steps
    assert not (again.weights / SOVITS_FILE).exists()
    assert load_t2s(again.weights / T2S_FILE).sizes == SMOKE.t2s
    with np.load(place.folder / "tokens.npz") as ours, np.load(tmp_path / "tokens.npz") as theirs:
        assert np.mean(ours["spoken"] == theirs["spoken"]) > 0.5  # fp16 decides ties; by chance a 64th agree


def test_a_stage_that_has_a_checkpoint_keeps_it(place: Workplace, tmp_path: Path) -> None:
    import_weights(place.weights, tmp_path, SMOKE)
    torch.save({"step": 7, "modules": {}}, tmp_path / "language_model.pt")
    import_weights(place.weights, tmp_path, SMOKE)
    assert torch.load(tmp_path / "language_model.pt", weights_only=True)["step"] == 7


def test_weights_of_other_sizes_are_refused(place: Workplace, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="choose the recipe they are of"):
        import_weights(place.weights, tmp_path, SHIPPED)


def test_training_lowers_the_autoencoders_distance(place: Workplace, told: list[str]) -> None:
    found = re.findall(r"stage=autoencoder step=\d+ spectral=([\d.]+)", "\n".join(told))
    losses = [float(loss) for loss in found]
    assert math.isfinite(losses[-1])
    assert losses[-1] < 8.0
