"""A folder that a server cannot write to is told in a sentence, before anything is started."""

import io
import json
import os
import subprocess
import sys

import pytest

from gsv_runtime.server import state_folder
from gsv_runtime.server.triton_process import ServerFailed

NOBODY = 65_534
AS_ANOTHER = """
import json, os, sys
from pathlib import Path
from gsv_runtime.server.state_folder import problems
os.setgroups([]); os.setgid(65534); os.setuid(65534)
print(json.dumps(problems(Path(sys.argv[1]))))
"""


def as_nobody(state):
    """What is told a user who owns nothing."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    for folder in (state, *state.parents):
        if folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(folder.stat().st_mode | 0o005)
        if folder.name.startswith("pytest-of"):
            break
    ran = subprocess.run([sys.executable, "-c", AS_ANOTHER, str(state)], capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def test_a_folder_that_is_not_there_is_made(tmp_path):
    state_folder.prepare(tmp_path / "a" / "var")
    assert (tmp_path / "a" / "var" / "voices").is_dir()
    assert state_folder.problems(tmp_path / "a" / "var") == []


def test_nothing_is_left_of_the_look(tmp_path):
    state_folder.prepare(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["voices"]


def test_a_folder_of_another_user_is_told_with_its_owner_and_what_to_do(tmp_path):
    state = tmp_path / "var"
    state.mkdir()
    (told, *_) = as_nobody(state)
    assert told == (
        f"{state} cannot be written (Permission denied, it belongs to root); "
        f"give it to this user: sudo chown -R $USER {state}"
    )


@pytest.mark.slow
def test_a_log_of_another_user_is_told(tmp_path):
    state = tmp_path / "var"
    state_folder.prepare(state)
    (state / "server.log").touch()
    for path in (state, state / "voices"):
        path.chmod(0o777)
    assert [problem.split(" (")[0] for problem in as_nobody(state)] == [f"{state / 'server.log'} cannot be written"]


def test_voices_that_cannot_be_written_are_told(tmp_path):
    state = tmp_path / "var"
    state_folder.prepare(state)
    state.chmod(0o777)
    assert [problem.split(" (")[0] for problem in as_nobody(state)] == [f"{state / 'voices'} cannot be written"]


@pytest.mark.parametrize("name", ["", "voices"])
def test_a_file_in_a_folders_place_is_told(tmp_path, name):
    state = tmp_path / "var"
    if name:
        state.mkdir()
    (state / name).touch()
    with pytest.raises(ServerFailed, match="move away the file that has a folder's name, or name another folder"):
        state_folder.prepare(state)


def test_a_full_disk_is_told(tmp_path):
    state_folder.prepare(tmp_path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.TemporaryFile", lambda dir: io.FileIO("/dev/full", "wb"))
        (told, *_) = state_folder.problems(tmp_path)
    assert told.startswith(f"the disk of {tmp_path} is full (No space left on device); free some space")
