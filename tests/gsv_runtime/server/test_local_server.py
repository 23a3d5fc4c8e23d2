"""What `up`, `down`, `status` and `logs` say when there is nothing to serve; the rest: tests/e2e."""

import errno
import json
import os
import socket
import subprocess
import sys

import pytest

from gsv_runtime.server import local_server, triton_process
from gsv_runtime.server.__main__ import main
from gsv_runtime.server.local_server import ServerState, ports_from_environment
from gsv_runtime.server.model_processes import is_running
from gsv_runtime.server.triton_process import ModelFailed, Ports, ServerFailed


def test_ports_come_from_the_environment_and_default_to_tritons_own_on_loopback():
    assert ports_from_environment({}) == Ports(8000, 8001, 8002, "127.0.0.1")
    assert ports_from_environment({"GSV_GRPC_PORT": "9001"}).grpc == 9001


@pytest.mark.parametrize("text", ["abc", "0", "65536", "-1", ""])
def test_a_port_that_is_none_is_refused_with_its_variable(text):
    with pytest.raises(ServerFailed, match="GSV_HTTP_PORT is"):
        ports_from_environment({"GSV_HTTP_PORT": text})


def test_a_port_in_use_is_named_with_the_variable_that_changes_it():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerFailed, match=f"GRPC port 127.0.0.1:{port} cannot be used.*GSV_GRPC_PORT"):
            Ports(http=0, grpc=port, metrics=0).require_free()


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (None, "run `make build`"),
        ({"preset": "cpu", "stages": {}}, "did not end"),
        ({"preset": "tensorrt", "models": [], "facts": {}}, "docker compose up"),
    ],
)
def test_a_repository_that_cannot_be_served_says_what_to_do(tmp_path, build, told, caplog):
    if build is not None:
        (tmp_path / "build.json").write_text(json.dumps(build))
    assert main(["up", "--repository", str(tmp_path), "--state", str(tmp_path / "var")]) == 1
    assert told in caplog.text


def test_a_repository_of_an_older_version_is_to_be_built_again(tmp_path, caplog):
    (tmp_path / "build.json").write_text(json.dumps({"preset": "cpu", "models": ["t2s"], "facts": {}}))
    (tmp_path / "t2s").mkdir()
    (tmp_path / "t2s" / "config.pbtxt").write_text('name: "t2s" input [ { name: "max_new_tokens" } ]')
    assert main(["up", "--repository", str(tmp_path), "--state", str(tmp_path / "var")]) == 1
    assert "its t2s has no phones; run `make build` again" in caplog.text


def test_down_without_a_server_is_done_and_status_says_not_ready(tmp_path, capsys):
    assert main(["down", "--state", str(tmp_path)]) == 0
    assert main(["status", "--state", str(tmp_path)]) == 1
    assert json.loads(capsys.readouterr().out) == {"ready": False}


