"""`gsv voices export` and `import`, as they are typed."""

import json

import pytest
from click.testing import CliRunner

from gsv_client.cli import main
from gsv_runtime.speech_request import ReferenceRequest
from gsv_runtime.voices.cloning import derive_voice
from gsv_runtime.voices.store import VoiceStore


@pytest.fixture
def state(tmp_path, facts, make_stages, make_recording):
    """A server's folder with the voice ann."""
    request = ReferenceRequest(make_recording(), "hello", "en", trim=False)
    VoiceStore(tmp_path / "var" / "voices").add("ann", derive_voice(request, make_stages(), facts), request)
    return tmp_path / "var"


def gsv(*arguments):
    return CliRunner().invoke(main, ["voices", *map(str, arguments)])


def test_voices_go_from_one_state_to_another(state, tmp_path):
    archive, other = tmp_path / "voices.tar", tmp_path / "other"
    other.mkdir()
    assert gsv("export", archive, "--state", state).stderr == "exported ann\n"
    assert archive.stat().st_mode & 0o077 == 0
    told = gsv("import", archive, "--state", other, "--json")
    assert json.loads(told.stdout) == {"added": ["ann"], "present": [], "refused": []}
    assert told.stderr == "1 added, 0 were there, 0 refused as damaged\n"
    assert [entry.voice for entry in VoiceStore(other / "voices").entries()] == ["ann"]


def test_what_cannot_be_done_is_one_sentence_and_leaves_no_file(state, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    nothing = gsv("export", tmp_path / "a.tar", "--state", empty)
    assert (nothing.exit_code, nothing.stderr) == (1, f"Error: no voice is registered in {empty}\n")
    unknown = gsv("export", tmp_path / "a.tar", "eve", "--state", state)
    assert "voice 'eve' is not registered" in unknown.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "var"]


def test_misuse_is_told_as_such(tmp_path):
    assert gsv("import", tmp_path / "none.tar").exit_code == 2
    assert gsv("export", tmp_path / "a.tar", "--state", tmp_path / "none").exit_code == 2
