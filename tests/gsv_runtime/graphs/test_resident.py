"""Weights that are opened when they are asked for; what opens them is a function of the test."""

import queue
import threading

import pytest

from gsv_runtime.errors import InternalError
from gsv_runtime.graphs.resident import ResidentWeights
from gsv_runtime.model_files import weights_folder

LIMIT_S = 20


@pytest.fixture
def stage(tmp_path):
    folder = tmp_path / "vocoder" / "1"
    for weights in (5, 6):
        (folder / weights_folder(weights)).mkdir(parents=True)
    return folder


def opened(resident, weights):
    answers = queue.SimpleQueue()
    resident.when_open(weights, answers.put)
    return answers.get(timeout=LIMIT_S)


def test_weights_are_opened_from_their_own_folder_once(stage):
    folders = []
    resident = ResidentWeights("first", stage, lambda folder: folders.append(folder) or folder.name)
    assert resident.find(5) is None
    assert opened(resident, 5) == opened(resident, 5) == resident.find(5) == "000000000000005"
    assert folders == [stage / weights_folder(5)]


def test_all_who_wait_for_the_same_weights_get_them_from_one_opening(stage):
    gate, count = threading.Event(), []

    def open_weights(folder):
        assert gate.wait(LIMIT_S)
        count.append(folder)
        return folder.name

    resident = ResidentWeights("first", stage, open_weights)
    answers = queue.SimpleQueue()
    for _ in range(3):
        resident.when_open(5, answers.put)
    assert resident.find(0) == "first", "others go on"
    gate.set()
    assert [answers.get(timeout=LIMIT_S) for _ in range(3)] == ["000000000000005"] * 3
    assert len(count) == 1


def test_dropped_weights_are_opened_again_and_the_first_are_never_dropped(stage):
    resident = ResidentWeights("first", stage, lambda folder: folder.name)
    opened(resident, 5)
    assert resident.drop(5) == "000000000000005"
    assert resident.drop(5) is None
    assert resident.find(5) is None
    assert resident.drop(0) is None
    assert resident.find(0) == "first"
    assert opened(resident, 5) == "000000000000005"


def test_weights_that_are_not_there_are_told_and_what_fails_hides_its_paths(stage, caplog):
    def fail(folder):
        raise OSError(f"cannot read {folder}")

    resident = ResidentWeights("first", stage, fail)
    missing, failed = opened(resident, 7), opened(resident, 6)
    assert isinstance(missing, InternalError)
    assert "000000000000007 are not in the repository" in str(missing)
    assert isinstance(failed, InternalError)
    assert str(stage) not in str(failed)
    assert str(stage) in caplog.text
