"""The account that a server runs as: another than root's, where root starts it."""

import os
import pwd
import subprocess
import sys

import pytest

from gsv_runtime.server import account
from gsv_runtime.server.triton_process import ServerFailed

NOBODY = pwd.getpwnam("nobody")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def test_without_a_name_the_server_runs_as_whoever_starts_it():
    assert account.chosen({}) is None
    assert account.chosen({"GSV_USER": pwd.getpwuid(os.geteuid()).pw_name}) is None
    assert account.command_as(None, ["a", "b"]) == ["a", "b"]


def test_an_account_that_is_not_there_is_named():
    with pytest.raises(ServerFailed, match="'no-such-one', no account here; make one: useradd"):
        account.chosen({"GSV_USER": "no-such-one"})


def test_only_root_starts_a_server_as_another(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY.pw_uid)
    with pytest.raises(ServerFailed, match="only root can start a server as another; this is nobody"):
        account.chosen({"GSV_USER": "root"})


@as_root
def test_files_are_given_with_all_that_is_in_a_folder_and_links_are_not_followed(tmp_path):
    kept, outside = tmp_path / "var" / "voices", tmp_path / "outside"
    kept.mkdir(parents=True)
    outside.touch()
    (kept / "ann").touch()
    (kept / "link").symlink_to(outside)
    account.give(account.chosen({"GSV_USER": "nobody"}), [tmp_path / "var", tmp_path / "gone"])
    owners = {path.name: path.lstat().st_uid for path in tmp_path.rglob("*")}
    assert owners == {"var": NOBODY.pw_uid, "voices": NOBODY.pw_uid, "ann": NOBODY.pw_uid, "link": NOBODY.pw_uid,
                      "outside": 0}  # fmt: skip


@as_root
def test_a_command_runs_with_no_right_of_roots_left(monkeypatch):
    program = "/usr/bin/id"
    done = subprocess.run(
        account.command_as(account.chosen({"GSV_USER": "nobody"}), [program]),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"uid={NOBODY.pw_uid}(nobody)")
    assert "root" not in done.stdout


@as_root
def test_a_program_that_the_account_may_not_run_is_named_with_what_to_do(tmp_path):
    program = tmp_path / "python"
    program.symlink_to(sys.executable)
    tmp_path.chmod(0o700)
    done = subprocess.run(
        account.command_as(account.chosen({"GSV_USER": "nobody"}), [str(program)]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("nobody may not run /")
    assert "make setup PYTHON=" in done.stderr
