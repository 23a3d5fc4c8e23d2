"""The web client: its own tests, its copy in the page, and Node.js and Chromium at a gateway whose network is cut."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from gsv_runtime.graphs.inverse_fft import waveform_of
from gsv_runtime.graphs.vocoder_spectrum import SPECTRUM_BINS
from gsv_runtime.tts.synthesis import loudness

from ..small_repositories import random_codec

ROOT = Path(__file__).parents[2]
WEB, PAGE = ROOT / "web", ROOT / "gateway" / "gsv_gateway" / "page"
NODE = ROOT / "var" / "clients" / "node"
LIMIT_S = 300


def run(command, folder, **environment):
    """What a program prints."""
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert result.returncode == 0, result.stdout[-4_000:] + result.stderr[-4_000:]
    return result.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The package as it is built from its sources, with what its tests need."""
    if not (NODE / "node_modules" / "typescript").is_dir():
        pytest.skip("TypeScript is not installed: `make test-clients` installs it where npm can")
    place = tmp_path_factory.mktemp("web")
    for name in ("src", "test"):
        shutil.copytree(WEB / name, place / name)
    for name in ("package.json", "tsconfig.json"):
        shutil.copy(WEB / name, place)
    (place / "node_modules").symlink_to(NODE / "node_modules")
    run(["node", "node_modules/typescript/bin/tsc"], place)
    return place


@pytest.mark.clients
def test_its_own_tests_pass_in_node(built):
    assert "# fail 0" in run(["node", "--test", "--test-reporter", "tap", "test/"], built)


@pytest.mark.clients
def test_the_page_has_the_modules_that_are_built(built):
    ours = {path.name: path.read_text(encoding="utf-8") for path in (PAGE / "client").glob("*.js")}
    assert ours == {path.name: path.read_text(encoding="utf-8") for path in (built / "dist").glob("*.js")}, "make web"


