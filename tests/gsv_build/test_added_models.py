"""Fine-tunes beside the first, with the exporters replaced: what is built, shared, listed and removed."""

import errno
import json
import logging
import queue
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from gsv_build import added_models, build_record, stage_builds
from gsv_build.__main__ import main
from gsv_build.added_models import add_model, changing, is_added, remove_model
from gsv_build.build_repository import build
from gsv_build.checkpoints import CheckpointError
from gsv_build.checks.random_checkpoints import write_random_checkpoints
from gsv_build.deployment import PRESETS
from gsv_build.weights import Chosen
from gsv_runtime.contract import S1, S2
from gsv_runtime.model_files import PHONE_TABLE_FILE, weights_folder
from gsv_runtime.models.catalogue import read_catalogue, read_first
from gsv_runtime.versions import ModelVersion

CPU = PRESETS["cpu"]
S2_STAGES = {"speech_tokenizer", "reference_encoder", "acoustic", "vocoder"}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Two random voices of one version."""
    folders = [tmp_path_factory.mktemp(name) for name in ("first", "other")]
    for seed, folder in enumerate(folders):
        write_random_checkpoints(folder, ModelVersion.V2, seed=seed)
    return folders


@pytest.fixture
def voices(written, tmp_path):
    """Folders of two voices, with the encoders of the first in both."""
    first, other = (Path(shutil.copytree(each, tmp_path / f"weights-{n}")) for n, each in enumerate(written))
    for folder in first.iterdir():
        if folder.is_dir():
            shutil.rmtree(other / folder.name, ignore_errors=True)
    return first, other


@pytest.fixture
def repository(tmp_path, voices, monkeypatch):
    """Built from the first voice; a graph is the sum of its module's weights."""

    def graph(module, model, path, sizes, omit, lengths, precision):
        path.write_text(f"{sum(float(value.detach().double().sum()) for value in module.state_dict().values())}")

    def t2s(model, folder, max_positions, precision):
        (folder / "t2s.onnx").write_text(f"{float(next(iter(model.parameters())).detach().double().sum())}")

    def learned(t2s, codebook, symbols, folder):
        (folder / PHONE_TABLE_FILE).write_bytes(b"")

    monkeypatch.setattr(stage_builds, "write_phone_table", learned)
    monkeypatch.setattr(stage_builds, "export_graph", graph)
    monkeypatch.setattr(stage_builds, "write_t2s_graphs", t2s)
    monkeypatch.setattr(added_models, "swap_weights", lambda *given: False)  # these graphs are none
    build_record.file_digest.cache_clear()
    build(tmp_path / "repository", CPU, voices[0], name="ann")
    return tmp_path / "repository"


def graph_of(repository, stage, weights):
    name = "t2s.onnx" if stage == "t2s" else "model.onnx"
    return (repository / stage / "1" / weights_folder(weights) / name).read_text()


@pytest.mark.slow
def test_a_second_voice_brings_its_own_stages_and_no_other(repository, voices):
    built = add_model(repository, CPU, voices[1], "bob")
    assert set(built) == {"t2s", *S2_STAGES}
    first, bob = read_first(repository), read_catalogue(repository)["bob"]
    assert (first.name, bob.name, bob.first) == ("ann", "bob", False)
    for kind in (S1, S2):
        assert first.checkpoints[kind].weights != bob.checkpoints[kind].weights
    own = graph_of(repository, "vocoder", bob.checkpoints[S2].weights)
    assert own != (repository / "vocoder" / "1" / "model.onnx").read_text()
    assert bob.checkpoints[S1].file == "s1.ckpt"
    assert bob.checkpoints[S1].nbytes > 0
    assert bob.axes == first.axes
    assert bob.facts.weights_digest != first.facts.weights_digest


@pytest.mark.slow
def test_a_voice_that_shares_a_checkpoint_shares_its_weights(repository, voices):
    shutil.copy(voices[0] / "s1.ckpt", voices[1] / "s1.ckpt")
    build_record.file_digest.cache_clear()
    assert set(add_model(repository, CPU, voices[1], "bob")) == S2_STAGES
    assert read_catalogue(repository)["bob"].checkpoints[S1].weights == read_first(repository).checkpoints[S1].weights
    assert add_model(repository, CPU, voices[1], "eve") == []
    assert read_catalogue(repository)["eve"].checkpoints == read_catalogue(repository)["bob"].checkpoints


