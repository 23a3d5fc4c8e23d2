"""A gateway hands latents and a bundle's files to devices, and nothing else of the bundle."""

import hashlib
import json
import zipfile

import numpy as np
import pytest

from gsv_client import InvalidRequest
from gsv_gateway.app import create_app
from gsv_gateway.device.bundle_files import BundleFiles
from gsv_local.bundle import BundleUnreadable
from gsv_local.fetching import fetched_bundle

FILES = {
    "vocoder/1/model.onnx": b"graph",
    "tts/1/latent_codec.npz": b"codec",
    "build.json": b"{}",
    "t2s/1/t2s.onnx": b"no",
}


@pytest.fixture
def bundle(tmp_path):
    """A bundle of these files."""
    files = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in FILES.items()}
    manifest = {"format": "gsv-bundle", "format_version": 1, "files": files}
    path = tmp_path / "voice.gsv"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {"manifest.json": json.dumps(manifest), **FILES}.items():
            archive.writestr(name, data)
    return path


def latents(number, first=False, reason="", codes=3):
    facts = {"voice": "v", "weights": "w", "codec": "c", "gain": 1.0, "pause_s": 0.1}
    return {
        "sample_rate_hz": np.array([32_000]),
        "latents": np.zeros((0, 4) if codes else (2, 4), np.float32),
        "latent_codes": np.full((2, codes), number, np.uint8),
        "heard_frames": np.array([1]),
        "decoding": np.array([json.dumps(facts) if first else ""], object),
        "global_condition": np.array([1.5, 2.5] if first else [], np.float32),
        "sentence": np.array(["a sentence" if first else ""], object),
        "finish_reason": np.array([reason], object),
        "final": np.array([reason != ""]),
    }


def records(data):
    """Heads and what belongs to them."""
    while data:
        length = int.from_bytes(data[:4], "little")
        head = json.loads(data[4 : 4 + length])
        at = 4 + length + 4 * head["condition"]
        end = at + head["frames"] * head["width"] * head["frame_bytes"]
        yield head, np.frombuffer(data[4 + length : at], "<f4"), data[at:end]
        data = data[end:]


def ask(running, **fields):
    return running.http.post("/v1/device/speech", json={"model": "tts-1", "input": "Hello.", "voice": "demo", **fields})


def test_latents_are_handed_on_as_records(running, triton):
    triton.answers = [latents(7, first=True), latents(8, reason="eos")]
    answer = ask(running, seed=3, latent_kbit_s=4, known_voice="k")
    assert answer.headers["content-type"] == "application/x-gsv-latents"
    (first, condition, codes), (last, none, more) = records(answer.content)
    assert (first["frames"], first["width"], first["heard"], first["final"]) == (2, 3, 1, False)
    assert (first["decoding"]["voice"], first["sentence"], condition.tolist()) == ("v", "a sentence", [1.5, 2.5])
    assert (codes, more, none.size) == (b"\7" * 6, b"\10" * 6, 0)
    assert (last["reason"], last["final"], "decoding" in last) == ("eos", True, False)
    (asked,) = triton.spoken
    assert (asked["answer"], asked["latent_kbit_s"], asked["known_voice"], asked["seed"]) == ("latents", 4.0, "k", 3)
    assert asked["streaming"] == "chunk"


def test_words_stand_in_the_head_of_the_record_that_they_end_in(running, triton):
    word = {"text": "Hello", "start": 0, "end": 5, "start_s": 0.0, "end_s": 0.4}
    timed = {"words": np.array([json.dumps(word)], object)}
    fault = {
        "word_faults": np.array([json.dumps({"text": "Hello", "start": 0, "end": 5, "fault": "repeated"})], object)
    }
    triton.answers = [{**latents(7, first=True), **timed}, {**latents(8, reason="eos"), **fault}]
    (first, *_), (last, *_) = records(ask(running, timestamp_granularities=["word"]).content)
    place = {"input_start": 0, "input_end": 5}
    assert (first["words"], "word_faults" in first) == ([{"word": "Hello", "start": 0.0, "end": 0.4, **place}], False)
    assert (last["word_faults"], "words" in last) == ([{"word": "Hello", "fault": "repeated", **place}], False)
    assert triton.spoken[0]["timestamps"] == "word"


def test_latents_as_they_are_travel_as_floats(running, triton):
    triton.answers = [latents(0, first=True, reason="eos", codes=0)]
    ((head, _, numbers),) = records(ask(running, latent_kbit_s=0).content)
    assert (head["width"], head["frame_bytes"], len(numbers)) == (4, 4, 32)


