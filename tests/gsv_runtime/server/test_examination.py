"""What `gsv doctor` is told of this machine's server."""

import pytest

from gsv_runtime.server.examination import findings
from gsv_runtime.server.local_server import ServerState
from gsv_runtime.server.triton_process import Ports


@pytest.fixture
def found(tmp_path):
    """Findings by subject: verdict, what was found, advice."""

    def found(**environment):
        return {subject: tuple(rest) for subject, *rest in findings(tmp_path, environment)}

    return found


def test_a_folder_that_is_well_is_told_with_its_space_and_settings(found, tmp_path):
    (tmp_path / "gsv.toml").write_text('slots = 4\ncache_redis_url = "redis://:secret@host/0"')
    told = found(GSV_MAX_STREAMS="9")
    assert told["settings"][0] == "ok"
    assert told["settings"][1].startswith("max_streams=9 slots=4 cache_redis_url=redis://…@host/0 (")
    assert told["state"][0] in ("ok", "warning")
    assert "GB are free" in told["state"][1]
    assert "process" not in told


def test_settings_that_are_wrong_fail(found, tmp_path):
    (tmp_path / "gsv.toml").write_text("slot = 4")
    assert found()["settings"][0] == "failed"
    assert "is it slots?" in found()["settings"][1]


def test_a_folder_that_cannot_be_written_fails(found, tmp_path):
    (tmp_path / "voices").touch()
    assert found()["state"][0] == "failed"


def test_shared_memory_is_told_and_warned_of_where_it_is_small(found, monkeypatch):
    assert found()["shared memory"][0] in ("ok", "warning")
    monkeypatch.setattr("gsv_runtime.voices.storage.free_bytes", lambda place: 2**20)
    verdict, told, advice = found()["shared memory"]
    assert (verdict, told) == ("warning", "shared memory (/dev/shm) has 1 MiB left")
    assert "--shm-size" in advice


@pytest.mark.parametrize("roots", [True, False])
def test_a_server_of_roots_is_warned_of(found, tmp_path, monkeypatch, roots):
    ServerState(1, Ports(1, 2, 3), "gsv-x-", "key").write(tmp_path)
    monkeypatch.setattr("gsv_runtime.server.local_server.server_process", lambda pid: pid)
    monkeypatch.setattr("gsv_runtime.server.examination._is_roots", lambda pid: roots)
    assert ("account" in found()) is roots
    if roots:
        assert found()["account"][0] == "warning"
        assert "GSV_USER" in found()["account"][2]


def test_a_server_that_has_died_is_told(found, tmp_path):
    ServerState(2**22 - 1, Ports(1, 2, 3), "gsv-x-", "key").write(tmp_path)
    assert found()["process"][0] == "failed"
    assert "make logs" in found()["process"][2]


def test_a_file_that_cannot_be_understood_is_told(found, tmp_path):
    (tmp_path / "server.json").write_text("{")
    assert "is damaged" in found()["process"][1]


def test_where_no_server_is_nothing_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.prefix", str(tmp_path / ".venv"))
    assert list(findings(environment={})) == []