def test_logs_are_printed_and_their_absence_is_told(tmp_path, capsys, caplog):
    assert main(["logs", "--state", str(tmp_path)]) == 1
    assert "run `make up`" in caplog.text
    (tmp_path / "server.log").write_text("ready\n")
    assert main(["logs", "--state", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "ready\n"
    (tmp_path / "server.log.1").write_text("died\n")
    assert main(["logs", "--previous", "--state", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "died\n"


def test_shared_memory_that_models_cannot_begin_in_is_told_before_anything_starts(tmp_path, monkeypatch, caplog):
    (tmp_path / "build.json").write_text(json.dumps({"preset": "cpu", "models": ["tts"] * 12, "facts": {}}))
    monkeypatch.setattr("gsv_runtime.voices.storage.free_bytes", lambda place: 11 * 2**20)
    assert main(["up", "--repository", str(tmp_path), "--state", str(tmp_path / "var")]) == 1
    assert "shared memory (/dev/shm) has 11 MiB left; need 12" in caplog.text
    assert "--shm-size" in caplog.text
    assert not (tmp_path / "var" / "server.json").exists()


def test_an_account_that_is_not_there_starts_nothing(tmp_path, monkeypatch, caplog):
    (tmp_path / "build.json").write_text(json.dumps({"preset": "cpu", "models": [], "facts": {}}))
    monkeypatch.setenv("GSV_USER", "no-such-one")
    assert main(["up", "--repository", str(tmp_path), "--state", str(tmp_path / "var")]) == 1
    assert "no account here" in caplog.text


@pytest.fixture
def start_of(tmp_path, monkeypatch):
    """Starts a program in tritonserver's place; its process id is noted."""
    repository, pids = tmp_path / "models", []
    repository.mkdir()
    (repository / "build.json").write_text(json.dumps({"preset": "cpu", "models": [], "facts": {}}))
    wheel = triton_process.Wheel(tmp_path, tmp_path)
    monkeypatch.setattr(triton_process.Wheel, "find", lambda: wheel)
    monkeypatch.setattr(triton_process.Wheel, "install_backends", lambda self, target: None)
    started = triton_process.start

    def noted(command, environment, log):
        pids.append(started(command, environment, log))
        return pids[-1]

    monkeypatch.setattr(triton_process, "start", noted)

    def start_of(program):
        command = [sys.executable, "-uc", program]
        monkeypatch.setattr(local_server, "watchdog_command", lambda *_: command)
        local_server.up(repository, tmp_path / "var", Ports.free(), {"GSV_SLOTS": "3"})

    yield start_of, pids
    for pid in pids:
        assert not is_running(pid)
    assert not (tmp_path / "var" / "server.json").exists()


FAILED = "E1126 1 model_lifecycle.cc:642] failed to load 'acoustic' version 1: Internal: ImportError: no x\\n\\nAt: x"


def test_a_model_that_has_failed_for_good_ends_the_start_with_its_reason(start_of):
    start, _ = start_of
    with pytest.raises(ModelFailed, match="model acoustic cannot be loaded: ImportError: no x; the whole story"):
        start(f"import time; print({FAILED!r}); time.sleep(600)")


def test_a_server_that_ends_at_once_is_told_with_its_last_words(start_of, caplog):
    start, _ = start_of
    with pytest.raises(ServerFailed, match="tritonserver ended after"):
        start("print('no libb64.so')")
    assert "no libb64.so" in caplog.text


def test_a_server_whose_state_cannot_be_written_down_is_not_left_running(start_of, monkeypatch):
    def full(self, directory):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(ServerState, "write", full)
    start, pids = start_of
    with pytest.raises(OSError, match="No space left"):
        start("import time; time.sleep(600)")
    assert len(pids) == 1


def test_the_server_is_told_where_its_state_is_and_what_the_operator_has_decided(start_of, tmp_path):
    start, _ = start_of
    with pytest.raises(ServerFailed):
        start("import os; print('told', os.environ['GSV_STATE'], os.environ['GSV_SLOTS'])")
    assert f"told {tmp_path / 'var'} 3" in (tmp_path / "var" / "server.log").read_text()


def test_a_state_that_cannot_be_written_is_one_sentence_and_nothing_is_started(tmp_path, caplog):
    (tmp_path / "build.json").write_text(json.dumps({"preset": "cpu", "models": [], "facts": {}}))
    (tmp_path / "var").touch()
    assert main(["up", "--repository", str(tmp_path), "--state", str(tmp_path / "var")]) == 1
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "Traceback" not in caplog.text


def test_settings_that_are_wrong_start_nothing(tmp_path, caplog):
    (tmp_path / "gsv.toml").write_text("slot = 4")
    assert main(["up", "--repository", str(tmp_path), "--state", str(tmp_path)]) == 1
    assert "slot is no setting; is it slots?" in caplog.text


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_damaged_state_is_told(tmp_path, text, caplog):
    (tmp_path / "server.json").write_text(text)
    assert main(["down", "--state", str(tmp_path)]) == 1
    assert "server.json is damaged" in caplog.text


def test_state_is_readable_by_its_owner_only_because_it_holds_the_admin_key(tmp_path):
    state = ServerState(1, Ports(1, 2, 3), "gsv-x-", "secret")
    state.write(tmp_path)
    assert ServerState.read(tmp_path) == state
    assert (tmp_path / "server.json").stat().st_mode & 0o077 == 0


def test_a_server_of_an_older_checkout_can_still_be_stopped(tmp_path):
    values = {"pid": 1, "ports": vars(Ports(1, 2, 3)), "shm_prefix": "a", "admin_key": "b", "gone": 1}
    (tmp_path / "server.json").write_text(json.dumps(values))
    assert ServerState.read(tmp_path) == ServerState(1, Ports(1, 2, 3), "a", "b")


def test_a_process_id_that_now_belongs_to_another_program_is_left_alone(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert not triton_process.is_alive(other.pid)
        ServerState(other.pid, Ports(1, 2, 3), "gsv-none-", "k").write(tmp_path)
        assert local_server.down(tmp_path)
        assert other.poll() is None
        other.communicate(b"\n")
    assert not (tmp_path / "server.json").exists()


def test_own_shared_memory_is_removed_and_that_of_others_is_not(tmp_path):
    prefix = f"gsv-test-{os.getpid()}-"
    own, foreign = (f"/dev/shm/{name}{os.getpid()}" for name in (prefix, "gsv-other-"))
    for path in (own, foreign):
        open(path, "wb").close()
    try:
        triton_process.stop(2**22 - 1, prefix)
        assert not os.path.exists(own)
        assert os.path.exists(foreign)
    finally:
        os.unlink(foreign)


def test_the_server_is_closed_to_the_network_and_to_model_control(tmp_path):
    wheel = triton_process.Wheel(tmp_path, tmp_path)
    command = triton_process.command_line(
        wheel, tmp_path, tmp_path, ["tts"], Ports(1, 2, 3), admin_key="secret", shm_prefix="p"
    )
    assert {f"--{kind}-address=127.0.0.1" for kind in ("http", "grpc", "metrics")} <= set(command)
    for flag in ("--http-restricted-api", "--grpc-restricted-protocol"):
        assert f"{flag}=model-repository,model-config,shared-memory,logging,trace:admin-key=secret" in command
    assert {"--disable-auto-complete-config", "--model-control-mode=explicit", "--load-model=tts"} <= set(command)
