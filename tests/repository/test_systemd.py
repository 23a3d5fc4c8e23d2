"""The systemd unit starts and stops the server by commands that exist."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gsv_runtime.server.__main__ import COMMANDS
from gsv_runtime.server.local_server import PID_FILE

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "gsv-triton.service"


def service():
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment]
    parser.read(UNIT)
    return parser["Service"]


def test_it_runs_commands_of_the_server_and_knows_its_process_by_the_file_that_it_writes():
    folder = service()["WorkingDirectory"]
    for key, command in (("ExecStart", "up"), ("ExecStop", "down")):
        assert service()[key] == f"{folder}/.venv/bin/python -m gsv_runtime.server {command}"
        assert command in COMMANDS
    assert service()["PIDFile"] == f"{folder}/var/{PID_FILE}"


def test_it_may_write_where_the_server_keeps_its_state_and_its_shared_memory():
    assert service()["ReadWritePaths"].split() == [service()["WorkingDirectory"], "/dev/shm"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_reads_it(tmp_path):
    text = UNIT.read_text(encoding="utf-8").replace("User=gsv", "User=root")
    (tmp_path / UNIT.name).write_text(re.sub(r"/srv/gsv-triton/.venv/bin/python", "/bin/true", text))
    ran = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / UNIT.name], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
