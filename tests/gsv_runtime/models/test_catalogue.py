"""The catalogue of a repository: the first fine-tune, and those that are added to it."""

import json
from dataclasses import replace

import pytest

from gsv_runtime.contract import S1, S2
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.model_files import weights_folder
from gsv_runtime.models.catalogue import Catalogue, Checkpoint, read_catalogue, write_catalogue

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


def test_what_another_version_of_the_code_wrote_is_not_served(catalogue, tmp_path):
    write_catalogue(tmp_path, {"ann": ANN})
    values = json.loads((tmp_path / "models.json").read_text())
    del values["ann"]["facts"]["has_bert"]
    (tmp_path / "models.json").write_text(json.dumps(values))
    assert catalogue.all().keys() == {"default"}


def test_a_folder_is_named_by_the_whole_id():
    assert weights_folder(0xABC) == "weights/000000000000abc"
