"""Building, with the exporters replaced: what is built, skipped, recorded. The real exporters: tests/e2e."""

import json
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

import pytest

from gsv_build import build_record, build_repository, stage_builds
from gsv_build.build_repository import build
from gsv_build.checkpoints import CheckpointError, load_bert, load_sovits, load_vocabulary
from gsv_build.checkpoints.text_students import save_text_student
from gsv_build.checkpoints.vocoders import save_vocoder
from gsv_build.checks.random_checkpoints import write_random_checkpoints
from gsv_build.deployment import PRESETS
from gsv_build.graphs.eight_bits import DecoderQuantisation, EightBits
from gsv_build.graphs.graph_quantisation import T2SPrecision, T2SQuantisation
from gsv_build.modules.light_vocoder import LightVocoder
from gsv_build.modules.text_student import TextStudent
from gsv_build.sizes import LightVocoderSizes, TextStudentSizes
from gsv_build.tuning import Choice, Tuning
from gsv_build.weights import BERT_DIRECTORY, SPEAKER_ENCODER_FILE
from gsv_runtime.contract import MODELS
from gsv_runtime.settings import CheckpointFacts, read_build
from gsv_runtime.versions import ModelVersion

pytestmark = pytest.mark.slow

CPU = PRESETS["cpu"]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Random checkpoints of v2 and v2Pro."""
    folders = {version: tmp_path_factory.mktemp(version.value) for version in (ModelVersion.V2, ModelVersion.V2_PRO)}
    for version, folder in folders.items():
        write_random_checkpoints(folder, version)
    return folders


@pytest.fixture
def weights(written, tmp_path):
    return Path(shutil.copytree(written[ModelVersion.V2], tmp_path / "weights"))


@pytest.fixture
def exported(monkeypatch):
    """Replaces the exporters; the list of what they were asked for."""
    calls = []

    def graph(_module, model, path, sizes, omit, lengths, precision):
        calls.append(model.name)
        path.write_text(json.dumps({"sizes": dict(sizes), "omit": list(omit), "precision": precision.value}))

    def t2s(_model, folder, max_positions, quantisation):
        calls.append("t2s")
        (folder / "t2s.onnx").write_text(f"{max_positions} {quantisation.description}")

    monkeypatch.setattr(stage_builds, "export_graph", graph)

    def t2s_on_gpu(_model, folder, cache_rows, precision):
        calls.append("t2s")
        (folder / "t2s_decode_step.onnx").write_text(f"{cache_rows} {precision.value}")

    def learned(_t2s, codebook, symbols, folder):
        (folder / "phone_table.npy").write_text(f"{codebook.shape[0]} {symbols}")

    monkeypatch.setattr(stage_builds, "write_phone_table", learned)
    monkeypatch.setattr(stage_builds, "write_t2s_graphs", t2s)
    monkeypatch.setattr(stage_builds, "write_t2s_gpu_graphs", t2s_on_gpu)
    build_record.file_digest.cache_clear()
    return calls


def test_a_folder_that_does_not_exist_becomes_a_repository_with_our_models(tmp_path, weights, exported):
    build(tmp_path / "new" / "repository", CPU, weights)
    code = {path.parent.parent.name for path in (tmp_path / "new" / "repository").glob("*/1/model.py")}
    assert code == {model.name for model in MODELS}


def test_code_that_a_repository_has_is_not_replaced(tmp_path, weights, exported):
    own = tmp_path / "tts" / "1" / "model.py"
    own.parent.mkdir(parents=True)
    own.write_text("# mine")
    build(tmp_path, CPU, weights)
    assert own.read_text() == "# mine"


def test_a_build_serves_every_model_that_its_version_needs(tmp_path, written, exported):
    for version, has_speaker_encoder in ((ModelVersion.V2, False), (ModelVersion.V2_PRO, True)):
        repository = tmp_path / version.value
        repository.mkdir()
        build(repository, CPU, written[version])
        assert ("speaker_encoder" in read_build(repository)["models"]) == has_speaker_encoder
        assert CheckpointFacts.from_repository(repository).version == version.value
        reference_encoder = json.loads((repository / "reference_encoder" / "1" / "model.onnx").read_text())
        assert reference_encoder["omit"] == ([] if has_speaker_encoder else ["speaker_embedding"])


def test_a_second_build_has_nothing_to_do(tmp_path, weights, exported):
    assert build(tmp_path, CPU, weights)
    exported.clear()
    before = (tmp_path / "build.json").read_text()
    assert build(tmp_path, CPU, weights) == []
    assert not exported
    assert (tmp_path / "build.json").read_text() == before


@pytest.mark.parametrize("damage", ["gone", "cut short", "a folder that is gone"])
@pytest.mark.parametrize("stage", ["vocoder", "t2s", "tts", "text_frontend"])
def test_what_was_built_and_is_damaged_is_built_again_and_nothing_else(tmp_path, weights, exported, stage, damage):
    build(tmp_path, CPU, weights)
    record, folder = read_build(tmp_path), tmp_path / stage / "1"
    (file,) = (path for path in folder.iterdir() if path.is_file() and path.suffix != ".py")
    content = file.read_bytes()
    if damage == "gone":
        file.unlink()
    elif damage == "cut short":
        file.write_bytes(content[:-1])
    else:
        shutil.rmtree(folder)
    assert build(tmp_path, CPU, weights) == [stage]
    assert file.read_bytes() == content
    assert read_build(tmp_path) == record


def test_the_record_says_what_the_files_of_every_stage_hold(tmp_path, weights, exported):
    build(tmp_path, CPU, weights)
    record = read_build(tmp_path)
    assert record["files"].keys() == record["stages"].keys()
    assert record["files"]["vocoder"] == build_record.built_digest(tmp_path / "vocoder" / "1")
    (tmp_path / "vocoder" / "1" / "model.py").write_text("# no part of what was built")
    assert record["files"]["vocoder"] == build_record.built_digest(tmp_path / "vocoder" / "1")
    (tmp_path / "vocoder" / "1" / "model.onnx").write_text("another graph")
    assert record["files"]["vocoder"] != build_record.built_digest(tmp_path / "vocoder" / "1")


def test_a_stage_that_is_built_again_is_read_again_for_the_record_even_after_an_interruption(
    tmp_path, weights, exported, monkeypatch
):
    build(tmp_path, CPU, weights)
    before = read_build(tmp_path)["files"]
    monkeypatch.setattr(build_repository, "builder_digest", lambda: "another builder")
    export = stage_builds.export_graph

    def export_otherwise(module, model, path, sizes, omit, lengths, precision):
        if model.name == "bert":
            raise KeyboardInterrupt
        path.write_text("another graph")

    monkeypatch.setattr(stage_builds, "export_graph", export_otherwise)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path, CPU, weights)
    monkeypatch.setattr(stage_builds, "export_graph", export)
    assert "vocoder" not in build(tmp_path, CPU, weights)
    after = read_build(tmp_path)["files"]
    assert after["vocoder"] != before["vocoder"]
    assert after["vocoder"] == build_record.built_digest(tmp_path / "vocoder" / "1")


def test_only_what_a_changed_checkpoint_feeds_is_built_again(tmp_path, weights, exported):
    build(tmp_path, CPU, weights)
    digest = CheckpointFacts.from_repository(tmp_path).weights_digest
    write_random_checkpoints(weights.parent / "other", ModelVersion.V2, seed=1)
    shutil.copy(weights.parent / "other" / "s1.ckpt", weights / "s1.ckpt")
    build_record.file_digest.cache_clear()
    assert build(tmp_path, CPU, weights) == ["t2s", "tts"]
    assert CheckpointFacts.from_repository(tmp_path).weights_digest != digest


def test_a_build_that_was_interrupted_is_not_served_and_goes_on_where_it_stopped(
    tmp_path, weights, exported, monkeypatch
):
    export = stage_builds.export_graph

    def stop_at_vocoder(module, model, path, sizes, omit, lengths, precision):
        if model.name == "vocoder":
            path.write_text("half")
            raise KeyboardInterrupt
        export(module, model, path, sizes, omit, lengths, precision)

    monkeypatch.setattr(stage_builds, "export_graph", stop_at_vocoder)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path, CPU, weights)
    with pytest.raises(ValueError, match="did not end; run `make build` again"):
        read_build(tmp_path)
    assert not (tmp_path / "vocoder" / "1" / "model.onnx").exists()
    assert not list(tmp_path.glob("*/1/.new-*"))
    monkeypatch.setattr(stage_builds, "export_graph", export)
    assert build(tmp_path, CPU, weights) == ["vocoder", "bert", "text_frontend"]


def test_a_preset_for_a_gpu_writes_half_precision_t2s_for_it_and_configs_with_sizes_and_warm_ups(
    tmp_path, weights, exported, monkeypatch
):
    build(tmp_path, CPU, weights)
    first = list(exported)
    monkeypatch.setattr(build_repository, "graph_input_shapes", lambda path: {"latents": ["B", 48, "F"]})
    built = build(tmp_path, PRESETS["onnx"], weights)
    assert built == [name for name in first if name not in ("vocoder", "tts")]  # the same on every preset
    assert json.loads((tmp_path / "acoustic" / "1" / "model.onnx").read_text())["precision"] == "fp16"
    assert json.loads((tmp_path / "vocoder" / "1" / "model.onnx").read_text())["precision"] == "fp32"
    assert [path.name for path in (tmp_path / "t2s" / "1").glob("*.onnx")] == ["t2s_decode_step.onnx"]
    assert (tmp_path / "t2s" / "1" / "t2s_decode_step.onnx").read_text() == "2560 fp16"
    assert read_build(tmp_path)["preset"] == "onnx"
    config = (tmp_path / "vocoder" / "config.pbtxt").read_text()
    assert 'backend: "onnxruntime"' in config
    assert "dims: [ 48, -1 ]" in config
    assert (tmp_path / "vocoder" / "warmup" / "latents").stat().st_size == 4 * 48 * 50


def test_another_precision_of_t2s_builds_t2s_again_and_is_recorded(tmp_path, weights, exported):
    build(tmp_path, CPU, weights)
    assert read_build(tmp_path)["t2s_precision"] == "fp32"
    exported.clear()
    build(tmp_path, replace(CPU, t2s_quantisation=T2SQuantisation(T2SPrecision.INT8)), weights)
    assert exported == ["t2s"]
    assert (tmp_path / "t2s" / "1" / "t2s.onnx").read_text().endswith("int8")
    assert read_build(tmp_path)["t2s_precision"] == "int8"


def test_a_weights_directory_says_which_matrices_of_t2s_bear_fewer_bits_and_the_command_line_overrides_it(
    tmp_path, weights, exported
):
    T2SQuantisation(T2SPrecision.INT4, frozenset({"layers.0.qkv"})).write(weights / "t2s_quantisation.json")
    build(tmp_path, CPU, weights)
    assert (tmp_path / "t2s" / "1" / "t2s.onnx").read_text() == "2560 int4 layers.0.qkv"
    assert read_build(tmp_path)["t2s_precision"] == "int4"
    build(tmp_path, replace(CPU, t2s_quantisation=T2SQuantisation()), weights)
    assert (tmp_path / "t2s" / "1" / "t2s.onnx").read_text() == "2560 fp32"


def test_a_weights_directory_says_which_convolutions_bear_8_bits_and_only_the_decoders_graphs_are_built_again(
    tmp_path, weights, exported, monkeypatch
):
    build(tmp_path, CPU, weights)
    exported.clear()
    rounded = []
    monkeypatch.setattr(stage_builds, "round_graph", lambda path, *how: rounded.append((path.name, *how)))
    DecoderQuantisation(EightBits.FP8, {"vocoder": {"enter": 2.0}}).write(weights / "decoder_quantisation.json")
    build(tmp_path, CPU, weights)
    assert exported == ["acoustic", "vocoder"]
    assert rounded == [("model.onnx", EightBits.FP8, {"enter": 2.0})]


def test_a_damaged_list_of_convolutions_is_named(tmp_path, weights, exported):
    (weights / "decoder_quantisation.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"decoder_quantisation\.json is damaged"):
        build(tmp_path, CPU, weights)


@pytest.fixture
def with_light_vocoder(weights):
    """Weights with a light vocoder beside the s2."""
    sovits = load_sovits(weights / "s2.pth").sizes
    sizes = LightVocoderSizes(sovits.latent, sovits.global_dim, channels=8, expanded=16, blocks=2)
    save_vocoder(weights / "vocoder", "light", LightVocoder(sizes), sizes)
    return weights


def test_a_vocoder_beside_the_s2_takes_the_place_of_its_own(tmp_path, with_light_vocoder, exported):
    build(tmp_path, CPU, with_light_vocoder)
    assert [path.name for path in (tmp_path / "vocoder" / "1").glob("*.onnx")] == ["spectrum.onnx"]
    assert CheckpointFacts.from_repository(tmp_path).vocoder_receptive_field_frames == 1 + 2 + 2
    shutil.rmtree(with_light_vocoder / "vocoder")
    exported.clear()
    build(tmp_path, CPU, with_light_vocoder)
    assert exported == ["vocoder"]
    assert [path.name for path in (tmp_path / "vocoder" / "1").glob("*.onnx")] == ["model.onnx"]


def test_a_vocoder_that_ends_at_a_spectrum_is_not_for_a_preset_without_python(tmp_path, with_light_vocoder, exported):
    with pytest.raises(CheckpointError, match="build for PRESET=cpu or cuda"):
        build(tmp_path, PRESETS["onnx"], with_light_vocoder)
    assert not exported


@pytest.fixture
def with_text_student(weights):
    """Weights with a student in BERT's place."""
    bert = load_bert(weights / BERT_DIRECTORY).sizes
    vocabulary = load_vocabulary(weights / BERT_DIRECTORY)
    sizes = TextStudentSizes(pieces=9, hidden=8, heads=2, feed_forward=16, layers=1, bert_dim=bert.hidden)
    save_text_student(weights / "text-student", TextStudent(sizes), "pieces", vocabulary)
    shutil.rmtree(weights / BERT_DIRECTORY)
    return weights