@pytest.mark.slow
def test_one_that_is_removed_takes_only_its_own_weights_along(repository, voices, tmp_path):
    add_model(repository, CPU, voices[1], "bob")
    shared = shutil.copytree(voices[1], tmp_path / "shared")
    shutil.copy(voices[0] / "s2.pth", shared / "s2.pth")
    build_record.file_digest.cache_clear()
    add_model(repository, CPU, shared, "eve")
    bob = read_catalogue(repository)["bob"].checkpoints
    remove_model(repository, "bob")
    assert not (repository / "vocoder" / "1" / weights_folder(bob[S2].weights)).exists()
    assert graph_of(repository, "t2s", bob[S1].weights), "eve has it too"
    with pytest.raises(CheckpointError, match="bob is not in the repository"):
        remove_model(repository, "bob")
    with pytest.raises(CheckpointError, match="ann is the first"):
        remove_model(repository, "ann")


@pytest.mark.slow
def test_when_the_first_is_built_anew_what_others_share_with_it_stays(repository, voices, tmp_path):
    shutil.copy(voices[0] / "s1.ckpt", voices[1] / "s1.ckpt")
    build_record.file_digest.cache_clear()
    add_model(repository, CPU, voices[1], "bob")
    shared = (repository / "t2s" / "1" / "t2s.onnx").read_text()
    write_random_checkpoints(tmp_path / "third", ModelVersion.V2, seed=2)
    shutil.copy(tmp_path / "third" / "s1.ckpt", voices[0] / "s1.ckpt")
    build_record.file_digest.cache_clear()
    assert build(repository, CPU, voices[0]) == ["t2s", "tts"]
    assert (repository / "t2s" / "1" / "t2s.onnx").read_text() != shared
    assert graph_of(repository, "t2s", read_catalogue(repository)["bob"].checkpoints[S1].weights) == shared


@pytest.mark.slow
def test_a_voice_with_other_encoders_is_refused_with_the_way_out(repository, written):
    with pytest.raises(CheckpointError, match=r"is another hubert than the repository has.* make build BASE=dir"):
        add_model(repository, CPU, written[1], "bob", chosen=Chosen(base=written[1]))


@pytest.mark.slow
def test_a_preset_whose_stages_are_not_ours_serves_one_model(repository, voices):
    with pytest.raises(CheckpointError, match="preset onnx serves one model"):
        add_model(repository, PRESETS["onnx"], voices[1], "bob")
    with pytest.raises(CheckpointError, match="was built for preset cpu"):
        add_model(repository, PRESETS["cuda"], voices[1], "bob")


def test_a_name_adds_only_beside_a_first_of_another_name(repository, tmp_path):
    assert is_added(repository, "bob")
    assert not is_added(repository, "ann")
    assert not is_added(repository, None)
    assert not is_added(tmp_path / "nothing", "bob")


@pytest.mark.slow
def test_the_command_adds_and_removes(repository, voices):
    build_arguments = ["build", "--repository", str(repository), "--weights", str(voices[1]), "--pin"]
    assert main([*build_arguments, "--model", "bob"]) == 0
    assert read_catalogue(repository)["bob"].pinned
    assert main(["remove", "bob", "--repository", str(repository)]) == 0
    assert read_catalogue(repository) == {}
    assert main(["remove", "bob", "--repository", str(repository)]) == 1


@pytest.mark.slow
def test_a_model_is_added_for_the_preset_that_the_repository_has(repository, voices, caplog):
    values = json.loads((repository / "build.json").read_text())
    (repository / "build.json").write_text(json.dumps({**values, "preset": "onnx"}))
    assert main(["build", "--repository", str(repository), "--weights", str(voices[1]), "--model", "bob"]) == 1
    assert "preset onnx serves one model" in caplog.text


@pytest.mark.slow
def test_an_interrupted_addition_leaves_nothing_listed(repository, voices, monkeypatch):
    def stop(_folder):
        raise KeyboardInterrupt

    stages = added_models.stage_builds
    monkeypatch.setattr(
        added_models, "stage_builds", lambda *given: [replace(each, write=stop) for each in stages(*given)]
    )
    with pytest.raises(KeyboardInterrupt):
        add_model(repository, CPU, voices[1], "bob")
    monkeypatch.setattr(added_models, "stage_builds", stages)
    assert read_catalogue(repository) == {}
    assert set(add_model(repository, CPU, voices[1], "bob")) == {"t2s", *S2_STAGES}


