"""Real clients, unmodified, at the running gateway: `make test-clients` installs them and runs this."""

import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import soundfile

CLIENTS = Path(__file__).parent / "clients"
INSTALLED = Path(__file__).parents[2] / "var" / "clients"
LIMIT_S = 600

pytestmark = pytest.mark.clients


def program(name):
    """The Python of a client's environment."""
    if not (INSTALLED / name / ".installed").is_file():
        pytest.skip(f"{name} is not installed: `make test-clients` installs it where it can be")
    return str(INSTALLED / name / "bin" / "python")


def seen_by(command, **environment):
    """Run a client to its end: the JSON object in its last line."""
    run = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=LIMIT_S
    )
    assert run.returncode == 0, run.stdout[-2_000:] + run.stderr[-4_000:]
    return json.loads(run.stdout.splitlines()[-1])


@pytest.fixture
def url(gateway):
    return str(gateway.base_url).rstrip("/")


def test_deepgrams_sdk_hears_is_flushed_and_interrupts(url):
    seen = seen_by([program("deepgram"), str(CLIENTS / "use_deepgram.py"), url])
    assert seen["http_bytes"] > 2_000
    assert seen["socket_s"] > 0.3
    assert [kind for kind in seen["told"] if kind != "Metadata"] == ["Flushed", "Cleared"]


def test_livekits_plugins_hear_every_format_and_both_protocols(url):
    seen = seen_by([program("livekit"), str(CLIENTS / "use_livekit.py"), url])
    assert len(seen) == 6
    assert all(duration_s > 0.3 for duration_s in seen.values()), seen


def test_pipecat_hears_at_its_rate(url):
    seen = seen_by([program("pipecat"), str(CLIENTS / "use_pipecat.py"), url])
    assert seen["errors"] == []
    assert seen["rates"] == [24_000]
    assert seen["bytes"] > 10_000


def test_realtimetts_writes_what_it_hears(url):
    assert seen_by([program("realtimetts"), str(CLIENTS / "use_realtimetts.py"), url])["samples"] > 10_000


def test_nonebots_plugin_speaks_both_apis_and_understands_an_error(url):
    seen = seen_by([program("nonebot"), str(CLIENTS / "use_nonebot.py"), url])
    assert seen["v2_s"] > 0.3
    assert seen["v1_s"] > 0.3
    assert "is no voice" in seen["error"]


def node(script, *arguments):
    if shutil.which("node") is None or not (INSTALLED / "node" / ".installed").is_file():
        pytest.skip("Node.js or its packages are not installed: `make test-clients` installs them where it can")
    return ["node", str(CLIENTS / script), *arguments]


def test_openais_sdk_for_node_hears_streams_and_knows_errors(url):
    seen = seen_by(node("use_openai.mjs", url), NODE_FOLDER=str(INSTALLED / "node"))
    assert set(seen["formats"]) == {"mp3", "opus", "aac", "flac", "wav", "pcm"}
    assert min(seen["formats"].values()) > 1_000
    assert seen["pieces"] > 1
    assert seen["events"] == ["speech.audio.delta", "speech.audio.done"]
    assert seen["bad"] == ["BadRequestError", 400, "invalid_value", True]
    assert seen["voice"] == ["NotFoundError", 404, "voice_not_found", True]
    assert seen["model"] == ["NotFoundError", 404, "model_not_found", True]
    assert "tts-1" in seen["models"]


@pytest.fixture(scope="module")
def page(gateway, make_recording, tmp_path_factory):
    """What the page showed to a person with a microphone."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    folder = tmp_path_factory.mktemp("page")
    microphone = folder / "microphone.wav"
    microphone.write_bytes(as_pcm16(make_recording(seconds=8.0, rate_hz=48_000)))
    command = node("use_page.mjs", str(gateway.base_url).rstrip("/"), str(microphone), str(folder), "low")
    seen = seen_by(command, NODE_FOLDER=str(INSTALLED / "node"), CHROMIUM=chromium)
    assert "failed" not in seen, seen["failed"]
    return seen


def as_pcm16(data):
    samples, rate_hz = soundfile.read(io.BytesIO(data))
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype="PCM_16")
    return file.getvalue()


def test_the_page_plays_every_sample_that_comes_without_a_gap(page):
    spoken = page["spoken"]
    assert spoken["played"] == spoken["received"] > 0
    assert spoken["gaps"] == 0
    assert spoken["zeros_ms"] < 5
    assert spoken["rms"] > 0.001
    assert spoken["first_audio_ms"] > 0


def test_the_page_knows_when_each_word_is_said(page):
    text = "The young woman found a good book on the table. The children laughed, and nobody minded."
    assert page["words"] == [word.strip(".,") for word in text.split()]


def test_the_page_speaks_while_a_person_types_and_is_interrupted(page):
    assert page["live"]["seconds"] > 1
    assert page["live"]["rms"] > 0.001


def test_a_clip_is_recorded_its_fault_named_and_a_voice_cloned_and_compared(page):
    assert page["short"].startswith("Too short: 1.")
    assert not page["short_can_be_cloned"]
    assert "recorded" in page["voices"]
    assert min(page["compared"]) > 0.3


def test_what_was_heard_is_kept_as_wav_and_mp3(page):
    heard_s = page["spoken"]["seconds"]
    for kind in ("wav", "mp3"):
        assert soundfile.info(page[kind]).duration == pytest.approx(heard_s, abs=0.1)


def test_a_browser_plays_every_format(page):
    assert set(page["formats"]) == {"mp3", "opus", "aac", "flac", "wav"}
    assert all(isinstance(played_s, int | float) and played_s > 0.2 for played_s in page["formats"].values())


def test_the_page_is_for_everybody(page):
    assert page["axe"] == {"light": [], "dark": []}
    assert page["errors"] == []
    assert {"text", "voice", "speak", "record", "clip", "compare", "theme-toggle"} <= set(page["tabbed"])
    assert (page["chinese"], page["lang"], page["wide"]) == ("朗读", "zh", False)
    assert page["strict"], "its own policy lets its scripts run"


def test_schemathesis_finds_no_server_error(url):
    command = str(Path(program("schemathesis")).parent / "schemathesis")
    checks = ["--checks", "not_a_server_error", "--max-examples", "20", "--phases", "fuzzing", "--seed", "1"]
    run = subprocess.run(
        [command, "run", f"{url}/openapi.json", *checks], capture_output=True, text=True, check=False, timeout=LIMIT_S
    )
    assert run.returncode == 0, run.stdout[-4_000:]
