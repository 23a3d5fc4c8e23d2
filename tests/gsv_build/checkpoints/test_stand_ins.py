"""What training scripts leave beside the tensors is read, by its kind; nothing else is."""

import argparse
import collections
import datetime
import decimal
import pathlib
import pickle
import sys
import types
import uuid

import numpy as np
import pytest
import torch

from gsv_build.checkpoints.errors import HostileCheckpoint
from gsv_build.checkpoints.reading import read_pickled
from gsv_build.checkpoints.stand_ins import stand_ins


@pytest.fixture
def settings_of(monkeypatch):
    """A function that makes settings of a class of any module and name."""

    def make(module, name, /, **fields):
        parts = module.split(".")
        for end in range(1, len(parts) + 1):
            full = ".".join(parts[:end])
            if full not in sys.modules:
                monkeypatch.setitem(sys.modules, full, types.ModuleType(full))
        if not hasattr(sys.modules[module], name):
            monkeypatch.setattr(sys.modules[module], name, type(name, (), {"__module__": module}), raising=False)
        value = getattr(sys.modules[module], name)()
        vars(value).update(fields)
        return value

    return make


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("utils", "HParams"),
        ("GPT_SoVITS.utils", "HParams"),
        ("tools.my_fork.utils", "HParams"),
        ("module.config", "TrainConfig"),
        ("config", "ModelConfig"),
        ("train_args", "TrainingArguments"),
        ("a.b", "SovitsParams"),
    ],
)
def test_settings_are_read_whatever_module_their_class_is_of(module, name, settings_of, tmp_path):
    inner = settings_of(module, name, hidden=192)
    torch.save({"config": settings_of(module, name, model=inner, name="ann")}, tmp_path / "a.pth")
    assert read_pickled(tmp_path / "a.pth")["config"] == {"model": {"hidden": 192}, "name": "ann"}


NUMBERS = [
    np.float32(0.25),
    np.float64(1e-4),
    np.float16(0.5),
    np.int64(-7),
    np.int32(1234),
    np.uint8(255),
    np.bool_(True),
    np.int16(-3),
]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.dtype.name)
def test_a_number_of_numpy_is_read_as_the_number(number, tmp_path):
    torch.save({"config": {"train": {"seed": number, "all": [number]}}}, tmp_path / "a.pth")
    (read,) = {read_pickled(tmp_path / "a.pth")["config"]["train"]["all"][0]}
    assert read == number.item()
    assert type(read) in (int, float, bool)


HARMLESS = {
    "argparse": argparse.Namespace(lr=0.1),
    "namespace": types.SimpleNamespace(lr=0.1),
    "ordered": collections.OrderedDict(lr=0.1),
    "path": pathlib.PurePosixPath("/home/ann/logs"),
    "windows path": pathlib.PureWindowsPath("C:/logs"),
    "date": datetime.datetime(2026, 1, 2, 3, 4),
    "duration": datetime.timedelta(seconds=5),
    "id": uuid.UUID(int=7),
    "decimal": decimal.Decimal("0.1"),
}


@pytest.mark.parametrize("what", HARMLESS)
def test_what_scripts_leave_beside_the_tensors_does_not_stop_the_reading(what, tmp_path):
    torch.save({"config": {"model": 1}, "extra": HARMLESS[what]}, tmp_path / "a.pth")
    assert read_pickled(tmp_path / "a.pth")["config"] == {"model": 1}


HOSTILE = {
    "an array of objects": np.array([{}], dtype=object),
    "a scalar of bytes": np.bytes_(b"abc"),
    "a function": print,
    "a class": collections.UserDict,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_no_checkpoint_needs_is_refused(what, tmp_path):
    torch.save({"config": HOSTILE[what]}, tmp_path / "a.pth")
    with pytest.raises(HostileCheckpoint):
        read_pickled(tmp_path / "a.pth")


def test_no_function_has_a_stand_in():
    names = ["os.system", "builtins.eval", "subprocess.Popen", "shutil.rmtree", "posix.system", "runpy.run_path"]
    assert stand_ins(names) == []


def test_a_number_without_its_type_is_refused():
    from gsv_build.checkpoints.stand_ins import NumberType, number

    for arguments in ((1, b""), (NumberType("f4"), b"123"), (NumberType("f4"), 7)):
        with pytest.raises(pickle.UnpicklingError):
            number(*arguments)
