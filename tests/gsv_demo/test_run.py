"""What all stages of the training share."""

import dataclasses
import itertools
from pathlib import Path

import pytest
import torch
from torch import nn

from gsv_demo.batches import ahead
from gsv_demo.recipe import NATURAL, SMOKE, TIME_SHARES, Recipe, Stage
from gsv_demo.run import Run, half_products
from gsv_demo.train import planned


def trained(run: Run) -> int:
    """Train to the end; how many steps it took."""
    steps = 0
    for _ in run.steps():
        run.advance((run.modules["one"](torch.ones(1, 2)) ** 2).sum(), {"constant": torch.ones(())})
        steps += 1
    return steps


def stage_run(folder: Path, stage: Stage) -> Run:
    return Run("stage", stage, {"one": nn.Linear(2, 1)}, folder)


def test_a_stage_ends_with_its_steps(tmp_path: Path) -> None:
    assert trained(stage_run(tmp_path, Stage(7, 1, 1e-3))) == 7


def test_a_stage_ends_with_its_seconds_when_its_steps_would_take_longer(tmp_path: Path) -> None:
    run = stage_run(tmp_path, Stage(10**9, 1, 1e-3, seconds=1e-9))
    assert trained(run) == 1
    assert run.checkpoint.exists()


def test_seconds_of_all_sittings_count(tmp_path: Path) -> None:
    first = stage_run(tmp_path, Stage(5, 1, 1e-3, seconds=1e9))
    trained(first)
    assert stage_run(tmp_path, Stage(5, 1, 1e-3, seconds=1e9)).seconds == pytest.approx(first.seconds)
    assert first.seconds > 0


def test_the_learning_rate_follows_whichever_is_further_steps_or_seconds() -> None:
    stage = Stage(1000, 1, 1.0, warmup=10, final_share=0.1)
    assert stage.rate_at(4, 0.004) == pytest.approx(0.5)
    assert stage.rate_at(100, 0.9) < 0.15
    assert stage.rate_at(100, 1.0) == pytest.approx(0.1)


def test_a_batch_is_drawn_for_every_step(tmp_path: Path) -> None:
    numbers = itertools.count()
    drawn = ahead(iter(range(3)), lambda seed: lambda: {"number": torch.tensor(next(numbers))}, 0, "cpu")
    assert [int(batch["number"]) for batch in drawn] == [0, 1, 2]


def test_a_gpu_trains_with_larger_batches_and_the_same_networks() -> None:
    there = NATURAL.on("cuda")
    assert there.synthesis.batch > NATURAL.synthesis.batch
    assert (there.hubert, there.sovits, there.t2s) == (NATURAL.hubert, NATURAL.sovits, NATURAL.t2s)
    assert NATURAL.on("cpu") == NATURAL


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_what_is_asked_of_a_training_holds_on_every_device(device: str) -> None:
    stages = [field.name for field in dataclasses.fields(Recipe) if isinstance(getattr(NATURAL, field.name), Stage)]
    few, short = planned("natural", device, steps=30), planned("natural", device, seconds=100.0)
    assert all(getattr(few, name).steps <= 30 for name in stages)
    assert all(getattr(short, name).seconds == pytest.approx(100.0 * TIME_SHARES[name]) for name in stages)


def test_the_rows_of_a_training_fit_into_its_seconds() -> None:
    row = TIME_SHARES["content"] + max(TIME_SHARES["language_model"], TIME_SHARES["prior"] + TIME_SHARES["synthesis"])
    assert row <= 1.0
    assert NATURAL.on("cuda").within(400.0).synthesis.seconds == pytest.approx(400 * TIME_SHARES["synthesis"])
    assert dataclasses.replace(SMOKE.within(10.0)).content.steps == SMOKE.content.steps


@pytest.mark.parametrize(("able", "enabled", "computed_in"), [
    (True, True, torch.bfloat16), (False, True, torch.float32), (True, False, torch.float32),
])  # fmt: skip
def test_products_are_in_half_precision_where_the_cpu_multiplies_so(
    able: bool, enabled: bool, computed_in: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: able)
    with half_products("cpu", enabled):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is computed_in
