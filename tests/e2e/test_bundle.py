"""A bundle is what its specification says, and loaders that know only that specification speak as the server does."""

import json
import shutil
import subprocess
import sys
import zipfile

import jsonschema
import onnx
import pytest
import soundfile

from gsv_client import Client

from .conftest import ROOT, nearness_db

LOADERS = ROOT / "examples" / "bundle"
NODE = ROOT / "var" / "clients" / "node"
NEAR_DB = 50
GREEDY = {"top_k": 1, "noise_scale": 0.0, "streaming": "off", "split_method": "cut0", "retries": 0}
TEXT = "She put it on the table, and we laughed."


@pytest.fixture(scope="module")
def manifest(bundle_file):
    with zipfile.ZipFile(bundle_file) as archive:
        return json.loads(archive.read("manifest.json"))


def test_the_manifest_keeps_to_its_schema(manifest):
    schema = json.loads((ROOT / "docs" / "bundle.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(manifest, schema)


def test_the_archive_has_the_files_of_the_manifest_and_no_other_and_compresses_none(bundle_file, manifest):
    with zipfile.ZipFile(bundle_file) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
    assert entries.keys() == manifest["files"].keys() | {"manifest.json"}
    assert {entry.compress_type for entry in entries.values()} == {zipfile.ZIP_STORED}
    named = [manifest["symbols"], manifest["sample"]["audio"], *manifest["licences"]]
    named += [voice["arrays"] for voice in manifest["voices"].values()]
    named += [name for stage in manifest["stages"].values() for name in stage["files"]]
    assert set(named) <= manifest["files"].keys()
    assert manifest["licences"] == ["licences/LICENSE"]


def test_its_vocoder_has_no_masks(bundle_file):
    with zipfile.ZipFile(bundle_file) as archive:
        graph = onnx.load_from_string(archive.read("vocoder/1/model.onnx")).graph
    assert {"Less", "ConvTranspose"}.isdisjoint(node.op_type for node in graph.node)


@pytest.fixture(scope="module")
def expected(server, registered):
    """Phones of a sentence, by name, and what the server says for it without drawing anything."""
    with Client(f"127.0.0.1:{server.ports.grpc}") as speaking:
        (sentence,) = speaking.phones(TEXT, "en", split_method="cut0")
    (chunk,), error = server.client.say({"text": TEXT, "language": "en", "voice": "low", **GREEDY})
    assert error is None
    return " ".join(sentence.phones), chunk.waveform


def test_each_loader_has_less_than_200_lines_and_none_of_our_packages():
    for loader in (LOADERS / "speak.py", LOADERS / "speak.mjs"):
        text = loader.read_text(encoding="utf-8")
        assert len(text.splitlines()) < 200
        assert "import gsv" not in text
        assert "from gsv" not in text


def test_the_samples_audio_is_what_the_server_says(client, bundle_file, manifest):
    sample = manifest["sample"]
    with zipfile.ZipFile(bundle_file) as archive, archive.open(sample["audio"]) as file:
        audio, _ = soundfile.read(file, dtype="float32")
    (chunk,), error = client.say({"text": sample["text"], "voice": sample["voice"], **GREEDY})
    assert error is None
    assert nearness_db(audio, chunk.waveform) >= NEAR_DB


def spoken_by(command, folder, phones):
    """Audio of a loader, run where nothing of ours is on the path."""
    file = folder / "out.wav"
    run = [*command, "--voice", "low", "--phones", phones, "-o", str(file)]
    result = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    audio, rate_hz = soundfile.read(file, dtype="float32")
    assert rate_hz == 32_000
    return audio


def test_the_python_loader_speaks_given_phones_as_the_server_does(bundle_file, expected, tmp_path):
    phones, waveform = expected
    audio = spoken_by([sys.executable, str(LOADERS / "speak.py"), str(bundle_file)], tmp_path, phones)
    assert nearness_db(audio, waveform) >= NEAR_DB


def test_the_python_loader_makes_the_samples_tokens(bundle_file, manifest, tmp_path):
    run = [sys.executable, str(LOADERS / "speak.py"), str(bundle_file), "-o", str(tmp_path / "sample.wav")]
    result = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["tokens"] == manifest["sample"]["semantic_tokens"]


def refusal(command, folder):
    """What a loader says on its error stream, where it speaks nothing."""
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    return result.stderr


def test_the_python_loader_names_phones_that_there_are_not(bundle_file, tmp_path):
    told = refusal([sys.executable, str(LOADERS / "speak.py"), str(bundle_file), "--phones", "HH XX L"], tmp_path)
    assert told == "XX: no such phones; symbols.json of the bundle has them all\n"


def test_the_python_loader_refuses_a_vocoder_that_it_cannot_read(tmp_path):
    light = tmp_path / "light.gsv"
    with zipfile.ZipFile(light, "w") as archive:
        archive.writestr("manifest.json", json.dumps({"format": "gsv-bundle", "format_version": 1}))
        archive.writestr("vocoder/1/spectrum.onnx", b"")
    assert "has a light vocoder, which is not read here" in refusal(
        [sys.executable, str(LOADERS / "speak.py"), str(light)], tmp_path
    )


@pytest.mark.clients
def test_the_node_loader_speaks_given_phones_as_the_server_does(bundle_file, expected, tmp_path):
    if not (NODE / "node_modules" / "onnxruntime-node").is_dir():
        pytest.skip("onnxruntime-node is not installed; run tests/e2e/clients/install.py where npm is")
    loader = tmp_path / "speak.mjs"
    shutil.copy(LOADERS / "speak.mjs", loader)
    (tmp_path / "node_modules").symlink_to(NODE / "node_modules")
    phones, waveform = expected
    audio = spoken_by(["node", str(loader), str(bundle_file)], tmp_path, phones)
    assert nearness_db(audio, waveform) >= NEAR_DB
