"""Files are read without being run; whatever is wrong with one is said."""

import collections
import contextlib
import io
import os
import pickle
import struct
import sys
import types
import zipfile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from gsv_build.checkpoints.errors import CheckpointError, HostileCheckpoint, UnreadableCheckpoint
from gsv_build.checkpoints.reading import read_config, read_pickled, read_tensors, tensors_of


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def zipped_pickle(path, program, name="archive"):
    """Writes a file as torch.save lays it out, around any pickle."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(f"{name}/data.pkl", program)
        archive.writestr(f"{name}/byteorder", "little")
        archive.writestr(f"{name}/version", "3\n")
    return path


def short(text):
    encoded = text.encode()
    return b"\x8c" + struct.pack("B", len(encoded)) + encoded


HOSTILE = {
    "os.system in a reduce": (lambda mark: pickle.dumps(Calls(os.system, f"touch {mark}"), 2), "system"),
    "eval": (lambda mark: pickle.dumps(Calls(eval, f"open({str(mark)!r}, 'w')"), 2), "eval"),
    "nested getattr": (
        lambda mark: (
            b"\x80\x02cbuiltins\ngetattr\ncbuiltins\n__import__\nX\x02\x00\x00\x00os\x85RX\x06\x00\x00\x00system\x86R"
            + pickle.dumps(f"touch {mark}", 2)[2:-1]
            + b"\x85R."
        ),
        "getattr",
    ),
    "wrong global in config": (
        lambda mark: pickle.dumps({"weight": {}, "config": Calls(io.open, str(mark), "w")}, 2),
        "open",
    ),
    "a torch function that loads code": (lambda mark: b"\x80\x02ctorch.hub\nload\n.", "torch.hub.load"),
    "another class of utils": (lambda mark: b"\x80\x02cutils\nHParamsX\n)\x81.", "utils.HParamsX"),
    "a stack global of protocol 4": (
        lambda mark: b"\x80\x04" + short("posix") + short("system") + b"\x93.",
        "posix.system",
    ),
    "an instance of protocol 0": (lambda mark: b"(S'touch x'\niposix\nsystem\n.", "posix.system"),
    "an attribute of an allowed class": (
        lambda mark: b"\x80\x02cutils\nHParams.__init__.__globals__\n.",
        "utils.HParams.__init__.__globals__",
    ),
    "a call of a stand-in's result": (lambda mark: b"\x80\x02cutils\nHParams\n)\x81)R.", "pickle"),
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("head", [b"PK", b"05"])
def test_a_hostile_pickle_is_refused_by_name_and_never_run(case, head, tmp_path):
    program, name = HOSTILE[case]
    mark = tmp_path / "executed"
    path = zipped_pickle(tmp_path / "evil.pth", program(mark))
    path.write_bytes(head + path.read_bytes()[2:])
    with pytest.raises(HostileCheckpoint, match=r"evil\.pth is refused: its pickle") as refusal:
        read_pickled(path)
    assert name in str(refusal.value)
    assert not mark.exists()


@pytest.fixture
def hparams(monkeypatch):
    """Upstream's configuration class, under the module name by which its files refer to it."""
    module = types.ModuleType("utils")

    class HParams:
        def __init__(self, **fields):
            self.__dict__.update(
                {key: HParams(**value) if isinstance(value, dict) else value for key, value in fields.items()}
            )

    HParams.__module__, HParams.__qualname__ = "utils", "HParams"
    vars(module)["HParams"] = HParams
    monkeypatch.setitem(sys.modules, "utils", module)
    return HParams


def test_hparams_come_back_as_plain_dicts(hparams, tmp_path):
    path = tmp_path / "s2.pth"
    config = hparams(model={"gin_channels": 512, "rates": [10, 8]}, name="voice")
    torch.save({"weight": collections.OrderedDict(a=torch.ones(2).half()), "config": config}, path)
    content = read_pickled(path)
    assert content["config"] == {"model": {"gin_channels": 512, "rates": [10, 8]}, "name": "voice"}
    assert content["weight"]["a"].dtype is torch.float16


def test_paths_of_the_training_machine_come_back_as_text(tmp_path):
    program = b"\x80\x02}X\x06\x00\x00\x00configcpathlib\nPosixPath\nX\x04\x00\x00\x00logsX\x02\x00\x00\x00s1\x86Rs."
    assert read_pickled(zipped_pickle(tmp_path / "s1.ckpt", program)) == {"config": "logs/s1"}


@pytest.mark.parametrize("head", [b"PK", b"01", b"06"])
def test_version_digits_stand_in_for_the_zip_magic(head, tmp_path):
    path = tmp_path / "s2.pth"
    torch.save({"weight": {"a": torch.arange(3.0)}}, path)
    path.write_bytes(head + path.read_bytes()[2:])
    assert read_pickled(path)["weight"]["a"].tolist() == [0, 1, 2]