def test_a_text_student_takes_the_place_of_bert_with_its_pieces_and_vocabulary(tmp_path, with_text_student, exported):
    build(tmp_path, CPU, with_text_student)
    built = tmp_path / "bert" / "1"
    assert {path.name for path in built.iterdir()} >= {"pieces.onnx", "pieces.tsv", "vocab.txt"}
    assert not (built / "model.onnx").exists()
    assert (built / "vocab.txt").read_text() == (tmp_path / "text_frontend" / "1" / "vocab.txt").read_text()
    assert CheckpointFacts.from_repository(tmp_path).has_bert
    written = [f"model_repository/bert/1/{name}" for name in ("pieces.onnx", "pieces.tsv", "vocab.txt")]
    ignored = ["git", "-C", str(Path(__file__).parents[2]), "check-ignore", *written]
    assert subprocess.check_output(ignored, text=True).split() == written


def test_a_text_student_is_not_for_a_preset_without_python_and_not_for_another_voice(
    tmp_path, with_text_student, exported
):
    with pytest.raises(CheckpointError, match="build for PRESET=cpu or cuda"):
        build(tmp_path, PRESETS["onnx"], with_text_student)
    config = with_text_student / "text-student" / "config.json"
    config.write_text(config.read_text().replace('"bert_dim": ', '"bert_dim": 1'))
    with pytest.raises(CheckpointError, match="it is a student of another BERT"):
        build(tmp_path, CPU, with_text_student)
    assert not exported


