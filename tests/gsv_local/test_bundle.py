"""Files that are no bundle, damaged ones, and what is unpacked once and found again."""

import hashlib
import json
import zipfile

import pytest

from gsv_local.bundle import BundleUnreadable, choose_bundle, chosen_bundle, open_bundle
from gsv_runtime.inprocess.bundle_format import FORMAT, FORMAT_VERSION, MANIFEST_FILE


def write(path, contents, **changed):
    """A bundle of these files, whose manifest says what is asked."""
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "default_voice": "ann",
        "limits": {"max_words": 50},
        "files": {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in contents.items()
        },
        **changed,
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MANIFEST_FILE, json.dumps(manifest))
        for name, data in contents.items():
            archive.writestr(name, data)
    return path


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / "voice.gsv", {"t2s/1/t2s.onnx": b"graph", "symbols.json": b"[]"})


def test_files_lie_in_a_folder_of_their_own(path, tmp_path):
    bundle = open_bundle(path, tmp_path / "home")
    assert bundle.folder.parent == tmp_path / "home"
    assert (bundle.folder / "t2s/1/t2s.onnx").read_bytes() == b"graph"
    assert (bundle.default_voice, bundle.max_words) == ("ann", 50)


def test_a_bundle_is_unpacked_once(path, tmp_path):
    first = open_bundle(path, tmp_path / "home")
    (first.folder / "voices").mkdir()
    assert open_bundle(path, tmp_path / "home").folder == first.folder
    assert (first.folder / "voices").is_dir()


def test_the_chosen_bundle_is_found_again_without_its_file(path, tmp_path):
    chosen = choose_bundle(path, tmp_path / "home")
    path.unlink()
    assert chosen_bundle(tmp_path / "home") == chosen


def test_without_a_choice_the_error_says_what_to_do(tmp_path):
    with pytest.raises(BundleUnreadable, match="run `gsv-local use FILE`"):
        chosen_bundle(tmp_path)


def test_what_is_no_archive_is_no_bundle(tmp_path):
    (tmp_path / "voice.gsv").write_bytes(b"RIFF")
    with pytest.raises(
        BundleUnreadable,
        match="is no bundle, or only the beginning of one; copy it again, or make one with `make bundle`",
    ):
        open_bundle(tmp_path / "voice.gsv", tmp_path)


def test_an_archive_without_a_manifest_is_no_bundle(tmp_path):
    with zipfile.ZipFile(tmp_path / "voice.gsv", "w") as archive:
        archive.writestr("README", "hello")
    with pytest.raises(BundleUnreadable, match=r"has no manifest\.json"):
        open_bundle(tmp_path / "voice.gsv", tmp_path)


@pytest.mark.parametrize("changed", [{"format_version": 2}, {"format": "other"}])
def test_a_bundle_of_another_version_says_which_is_needed(tmp_path, changed):
    path = write(tmp_path / "voice.gsv", {}, **changed)
    with pytest.raises(BundleUnreadable, match="need 'gsv-bundle' version 1"):
        open_bundle(path, tmp_path / "home")


def test_a_damaged_file_is_told_and_leaves_nothing_behind(tmp_path):
    digests = {"a": {"bytes": 1, "sha256": "0" * 64}}
    path = write(tmp_path / "voice.gsv", {"a": b"x"}, files=digests)
    with pytest.raises(BundleUnreadable, match="a is not what its manifest says"):
        open_bundle(path, tmp_path / "home")
    assert [each.name for each in (tmp_path / "home").iterdir() if each.is_dir()] == []


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside", "C:outside", "a\\..\\b"])
def test_no_file_is_written_outside_the_bundles_folder(tmp_path, name):
    path = write(tmp_path / "voice.gsv", {"a": b"x"}, files={name: {"bytes": 1, "sha256": "0" * 64}})
    with pytest.raises(BundleUnreadable, match="may not be written"):
        open_bundle(path, tmp_path / "home")
    assert not (tmp_path / "outside").exists()
