"""A bundle in one process says what the server says: by the library, by the command of a wheel, and over HTTP."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import httpx
import numpy as np
import pytest
import soundfile

import gsv_local
from gsv_client import AsyncClient, Client, InvalidRequest, VoiceNotFound
from gsv_local.clients import open_async_client

from ..clean_environment import build_wheels, environment_with
from .conftest import LIMIT_S, ROOT, nearness_db, recording

NODE = ROOT / "var" / "clients" / "node"

TEXT = "The young woman found a good book. 你好，世界。"
NEAR_DB = 60


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def local(bundle_file, home):
    with gsv_local.open_client(bundle_file, home=home) as client:
        yield client


def joined(chunks):
    return np.concatenate([chunk.waveform for chunk in chunks])


@pytest.mark.parametrize(
    "options", [{"retries": 2}, {"streaming": "sentence", "speed": 1.3, "retries": 0}, {"top_k": 1, "noise_scale": 0.0}]
)
def test_audio_is_the_servers(client, local, options):
    chunks, error = client.say({"text": TEXT, "voice": "low", "seed": 7, **options})
    assert error is None
    ours = local.synthesize(TEXT, voice="low", seed=7, **{"streaming": "chunk", **options})
    assert nearness_db(ours.samples, joined(chunks)) >= NEAR_DB


def test_openvino_says_what_onnx_runtime_says(local, bundle_file, home):
    pytest.importorskip("openvino")
    asked = {"voice": "low", "seed": 7, "streaming": "sentence", "cache": "off"}
    with gsv_local.open_client(bundle_file, home=home, engine="openvino") as other:
        ours = other.synthesize(TEXT, **asked)
    assert nearness_db(ours.samples, local.synthesize(TEXT, **asked).samples) >= NEAR_DB
    with pytest.raises(ValueError, match="has no engine 'moon'"):
        gsv_local.open_client(bundle_file, home=home, engine="moon")


def test_a_bundle_tells_when_words_are_said_as_the_server_does(server, registered, local):
    asked = {"voice": "low", "seed": 7, "streaming": "sentence", "timestamps": "word"}
    with Client(f"127.0.0.1:{server.ports.grpc}") as remote:
        expected = remote.synthesize(TEXT, **asked).words
    assert [word.text for word in expected][:7] == ["The", "young", "woman", "found", "a", "good", "book"]
    assert local.synthesize(TEXT, **asked).words == expected


def test_a_recording_is_imitated_as_at_the_server(client, local):
    clip = recording(pitch_hz=220)
    spoken = "The same words are said again here, slowly and clearly."
    chunks, error = client.say(
        {
            "text": "Hello there.",
            "reference_audio": clip,
            "prompt_text": spoken,
            "prompt_language": "en",
            "seed": 3,
            "retries": 2,
        }
    )
    assert error is None
    ours = local.synthesize(
        "Hello there.",
        reference_audio=clip,
        prompt_text=spoken,
        prompt_language="en",
        seed=3,
        streaming="chunk",
        retries=2,
    )
    assert nearness_db(ours.samples, joined(chunks)) >= NEAR_DB


def test_voices_are_registered_on_the_device_and_deleted_there(local):
    local.register_voice("mine", recording(pitch_hz=150))
    assert {"low", "high", "mine"} <= {voice.voice for voice in local.list_voices()}
    assert local.synthesize("Hello.", voice="mine").duration_s > 0
    local.delete_voice("mine")
    with pytest.raises(VoiceNotFound):
        local.synthesize("Hello.", voice="mine")


def test_who_names_no_voice_hears_the_bundles_own(local, bundle_file, home):
    asked = {"seed": 3, "streaming": "off", "cache": "off"}
    own = gsv_local.open_bundle(bundle_file, home).default_voice
    ours, named = local.synthesize("Hello.", **asked), local.synthesize("Hello.", voice=own, **asked)
    assert np.array_equal(ours.samples, named.samples)


def test_a_text_of_more_words_than_the_bundle_allows_is_refused(local):
    with pytest.raises(InvalidRequest, match="text has 51 words; need at most 50"):
        local.synthesize("word " * 51, voice="low")


def test_what_the_server_tells_of_itself_the_device_tells_too(local):
    info = local.server_info()
    assert info.name == "gsv-local"
    assert info.ready
    assert local.phones("Hello.")[0].phones


def test_a_stream_that_is_left_ends_its_work(bundle_file, home):
    before = set(threading.enumerate())
    engine = gsv_local.LocalEngine(gsv_local.open_bundle(bundle_file, home))

    async def leave_after_the_first():
        client = open_async_client(engine)
        async with client.stream(TEXT, voice="low", seed=7) as stream:
            await anext(stream)
        return (await client.synthesize("Hello.", voice="low")).duration_s

    try:
        assert asyncio.run(leave_after_the_first()) > 0
    finally:
        engine.close()
    left = set(threading.enumerate()) - before
    assert [thread.name for thread in left if thread.name.startswith(("tts-tokens", "t2s"))] == []


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Programs of an environment that has the wheels a device gets, and nothing else of ours."""
    wheels = build_wheels(("runtime", "client", "local"), tmp_path_factory.mktemp("wheels"), pure=True)
    return environment_with(wheels.values(), tmp_path_factory.mktemp("device"))