def test_what_the_server_refuses_is_an_error(running, triton):
    triton.answers = [InvalidRequest("this server has no codec")]
    answer = ask(running)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "this server has no codec")
    assert triton.open == 0


@pytest.mark.parametrize("wrong", [{"latent_kbit_s": 13}, {"latent_kbit_s": -1}, {"speed": 3.0}, {"input": " "}])
def test_what_no_device_can_do_is_refused(running, wrong):
    assert ask(running, **wrong).status_code == 400


def test_a_stream_to_a_device_takes_a_place_and_gives_it_back(start, triton, eventually, wait):
    triton.answers = [latents(7, first=True), wait]
    running = start()
    with running.http.stream("POST", "/v1/device/speech", json={"model": "tts-1", "input": "Hello."}) as answer:
        assert answer.status_code == 200, answer.read()
        eventually(lambda: running.gateway.streams.active == 1)
    eventually(lambda: running.gateway.streams.active == 0)
    eventually(lambda: triton.open == 0)


def test_a_device_fetches_what_it_needs_once_and_nothing_else(start, bundle, tmp_path):
    running = start(bundle=bundle)
    assert running.http.get("/v1/device").json() == {"bundle": True, "web_runtime": False}
    home = tmp_path / "home"
    found = fetched_bundle(running.url, home)
    assert {path.relative_to(found.folder).as_posix() for path in found.folder.rglob("*") if path.is_file()} == {
        "vocoder/1/model.onnx",
        "tts/1/latent_codec.npz",
        "build.json",
    }
    (found.folder / "vocoder/1/model.onnx").write_bytes(b"kept")
    assert (fetched_bundle(running.url, home).folder / "vocoder/1/model.onnx").read_bytes() == b"kept"
    assert found.has_file("vocoder/")
    assert not found.has_file("t2s/")


@pytest.mark.parametrize("name", ["t2s/1/t2s.onnx", "manifest.json", "../keys.json", "vocoder/../t2s/1/t2s.onnx"])
def test_other_files_are_nobodys(start, bundle, name):
    assert start(bundle=bundle).http.get(f"/v1/device/files/{name}").status_code == 404


def test_a_file_with_its_digest_may_be_kept_for_ever(start, bundle):
    running, name = start(bundle=bundle), "vocoder/1/model.onnx"
    digest = hashlib.sha256(FILES[name]).hexdigest()
    answer = running.http.get(f"/v1/device/files/{name}?sha256={digest}")
    assert answer.content == FILES[name]
    assert "immutable" in answer.headers["cache-control"]
    assert running.http.get(f"/v1/device/files/{name}").headers["cache-control"] == "no-cache"
    assert running.http.get(f"/v1/device/files/{name}?sha256=0").status_code == 404


def test_a_gateway_without_a_bundle_says_so(running, tmp_path):
    assert running.http.get("/v1/device").json() == {"bundle": False, "web_runtime": False}
    with pytest.raises(BundleUnreadable, match="answers 404: this gateway offers nothing to devices"):
        fetched_bundle(running.url, tmp_path)


def test_a_file_that_is_not_as_the_manifest_says_is_refused(start, bundle, tmp_path):
    with zipfile.ZipFile(bundle) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    manifest["files"]["build.json"]["sha256"] = "0" * 64
    folder = tmp_path / "unpacked"
    for name, data in {**FILES, "manifest.json": json.dumps(manifest).encode()}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    with pytest.raises(BundleUnreadable, match=r"build.json is not what its manifest says"):
        fetched_bundle(start(bundle=folder).url, tmp_path)


def test_a_key_in_the_address_is_shown_to_the_gateway_and_to_nobody_else(tmp_path):
    with pytest.raises(BundleUnreadable) as told:
        fetched_bundle("http://secret@127.0.0.1:9", tmp_path)
    assert "secret" not in str(told.value)
    assert "127.0.0.1:9" in str(told.value)


def test_what_is_no_bundle_stops_the_gateway_at_its_start(settings, tmp_path):
    wrong = tmp_path / "no.gsv"
    wrong.write_bytes(b"no")
    with pytest.raises(ValueError, match="is no bundle"):
        BundleFiles.of(wrong)
    with pytest.raises(ValueError, match="is no bundle"):
        create_app(type(settings)(bundle=wrong), [])