def test_the_page_without_a_network_has_every_file_of_the_page():
    worker = (PAGE / "sw.js").read_text(encoding="utf-8")
    files = [path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*") if path.is_file()]
    assert [name for name in files if f'"page/{name}"' not in worker] == ["index.html", "sw.js"] or [
        name for name in sorted(files) if f'"page/{name}"' not in worker
    ] == ["index.html", "sw.js"]


def test_the_worker_rules_the_whole_page_and_the_manifest_names_files_that_exist(running):
    answer = running.http.get("/sw.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    manifest = json.loads(running.http.get("/page/manifest.webmanifest").text)
    assert manifest["scope"] == manifest["start_url"] == "../"
    assert all((PAGE / icon["src"]).is_file() for icon in manifest["icons"])


def test_a_stream_goes_on_where_it_is_told(running):
    asked = {"response_format": "pcm", "sample_rate": 32_000, "seed": 7}
    whole = running.say(**asked).content
    for skipped in (1, 3_200, 5_000, 9_599, 9_600, 20_000):
        assert running.say(**asked, skip_samples=skipped).content == whole[2 * skipped :]


@pytest.mark.parametrize("fields", [{"response_format": "mp3", "seed": 1}, {"response_format": "pcm"}])
def test_only_samples_with_a_seed_can_be_taken_up(running, fields):
    answer = running.say(**fields, skip_samples=5)
    assert answer.status_code == 400
    assert "need response_format pcm and its seed" in answer.json()["error"]["message"]


SPOKEN = ("One", "two", "three", "four", "five", "six")
WORD_S = 0.4


@pytest.fixture
def timed(running, triton, chunk_answer):
    """A gateway before a server that says six words, two in a chunk, and leaves out the fifth."""
    text = "😀 One two three four five six."
    places = [text.index(word) for word in SPOKEN]
    words = [
        {"text": word, "start": place, "end": place + len(word), "start_s": n * WORD_S, "end_s": (n + 1) * WORD_S}
        for n, (word, place) in enumerate(zip(SPOKEN, places, strict=True))
    ]
    fault = {"text": "five", "start": places[4], "end": places[4] + 4, "fault": "swallowed"}
    triton.answers = [
        {
            **chunk_answer(n, seconds=2 * WORD_S, last=n == 2),
            "words": [json.dumps(word) for word in words[2 * n : 2 * n + 2]],
            "word_faults": [json.dumps(fault)] if n == 2 else [],
        }
        for n in range(3)
    ]
    return running


@pytest.mark.clients
def test_the_word_that_is_heard_is_marked_and_one_that_was_swallowed_is_named(timed):
    chromium = shutil.which("chromium")
    if chromium is None or not (NODE / "node_modules" / "playwright-core").is_dir():
        pytest.skip("Chromium or playwright-core is not installed: `make test-clients`")
    script = ROOT / "tests" / "e2e" / "clients" / "use_words.mjs"
    seen = json.loads(run(["node", str(script), timed.url], ROOT, NODE_FOLDER=str(NODE), CHROMIUM=chromium))
    assert seen["errors"] == seen["axe"] == []
    for moves in (seen["moves"], seen["live_moves"]):
        assert all(len(move["words"]) <= 1 for move in moves)
        marked = [move for move in moves if move["words"]]
        numbers = [SPOKEN.index(move["words"][0]) for move in marked]
        assert numbers == sorted(set(numbers))  # in order, each once
        assert len(numbers) >= 3  # a busy machine draws few frames
        for number, move in zip(numbers, marked, strict=True):
            heard_s = move["played"] - move["latency"]  # or up to 50 ms more: the page is told 20 times a second
            assert number * WORD_S <= heard_s + 0.06
            assert heard_s < (number + 1) * WORD_S + 0.25
    assert seen["text"].strip() == "😀 One two three four five (left out?) six."
    assert (seen["faults"], seen["notes"], seen["chinese_notes"]) == (["five"], ["(left out?)"], ["（漏读？）"])
    assert seen["summary"] == "These words may be missing or said twice: five."


@pytest.mark.clients
def test_node_and_chromium_lose_no_word_and_keep_what_was_heard(running, built):
    chromium = shutil.which("chromium")
    if chromium is None or not (NODE / "node_modules" / "playwright-core").is_dir():
        pytest.skip("Chromium or playwright-core is not installed: `make test-clients`")
    script = ROOT / "tests" / "e2e" / "clients" / "use_web_client.mjs"
    told = run(["node", str(script), running.url, str(built / "dist")], built, NODE_FOLDER=str(NODE), CHROMIUM=chromium)
    seen = json.loads(told.splitlines()[-1])
    assert seen["errors"] == []
    assert seen["node"] == {"cuts": 3, "bytes": 19_200, "equal": True, "failed": 0, "kept": 101}
    assert seen["chromium"]["equal"]
    assert seen["chromium"]["cuts"] == 3
    assert (seen["chromium"]["above_limit"], seen["chromium"]["failed"]) == (0, 0)
    assert seen["chromium"]["interrupted"] == "Interrupted"
    assert seen["online"] == {"message": "", "samples": 9_600}
    assert (seen["offline"]["message"], seen["offline"]["samples"], seen["offline"]["phrase"]) == ("", 9_600, 19_200)
    assert "nobody has heard" not in seen["unheard"]["message"]
    assert seen["unheard"]["message"]


IN_NODE = """
import { readFileSync, writeFileSync } from "node:fs";
import { readNpz } from "./client/npz.js";
import { waveformOf } from "./client/spectrum.js";
import { amplified, LatentCodec } from "./client/vocoder.js";
const { magnitude, phase, loud, ...codec } = readNpz(readFileSync("in.npz"));
const codes = new Uint8Array(readFileSync("codes.bin"));
const bytes = (values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
const write = (name, values) => writeFileSync(name, bytes(values));
write("waveform.bin", waveformOf(magnitude.values, phase.values, magnitude.shape[0]));
write("frames.bin", new LatentCodec(codec).decode(codes, 9, 10).values);
write("loud.bin", amplified(loud.values, 1.7));
"""


@pytest.mark.clients
def test_a_light_vocoders_spectrum_the_codec_and_the_gain_become_what_the_server_makes_of_them(tmp_path):
    if shutil.which("node") is None:
        pytest.skip("Node.js is not installed")
    rng = np.random.default_rng(0)
    magnitude = rng.random((6, SPECTRUM_BINS)).astype(np.float32)
    phase = (20 * rng.standard_normal((6, SPECTRUM_BINS))).astype(np.float32)
    loud, codes = rng.uniform(-1, 1, 500).astype(np.float32), rng.integers(0, 256, (9, 10)).astype(np.uint8)
    codec = random_codec(8, "w")
    arrays = {"mean": codec.mean, "leave": codec.leave, "tables": codec.tables.astype(np.float16)}
    np.savez(tmp_path / "in.npz", magnitude=magnitude, phase=phase, loud=loud, **arrays)
    (tmp_path / "codes.bin").write_bytes(codes.tobytes())
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "run.js").write_text(IN_NODE)
    shutil.copytree(PAGE / "client", tmp_path / "client")
    run(["node", "run.js"], tmp_path)
    found = {name: np.fromfile(tmp_path / f"{name}.bin", np.float32) for name in ("waveform", "frames", "loud")}
    np.testing.assert_allclose(found["waveform"], waveform_of(magnitude[None], phase[None])[0], atol=1e-4)
    np.testing.assert_allclose(found["frames"].reshape(9, 8), codec.decode(codes).T, atol=1e-4)
    np.testing.assert_allclose(found["loud"], loudness.amplified(loud, 1.7), atol=1e-6)