def test_what_was_tuned_stands_in_the_configuration_until_its_graph_changes(tmp_path, weights, exported, monkeypatch):
    def tune(_repository, _deployment, files, tuning):
        asked.append(tuning)
        return {"vocoder": Choice("openvino", files["vocoder"], {}, {})}

    asked: list[Tuning] = []
    monkeypatch.setattr(build_repository, "tune", tune)
    config = tmp_path / "vocoder" / "config.pbtxt"
    build(tmp_path, CPU, weights, tuning=Tuning.EXACT)
    assert asked == [Tuning.EXACT]
    build(tmp_path, CPU, weights)
    assert 'string_value: "openvino"' in config.read_text()
    assert read_build(tmp_path)["tuned"]["vocoder"]["engine"] == "openvino"
    (tmp_path / "build.json").write_text((tmp_path / "build.json").read_text().replace('"graph": "', '"graph": "x'))
    build(tmp_path, CPU, weights)
    assert 'string_value: "openvino"' not in config.read_text()
    assert asked == [Tuning.EXACT]


def test_a_preset_with_engines_builds_them_after_the_graphs(tmp_path, weights, exported, monkeypatch):
    library, asked = object(), []

    def build_engines(repository, deployment, record, builder):
        asked.append((repository, deployment.preset, sorted(record.stages), builder))
        return ["vocoder"]

    monkeypatch.setattr(build_repository, "graph_input_shapes", lambda path: {})
    monkeypatch.setattr(build_repository, "build_engines", build_engines)
    monkeypatch.setattr(build_repository.TensorRT, "find", lambda: library)
    built = build(tmp_path, PRESETS["tensorrt"], weights)
    assert asked == [(tmp_path, "tensorrt", sorted(built), library)]
    assert build(tmp_path, PRESETS["tensorrt"], weights) == ["vocoder"]
    assert len(asked) == 2
    build(tmp_path, PRESETS["cpu"], weights)
    assert len(asked) == 2


