"""The catalogue of a repository: the first fine-tune, and those that are added to it."""

import errno
import json
from dataclasses import replace
from pathlib import Path

import pytest

from gsv_runtime.contract import S1, S2
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.model_files import weights_folder
from gsv_runtime.models.catalogue import (
    Catalogue,
    Checkpoint,
    DamagedCatalogue,
    read_catalogue,
    read_outdated,
    write_catalogue,
)

from ..conftest import FACTS, first_of

FIRST = first_of(FACTS)
ANN = replace(
    FIRST,
    name="ann",
    first=False,
    checkpoints={S1: Checkpoint(3, "ann.ckpt", 7), S2: Checkpoint(4, "ann.pth", 8)},
    axes={"ssl_dim": 5},
)


@pytest.fixture
def catalogue(tmp_path):
    return Catalogue(tmp_path, FIRST)


def test_a_repository_without_a_list_has_the_first_only(catalogue):
    assert catalogue.all() == {"default": FIRST}
    assert catalogue.get() is catalogue.get("default") is FIRST


def test_one_that_is_added_later_is_found_and_read_as_it_was_written(catalogue, tmp_path):
    assert catalogue.all().keys() == {"default"}
    write_catalogue(tmp_path, {"ann": ANN})
    assert catalogue.get("ann") == ANN
    assert list(catalogue.all()) == ["default", "ann"]
    write_catalogue(tmp_path, {})
    assert catalogue.all().keys() == {"default"}


def test_a_name_that_is_not_there_is_refused_with_those_that_are(catalogue, tmp_path):
    write_catalogue(tmp_path, {f"m{number}": replace(ANN, name=f"m{number}") for number in range(9)})
    with pytest.raises(InvalidRequest, match=r"model 'eve' is not served; need one of default, m0, .* and 2 more"):
        catalogue.get("eve")


def test_the_first_stands_in_no_list(tmp_path):
    write_catalogue(tmp_path, {"default": FIRST, "ann": ANN})
    assert read_catalogue(tmp_path).keys() == {"ann"}


@pytest.fixture
def outdated(tmp_path):
    """A list with one fine-tune that lacks a fact."""
    write_catalogue(tmp_path, {"ann": ANN})
    values = json.loads((tmp_path / "models.json").read_text())
    del values["ann"]["facts"]["has_bert"]
    (tmp_path / "models.json").write_text(json.dumps(values))
    return values


def test_what_another_version_of_the_code_wrote_is_not_served_and_is_named(catalogue, outdated, caplog):
    assert catalogue.all().keys() == {"default"}
    assert "built by another version, add them again models=ann" in caplog.text


def test_what_another_version_wrote_stays_in_the_list_until_it_is_forgotten(outdated, tmp_path):
    write_catalogue(tmp_path, {"bob": replace(ANN, name="bob")})
    assert read_catalogue(tmp_path).keys() == {"bob"}
    assert read_outdated(tmp_path) == outdated
    write_catalogue(tmp_path, {}, forget="ann")
    assert read_outdated(tmp_path) == {}


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"ann": 5}', '{"ann": {"facts": {}}'])
def test_a_damaged_list_changes_nothing_while_a_server_runs(catalogue, tmp_path, caplog, damaged):
    write_catalogue(tmp_path, {"ann": ANN})
    assert catalogue.get("ann") == ANN
    (tmp_path / "models.json").write_text(damaged)
    assert catalogue.get("ann") == ANN
    assert "list of models not read" in caplog.text
    with pytest.raises(DamagedCatalogue, match=r"models\.json cannot be read"):
        read_catalogue(tmp_path)
    (tmp_path / "models.json").unlink()
    write_catalogue(tmp_path, {"bob": replace(ANN, name="bob")})
    assert list(catalogue.all()) == ["default", "bob"]


def test_a_folder_is_named_by_the_whole_id():
    assert weights_folder(0xABC) == "weights/000000000000abc"


def test_a_list_whose_volume_is_away_changes_nothing(catalogue, tmp_path, monkeypatch):
    write_catalogue(tmp_path, {"ann": ANN})
    assert "ann" in catalogue.all()

    def away(_path, **_options):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", away)
        found = catalogue.all()
    assert "ann" in found
