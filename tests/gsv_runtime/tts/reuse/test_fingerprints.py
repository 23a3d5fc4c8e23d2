"""What was built, with which code and libraries: whatever changes there gives another fingerprint."""

import json
import sys
from collections import namedtuple

import pytest

from gsv_runtime.tts.reuse import fingerprints as of
from gsv_runtime.tts.reuse.fingerprints import NoFingerprint, fingerprints


@pytest.fixture
def repository(tmp_path):
    """A model repository as far as it is looked at."""
    build = {
        "facts": {"version": "v2"},
        "stages": {"t2s": "a", "bert": "b"},
        "files": {"t2s": "c", "bert": "d"},
    }
    (tmp_path / "build.json").write_text(json.dumps(build))
    for model in ("text_frontend", "bert", "t2s", "vocoder", "tts"):
        (tmp_path / model / "1").mkdir(parents=True)
        (tmp_path / model / "config.pbtxt").write_text("settings")
    (tmp_path / "text_frontend" / "1" / "resources").mkdir()
    (tmp_path / "text_frontend" / "1" / "resources" / "words.txt").write_text("words")
    return tmp_path


def rewritten(repository, **changes):
    build = json.loads((repository / "build.json").read_text())
    (repository / "build.json").write_text(json.dumps({**build, **changes}))


CHANGES = {
    "a built graph of speech": (lambda path: rewritten(path, files={"t2s": "x", "bert": "d"}), "speech"),
    "a built graph of text": (lambda path: rewritten(path, files={"t2s": "c", "bert": "x"}), "text speech"),
    "facts of the checkpoint": (lambda path: rewritten(path, facts={"version": "v1"}), "text speech"),
    "how a stage of speech is run": (lambda path: (path / "t2s/config.pbtxt").write_text("x"), "speech"),
    "how text is read": (lambda path: (path / "text_frontend/config.pbtxt").write_text("x"), "text speech"),
    "a resource": (lambda path: (path / "text_frontend/1/resources/words.txt").write_text("x"), "text speech"),
    "another resource": (lambda path: (path / "text_frontend/1/resources/more").write_text(""), "text speech"),
    "how requests are let in": (lambda path: (path / "tts/config.pbtxt").write_text("x"), ""),
}


@pytest.mark.slow
@pytest.mark.parametrize(("change", "changed"), CHANGES.values(), ids=CHANGES)
def test_what_may_change_a_result_changes_the_fingerprint(repository, change, changed):
    before = fingerprints(repository)
    assert fingerprints(repository) == before
    change(repository)
    after = fingerprints(repository)
    assert (after.text != before.text, after.speech != before.speech) == ("text" in changed, "speech" in changed)


@pytest.mark.parametrize(("epoch", "changed"), [("TEXT_EPOCH", (True, True)), ("SPEECH_EPOCH", (False, True))])
def test_an_epoch_that_is_raised_changes_the_fingerprint(repository, monkeypatch, epoch, changed):
    before = fingerprints(repository)
    monkeypatch.setattr(of, epoch, getattr(of, epoch) + 1)
    after = fingerprints(repository)
    assert (after.text != before.text, after.speech != before.speech) == changed


Version = namedtuple("Version", "major minor micro releaselevel serial")


@pytest.mark.parametrize(("version", "same"), [((3, 11, 99), True), ((3, 99, 0), False)])
def test_pythons_major_and_minor_version_decide_and_its_build_does_not(repository, monkeypatch, version, same):
    monkeypatch.setattr(sys, "version_info", Version(3, 11, 2, "final", 0))
    before = fingerprints(repository)
    monkeypatch.setattr(sys, "version_info", Version(*version, releaselevel="final", serial=0))
    monkeypatch.setattr(sys, "version", "built elsewhere on another day")
    assert (fingerprints(repository) == before) == same


def test_another_version_of_a_library_changes_the_fingerprint(repository, monkeypatch):
    before = fingerprints(repository)
    version = of.metadata.version
    monkeypatch.setattr(of.metadata, "version", lambda name: "0.0" if name == "pypinyin" else version(name))
    after = fingerprints(repository)
    assert after.text != before.text
    assert after.speech != before.speech


def test_a_build_of_a_library_for_a_gpu_is_another_version_and_no_missing_one(repository, monkeypatch):
    before, version = fingerprints(repository), of.metadata.version

    def of_an_image_for_gpus(name):
        if name == "onnxruntime":
            raise of.metadata.PackageNotFoundError(name)
        return version("onnxruntime") if name == "onnxruntime-gpu" else version(name)

    monkeypatch.setattr(of.metadata, "version", of_an_image_for_gpus)
    assert fingerprints(repository).speech != before.speech
    assert of.libraries()["onnxruntime"].startswith("gpu ")


def test_the_client_of_redis_decides_nothing():
    assert "redis" not in of.libraries()
    assert {"numpy", "onnxruntime", "pypinyin"} <= of.libraries().keys()


@pytest.mark.parametrize("files", [None, {}, {"t2s": "c"}])
def test_a_build_that_does_not_say_what_its_files_hold_has_none(repository, files):
    rewritten(repository, **({} if files is None else {"files": files}))
    if files is None:
        build = json.loads((repository / "build.json").read_text())
        del build["files"]
        (repository / "build.json").write_text(json.dumps(build))
    with pytest.raises(NoFingerprint, match="run `make build`"):
        fingerprints(repository)


def test_without_a_library_there_is_no_fingerprint_and_the_server_runs_without_a_cache(repository, monkeypatch):
    monkeypatch.setattr(of.metadata, "requires", lambda _: ["numpy<2", "no-such-library"])
    with pytest.raises(NoFingerprint, match=r"^no-such-library is not installed; install gsv-runtime"):
        fingerprints(repository)


def test_a_checkout_that_was_never_installed_has_no_fingerprint(repository, monkeypatch):
    def requires(name):
        raise of.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(of.metadata, "requires", requires)
    with pytest.raises(NoFingerprint, match=r"^gsv-runtime is not installed"):
        fingerprints(repository)


def test_an_extra_that_is_not_installed_is_no_fault(monkeypatch):
    wanted = ["numpy<2", 'no-such-library; extra == "formats"']
    monkeypatch.setattr(of.metadata, "requires", lambda _: wanted)
    assert of.libraries()["no-such-library"] == ""
    assert of.libraries()["numpy"]
