"""The web client: its own tests, its copy in the page, and Node.js and Chromium at a gateway whose network is cut."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

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