def test_without_tensorrt_nothing_is_exported_for_it_and_the_way_to_get_it_is_told(
    tmp_path, weights, exported, monkeypatch, caplog
):
    for name in ("tensorrt", "tensorrt_rtx"):
        monkeypatch.setitem(sys.modules, name, None)
    parser = ArgumentParser()
    build_repository.add_arguments(parser)
    arguments = parser.parse_args(["--preset=tensorrt", f"--weights={weights}", f"--repository={tmp_path}"])
    assert build_repository.run(arguments) == 1
    assert "pip install tensorrt-rtx-cu13" in caplog.text
    assert not exported


def test_without_bert_there_is_a_warning_and_no_bert_model(tmp_path, weights, exported, caplog):
    shutil.rmtree(weights / BERT_DIRECTORY)
    build(tmp_path, CPU, weights)
    assert "zero features" in caplog.text
    assert "bert" not in read_build(tmp_path)["models"]
    assert not CheckpointFacts.from_repository(tmp_path).has_bert


def test_a_hubert_of_another_size_is_refused_with_both_numbers(tmp_path, weights, exported, monkeypatch):
    monkeypatch.setattr(
        stage_builds.Weights, "sizes", {"ssl_dim": 768, "latent_dim": 1, "global_dim": 1, "bert_dim": 64}
    )
    with pytest.raises(CheckpointError, match="hubert has hidden size 64, but s2 was trained on 768"):
        build(tmp_path, CPU, weights)


def test_v2pro_without_a_speaker_encoder_says_what_is_missing(tmp_path, written, exported):
    weights = Path(shutil.copytree(written[ModelVersion.V2_PRO], tmp_path / "weights"))
    (weights / SPEAKER_ENCODER_FILE).unlink()
    with pytest.raises(CheckpointError, match="speaker encoder"):
        build(tmp_path, CPU, weights)


def test_a_new_repository_gets_every_model_wherever_the_command_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    build_repository.add_missing_models(tmp_path / "new")
    assert {"tts", "voices", "text_frontend"} <= {path.parts[-3] for path in tmp_path.glob("new/*/1/model.py")}
