"""`gsv models`: what it prints of a server's fine-tunes, and what it has the builder do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gsv_client import Client, FineTune
from gsv_client.cli import main
from gsv_client.models_cli import state_of


def gsv(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env={"GSV_URL": url})


def test_models_are_listed_with_size_state_and_files(url: str) -> None:
    result = gsv(url, "models", "list")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "default\tv2\t1.0\tloaded, first\t\t",
        "ann\tv2\t2.0\ton disk\ta.ckpt\ta.pth",
    ]
    assert json.loads(gsv(url, "models", "list", "--json").stdout)[1]["nbytes"] == 2**21


@pytest.mark.parametrize(
    ("command", "told", "state"),
    [("load", "loaded", (True, False)), ("pin", "pinned", (True, True)), ("unload", "unloaded", (False, False))],
)
def test_a_model_is_loaded_pinned_and_unloaded(url: str, speaker: Any, command: str, told: str, state: Any) -> None:
    result = gsv(url, "models", command, "ann")
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    assert f"{told} ann at " in result.stderr
    assert (speaker.models["ann"]["loaded"], speaker.models["ann"]["pinned"]) == state


def test_a_model_that_is_not_there_is_told(url: str) -> None:
    result = gsv(url, "models", "load", "eve")
    assert result.exit_code == 1
    assert "model 'eve' is not served" in result.stderr


def test_a_pinned_model_is_unpinned(url: str) -> None:
    with Client(url) as client:
        assert client.load_model("ann", pin=True).pinned
        assert not client.unpin_model("ann").pinned


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (FineTune("a", loaded=True, pinned=True, in_use=2), "loaded, pinned, 2 in use"),
        (FineTune("a", waiting=3), "on disk, 3 waiting"),
    ],
)
def test_a_state_is_told_in_words(found: FineTune, state: str) -> None:
    assert state_of(found) == state


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that would be run; the builder itself is not started."""
    commands: list[list[str]] = []

    def run(words: list[str], check: bool) -> subprocess.CompletedProcess[bytes]:
        commands.append(words)
        return subprocess.CompletedProcess(words, 3 if "bad" in words else 0)

    monkeypatch.setattr("gsv_client.models_cli.subprocess.run", run)
    return commands


def test_a_model_is_added_and_removed_by_the_builder(called: list[list[str]], tmp_path: Path) -> None:
    for name in ("a.ckpt", "a.pth"):
        (tmp_path / name).touch()
    s1, s2 = str(tmp_path / "a.ckpt"), str(tmp_path / "a.pth")
    result = gsv("x:1", "models", "add", "ann", "--s1", s1, "--s2", s2, "--repository", "r", "--pin")
    assert result.exit_code == 0, result.output
    assert gsv("x:1", "models", "remove", "ann", "--repository", "r").exit_code == 0
    builder = [sys.executable, "-m", "gsv_build"]
    options = ["--t2s", s1, "--sovits", s2, "--repository", "r", "--pin"]
    assert called == [
        [*builder, "build", "--model", "ann", "--weights", str(tmp_path), *options],
        [*builder, "remove", "ann", "--repository", "r"],
    ]


@pytest.mark.parametrize(("build", "first"), [({}, "default"), ({"name": "ann"}, "ann")])
def test_the_first_of_a_repository_is_not_added_to_it(
    called: list[list[str]], tmp_path: Path, build: dict[str, str], first: str
) -> None:
    (tmp_path / "build.json").write_text(json.dumps(build))
    words = ["models", "add", "--weights", str(tmp_path), "--repository", str(tmp_path)]
    result = gsv("x:1", *words, first)
    assert result.exit_code == 2
    assert f"{first} is the first model of" in result.stderr
    assert not called
    assert gsv("x:1", *words, "bob").exit_code == 0


def test_what_the_builder_fails_at_is_the_exit_status(called: list[list[str]]) -> None:
    assert gsv("x:1", "models", "remove", "bad").exit_code == 3
    assert gsv("x:1", "models", "add", "ann").exit_code == 2


@pytest.mark.parametrize("name", ["", "-x", "a/b", "a b", "阿", "a" * 65])
def test_a_bad_name_is_refused_before_anything_is_built(called: list[list[str]], tmp_path: Path, name: str) -> None:
    result = gsv("x:1", "models", "add", "--weights", str(tmp_path), "--", name)
    assert result.exit_code == 2
    assert "is no name; need 1 to 64 of a-z A-Z 0-9 _ -" in result.stderr
    assert not called


def test_without_the_builder_it_is_told_where_models_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gsv_client.models_cli._BUILDER", "gsv_nothing")
    result = gsv("x:1", "models", "remove", "ann")
    assert result.exit_code == 1
    assert "on the server's machine" in result.stderr