@pytest.mark.slow
def test_wheels_in_a_clean_environment_speak_as_the_server(client, programs, bundle_file, home, tmp_path):
    run = [str(programs / "python"), "-m", "gsv_local.cli", "--home", str(home)]
    used = subprocess.run([*run, "use", str(bundle_file)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert used.returncode == 0, used.stderr
    say = [
        *run,
        "say",
        TEXT,
        "-v",
        "low",
        "--seed",
        "7",
        "--streaming",
        "chunk",
        "-o",
        "out.flac",
        "--json",
    ]
    spoken = subprocess.run(say, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert spoken.returncode == 0, spoken.stderr
    assert json.loads(spoken.stdout)["duration_s"] > 0
    chunks, _ = client.say({"text": TEXT, "voice": "low", "seed": 7, "retries": 2})
    ours, rate_hz = soundfile.read(tmp_path / "out.flac", dtype="float32")
    assert rate_hz == 32_000
    expected = joined(chunks)
    assert np.abs(ours - expected).max() <= 1.5 / 32_768  # of the file's 16 bits


@pytest.mark.slow
def test_the_devices_process_loads_neither_torch_nor_a_library_of_triton(programs, bundle_file, home, tmp_path):
    code = (
        "import json, pathlib, sys, gsv_local; "
        "client = gsv_local.open_client(sys.argv[1], home=pathlib.Path(sys.argv[2])); "
        "client.synthesize('Hello.', voice='low'); client.close(); "
        "loaded = {'torch', 'grpc', 'tritonclient', 'onnx'} & sys.modules.keys(); "
        "print(json.dumps([gsv_local.__file__, sorted(loaded)]))"
    )
    run = [str(programs / "python"), "-c", code, str(bundle_file), str(home)]
    result = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    place, loaded = json.loads(result.stdout.strip().splitlines()[-1])
    assert str(programs.parent) in place
    assert loaded == []


@contextlib.contextmanager
def serving(bundle_file, home, folder, *options, web_runtime=None):
    """`gsv-local serve`; yields a client of it."""
    command = [sys.executable, "-m", "gsv_local.cli", "--bundle", str(bundle_file), "--home", str(home), *options]
    log = folder / "serve.log"
    with log.open("wb") as written:
        keys = ["--keys", str(folder / "keys.json")]
        keys += ["--web-runtime", str(web_runtime)] if web_runtime else []
        process = subprocess.Popen([*command, "serve", "--port", "0", *keys], stderr=written)
    try:
        found, deadline_s = None, time.monotonic() + LIMIT_S
        while found is None:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline_s, log.read_text()
            found = re.search(r"running on (http://127\.0\.0\.1:\d+)", log.read_text())
            time.sleep(0.02)
        with httpx.Client(base_url=found[1], timeout=LIMIT_S) as http:
            yield http
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT_S)
    assert process.returncode == 0
    assert "Traceback" not in log.read_text()


def test_the_gateways_api_before_the_device_speaks_and_keeps_to_its_words(client, bundle_file, home, tmp_path):
    body = {
        "model": "tts-1",
        "input": TEXT,
        "voice": "low",
        "seed": 7,
        "response_format": "pcm",
        "sample_rate": 32_000,
    }
    with serving(bundle_file, home, tmp_path) as http:
        answer = http.post("/v1/audio/speech", json=body)
        assert answer.status_code == 200
        assert http.get("/readyz").status_code == 200
        assert "low" in http.get("/v1/audio/voices?legacy=true").json()["voices"]
        refused = http.post("/v1/audio/speech", json={**body, "input": "word " * 51})
        assert refused.status_code == 400
        assert "text has 51 words; need at most 50" in refused.json()["error"]["message"]
    chunks, _ = client.say({"text": TEXT, "voice": "low", "seed": 7, "retries": 2})
    ours = np.frombuffer(answer.content, "<i2") / 32_767
    assert np.abs(ours - joined(chunks)).max() <= 1.5 / 32_768


LONG = "This sentence goes on and on. " * 12
DEVICE_TEXT = "The young woman found a good book on the table. The children laughed."


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_a_device_makes_the_servers_audio_of_its_latents(server, client, registered, bundle_file, home, scheme):
    port = server.ports.grpc if scheme == "grpc" else server.ports.http
    address, asked = f"{scheme}://127.0.0.1:{port}", {"voice": "low", "seed": 7, "loudness": -20.0}
    chunks, _ = client.say({"text": TEXT, "streaming": "sentence", "retries": 2, **asked})
    nearness = {}
    with Client(address) as remote:
        expected = remote.synthesize(TEXT, streaming="sentence", timestamps="word", **asked)
    for kbit_s in (0, 4, 12):
        with Client(address, decode="device", bundle=bundle_file, latent_kbit_s=kbit_s) as device:
            ours = device.synthesize(TEXT, streaming="sentence", cache="off", timestamps="word", **asked)
            nearness[kbit_s] = nearness_db(ours.samples, joined(chunks))
            assert (ours.words, ours.word_faults) == (expected.words, expected.word_faults)
    assert nearness[0] >= NEAR_DB
    assert nearness[4] < nearness[12] < nearness[0]


def test_what_a_device_makes_as_it_comes_is_the_servers_but_for_the_seams(server, client, registered, bundle_file):
    address = f"127.0.0.1:{server.ports.grpc}"
    asked = {"voice": "low", "seed": 3, "retries": 0}

    async def say():
        async with AsyncClient(address, decode="device", bundle=bundle_file, latent_kbit_s=0) as device:
            return await device.synthesize(LONG, streaming="chunk", cache="off", **asked)

    ours = asyncio.run(say())
    chunks, _ = client.say({"text": LONG, "streaming": "chunk", **asked})
    assert len(ours.chunks) == len(chunks) > 12  # sentences of several chunks
    assert nearness_db(ours.samples, joined(chunks)) >= 30


@pytest.mark.clients
def test_node_and_a_browser_make_the_sound_of_the_gateways_latents(bundle_file, home, tmp_path):
    chromium, modules = shutil.which("chromium"), NODE / "node_modules"
    if chromium is None or not (modules / "onnxruntime-web").is_dir() or not (modules / "onnxruntime-node").is_dir():
        pytest.skip("Chromium, onnxruntime-web or onnxruntime-node is not installed: `make test-clients`")
    runtime = tmp_path / "runtime"  # with the files that `make web-runtime` fetches, and no other
    runtime.mkdir()
    for name in re.search(r"^ORT_WEB_FILES := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split():
        shutil.copy(modules / "onnxruntime-web" / "dist" / name, runtime)
    script = ROOT / "tests" / "e2e" / "clients" / "use_device.mjs"
    page = ROOT / "gateway" / "gsv_gateway" / "page" / "client"
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copytree(page, tmp_path / "client")
    with serving(bundle_file, home, tmp_path, web_runtime=runtime) as http:
        command = ["node", str(script), str(http.base_url).rstrip("/"), str(tmp_path / "client"), DEVICE_TEXT]
        environment = {**os.environ, "NODE_FOLDER": str(NODE), "CHROMIUM": chromium}
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stdout[-2_000:] + result.stderr[-4_000:]
    seen = json.loads(result.stdout.splitlines()[-1])
    assert seen["errors"] == []
    made = seen["node"]
    assert made["0"] >= 30  # the seams differ a little
    assert made["12"] < made["0"]
    assert min(made["again 0"], made["again 12"], made["broken"]) >= 90
    assert (made["cut"], made["kept 0"], made["kept 12"]) == (True, True, True)
    assert (made["words 0"], made["words 12"]) == (True, True)
    page_made = seen["chromium"]
    assert (page_made["message"], page_made["spoken"], page_made["device"]) == ("", 0, 1)
    assert page_made["nearness"] >= 50
    assert page_made["fetched_again"] == 0


def test_a_device_makes_the_servers_audio_of_its_tokens(server, client, registered, bundle_file, home, monkeypatch):
    monkeypatch.setenv("HOME", str(home))
    address = f"127.0.0.1:{server.ports.grpc}"
    with Client(address, decode="device", bundle=bundle_file) as device:
        for streaming in ("chunk", "sentence", "off"):
            ours = device.synthesize(
                TEXT, voice="low", seed=7, streaming=streaming, speed=1.1, loudness=-20.0, cache="off"
            )
            asked = {
                "text": TEXT,
                "voice": "low",
                "seed": 7,
                "streaming": streaming,
                "speed": 1.1,
                "loudness": -20.0,
                "retries": 2,
            }
            chunks, _ = client.say(asked)
            assert nearness_db(ours.samples, joined(chunks)) >= NEAR_DB
        with pytest.raises(VoiceNotFound):
            device.synthesize(TEXT, voice="nobody")