def saved(path, content=None):
    torch.save(content or {"a": torch.arange(2000.0)}, path)
    return path


def truncated(path):
    saved(path).write_bytes(saved(path).read_bytes()[:-700])


def compressed(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}, 2))


def without_pickle(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")


def missing_storage(path):
    saved(path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist() if "/data/" not in name}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)


def endless(path):
    zipped_pickle(path, b"\x80\x02]q\x00h\x00a.")  # a list that holds itself


UNREADABLE = {
    "absent": (lambda path: None, "does not exist; fetch it"),
    "truncated": (truncated, "truncated or damaged; download it again"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "text": (lambda path: path.write_text("<html>404</html>"), "is a web page"),
    "a pickle without zip": (lambda path: path.write_bytes(pickle.dumps({})), "need a zip|no known kind"),
    "digits and no zip behind them": (lambda path: path.write_bytes(b"05 nothing"), "truncated or damaged"),
    "compressed": (compressed, "compressed entries"),
    "a zip of something else": (without_pickle, "without data.pkl"),
    "without its tensors": (missing_storage, "is damaged"),
    "a list that holds itself": (endless, "is damaged"),
    "a list": (lambda path: torch.save([1, 2], path), "holds a list; need a dict"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_an_unreadable_file_says_what_is_wrong(case, tmp_path):
    make, message = UNREADABLE[case]
    path = tmp_path / "file.ckpt"
    make(path)
    with pytest.raises(UnreadableCheckpoint, match=message):
        read_pickled(path)


@pytest.mark.parametrize("head", [b"PK", b"05"])
def test_a_file_with_other_bytes_in_its_middle_is_refused_by_its_checksum(head, tmp_path):
    path = saved(tmp_path / "file.ckpt", {"a": torch.arange(2000.0), "b": torch.ones(9)})
    data = bytearray(path.read_bytes())
    at = data.index(torch.arange(2000.0)[1000:1004].numpy().tobytes())
    data[at] ^= 1
    path.write_bytes(head + data[2:])
    with pytest.raises(UnreadableCheckpoint, match=r"is damaged: .*/data/0 in it has other bytes than were saved"):
        read_pickled(path)


def test_a_file_that_was_saved_without_checksums_is_read(tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        path = saved(tmp_path / "file.ckpt")
    finally:
        torch.serialization.set_crc32_options(True)
    assert read_pickled(path)["a"].sum() == sum(range(2000))


def test_a_file_too_large_is_not_read(tmp_path):
    with pytest.raises(UnreadableCheckpoint, match=r"is [\d,]+ bytes; need at most 1,000"):
        read_pickled(saved(tmp_path / "big.pth"), max_bytes=1000)


def test_safetensors_and_pickles_hold_the_same(tmp_path):
    save_file({"a": torch.arange(4.0)}, tmp_path / "a.safetensors")
    saved(tmp_path / "a.bin", {"a": torch.arange(4.0)})
    for name in ("a.safetensors", "a.bin"):
        assert read_tensors(tmp_path / name)["a"].tolist() == [0, 1, 2, 3]


def test_damaged_safetensors_are_refused(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(UnreadableCheckpoint, match="not a safetensors file"):
        read_tensors(tmp_path / "a.safetensors")


@pytest.mark.parametrize("value", [{"a": 1}, {1: torch.ones(1)}, {}, [torch.ones(1)], {"a": torch.eye(2).to_sparse()}])
def test_only_names_and_dense_tensors_make_a_state_dict(value):
    with pytest.raises(CheckpointError, match=r"need a (dense|dict)"):
        tensors_of(value, "file")


@pytest.mark.parametrize(("text", "message"), [("{", "is not JSON"), ("[1]", "holds a list")])
def test_a_config_must_be_a_json_object(text, message, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UnreadableCheckpoint, match=message):
        read_config(tmp_path / "config.json")


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "s1.ckpt"
    content = {
        "weight": {"a": torch.arange(6.0).half()},
        "config": {"model": {"x": [1, 2.5, None, True]}},
        "info": "e1",
    }
    torch.save(content, path)
    return path, path.read_bytes()


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=5))
def test_a_file_with_changed_bytes_loads_or_is_refused_and_nothing_else_happens(sound, changes):
    path, data = sound
    damaged = bytearray(data)
    program = data.index(b"\x80\x02")
    for place, value in changes:
        damaged[program + int(place * 400)] = value
    path.write_bytes(damaged)
    with contextlib.suppress(UnreadableCheckpoint, HostileCheckpoint):
        assert isinstance(read_pickled(path), dict)
