"""What was built, with which code and libraries: whatever changes there gives another fingerprint."""

import json
import re
import shutil
from pathlib import Path

import pytest

import gsv_runtime
from gsv_runtime.tts.reuse import fingerprints as of
from gsv_runtime.tts.reuse.fingerprints import SPEECH_SOURCES, TEXT_SOURCES, NoFingerprint, fingerprints, sources

# Decide who is served when, and by which process; no bit of what is spoken.
WITHOUT_EFFECT = re.compile(
    r"(__init__|errors|jobs|language_modes|metrics|reuse_policy|stages).py"
    r"|(cache|server|tts/reuse|tts/scheduling)/.*|tts/(__init__|job|prefetch|service|stream_ledger).py|triton/(?!graph_model).*"
)


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


@pytest.mark.parametrize(("change", "changed"), CHANGES.values(), ids=CHANGES)
def test_what_may_change_a_result_changes_the_fingerprint(repository, change, changed):
    before = fingerprints(repository)
    assert fingerprints(repository) == before
    change(repository)
    after = fingerprints(repository)
    assert (after.text != before.text, after.speech != before.speech) == ("text" in changed, "speech" in changed)


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("text/split.py", (True, True)),
        ("text/service.py", (True, True)),
        ("graphs/session.py", (True, True)),
        ("t2s/engine.py", (False, True)),
        ("t2s/sampling.py", (False, True)),
        ("tts/synthesis/chunking.py", (False, True)),
        ("triton/messages.py", (False, False)),
    ],
)
def test_a_line_of_the_sources_that_decide_changes_the_fingerprint(
    repository, tmp_path_factory, monkeypatch, source, changed
):
    package = tmp_path_factory.mktemp("code") / "gsv_runtime"
    shutil.copytree(Path(gsv_runtime.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(of.gsv_runtime, "__file__", str(package / "__init__.py"))
    before = fingerprints(repository)
    with (package / source).open("a") as file:
        file.write("# another version\n")
    after = fingerprints(repository)
    assert (after.text != before.text, after.speech != before.speech) == changed


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


def test_every_module_of_this_package_is_listed_or_declared_to_be_without_effect():
    package = Path(gsv_runtime.__file__).parent
    listed = {path for path in sources((*TEXT_SOURCES, *SPEECH_SOURCES)) if path.suffix == ".py"}
    every = set(package.rglob("*.py"))
    others = sorted(path.relative_to(package).as_posix() for path in every - listed)
    assert [name for name in others if not WITHOUT_EFFECT.fullmatch(name)] == []


@pytest.mark.parametrize("files", [None, {}, {"t2s": "c"}])
def test_a_build_that_does_not_say_what_its_files_hold_has_none(repository, files):
    rewritten(repository, **({} if files is None else {"files": files}))
    if files is None:
        build = json.loads((repository / "build.json").read_text())
        del build["files"]
        (repository / "build.json").write_text(json.dumps(build))
    with pytest.raises(NoFingerprint, match="run `make build`"):
        fingerprints(repository)