@pytest.mark.slow
def test_what_another_version_of_the_code_added_keeps_its_weights_until_it_is_removed(repository, voices):
    add_model(repository, CPU, voices[1], "bob")
    weights = read_catalogue(repository)["bob"].checkpoints[S2].weights
    values = json.loads((repository / "models.json").read_text())
    values["bob"]["facts"]["of_later"] = 1
    (repository / "models.json").write_text(json.dumps(values))
    shutil.copy(voices[0] / "s2.pth", voices[1] / "s2.pth")
    build_record.file_digest.cache_clear()
    add_model(repository, CPU, voices[1], "eve")
    assert graph_of(repository, "vocoder", weights)
    remove_model(repository, "bob")
    assert not (repository / "vocoder" / "1" / weights_folder(weights)).exists()
    assert read_catalogue(repository).keys() == {"eve"}


@pytest.mark.slow
def test_adding_again_mends_damaged_weights_and_no_others(repository, voices):
    add_model(repository, CPU, voices[1], "bob")
    weights = read_catalogue(repository)["bob"].checkpoints[S2].weights
    whole = graph_of(repository, "vocoder", weights)
    (repository / "vocoder" / "1" / weights_folder(weights) / "model.onnx").write_text("half")
    assert add_model(repository, CPU, voices[1], "bob") == ["vocoder"]
    assert graph_of(repository, "vocoder", weights) == whole


@pytest.mark.slow
def test_names_that_case_alone_tells_apart_are_refused(repository, voices):
    add_model(repository, CPU, voices[1], "bob")
    for name, other in (("Bob", "bob"), ("ANN", "ann")):
        with pytest.raises(CheckpointError, match=f"model {name} and {other} differ in upper and lower case only"):
            add_model(repository, CPU, voices[1], name)


@pytest.mark.slow
def test_nothing_is_added_to_a_repository_whose_first_is_not_whole(repository, voices, caplog):
    values = json.loads((repository / "build.json").read_text())
    del values["facts"]
    (repository / "build.json").write_text(json.dumps(values))
    assert main(["build", "--repository", str(repository), "--weights", str(voices[1]), "--model", "bob"]) == 1
    assert "run `make build` again for its first model, ann, and then add bob" in caplog.text
    assert not is_added(repository, "ann"), "the first is built again"
    (repository / "build.json").write_text("{")
    with pytest.raises(CheckpointError, match="did not end"):
        is_added(repository, "bob")


@pytest.mark.slow
def test_a_full_disk_ends_an_addition_with_a_sentence_and_leaves_nothing(repository, voices, monkeypatch, caplog):
    def full(folder):
        (folder / "model.onnx").write_text("ha")
        raise OSError(errno.ENOSPC, "No space left on device")

    stages = added_models.stage_builds
    monkeypatch.setattr(
        added_models, "stage_builds", lambda *given: [replace(each, write=full) for each in stages(*given)]
    )
    assert main(["build", "--repository", str(repository), "--weights", str(voices[1]), "--model", "bob"]) == 1
    assert "the build did not end: [Errno 28] No space left on device" in caplog.text
    assert not list(repository.glob("*/1/weights/.*"))
    assert read_catalogue(repository) == {}


@pytest.mark.slow
def test_a_damaged_list_is_told(repository, voices, caplog):
    (repository / "models.json").write_text("{")
    assert main(["build", "--repository", str(repository), "--weights", str(voices[1]), "--model", "bob"]) == 1
    assert main(["remove", "bob", "--repository", str(repository)]) == 1
    assert caplog.text.count("models.json cannot be read") == 2


def test_who_changes_a_repository_waits_for_who_does_so_now(tmp_path):
    order: queue.SimpleQueue[str] = queue.SimpleQueue()

    class Told(logging.Handler):
        def emit(self, record):
            order.put(record.getMessage().partition(" repository")[0])

    def second():
        with changing(tmp_path):
            order.put("second")

    told, waiting = Told(), threading.Thread(target=second)
    added_models.logger.addHandler(told)
    added_models.logger.setLevel(logging.INFO)
    with changing(tmp_path):
        waiting.start()
        assert order.get(timeout=20) == "waiting for another build of"
        order.put("first")
    waiting.join()
    added_models.logger.removeHandler(told)
    assert [order.get(), order.get()] == ["first", "second"]


@pytest.mark.parametrize("name", ["b/b", "-pin", "b b", "ä", "b" * 65, "../b"])
def test_a_bad_name_is_refused_before_anything_is_read(tmp_path, caplog, name):
    assert main(["build", "--repository", str(tmp_path), "--weights", str(tmp_path), f"--model={name}"]) == 1
    assert "is no name; need 1 to 64 of" in caplog.text
    assert not list(tmp_path.iterdir())


def test_removal_from_a_folder_that_is_not_there_makes_none(tmp_path, caplog):
    assert main(["remove", "bob", "--repository", str(tmp_path / "typo")]) == 1
    assert "typo is not there; name the model repository" in caplog.text
    assert not list(tmp_path.iterdir())
