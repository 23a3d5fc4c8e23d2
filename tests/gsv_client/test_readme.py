"""Every example of client/README.md is run against the fake server."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from gsv_client.cli import main

README = (Path(__file__).parents[2] / "client" / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SHELL = re.search(r"```sh\n(.*?)```", README, re.DOTALL)


@pytest.fixture(autouse=True)
def _clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with what the examples mention."""
    soundfile.write(tmp_path / "ann.wav", np.zeros(1600, np.float32), 16_000)
    (tmp_path / "chapter.txt").write_text("Once upon a time.", encoding="utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("example", PYTHON, ids=lambda example: example.split("\n")[2][:40])
def test_python_example_runs(example: str, grpc_url: str, http_url: str, speaker: Any, capsys: Any) -> None:
    if "nobody" in example:
        speaker.refusals = ["VoiceNotFound: voice 'nobody' is not registered; register it"]
    code = example.replace("localhost:8001", grpc_url).replace("http://localhost:8000", http_url)
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    assert capsys.readouterr().out


def test_there_are_examples_to_run() -> None:
    assert len(PYTHON) == 5
    assert SHELL is not None


def test_shell_examples_run(grpc_url: str) -> None:
    assert SHELL is not None
    runner = CliRunner()
    for line in SHELL.group(1).splitlines():
        command, _, stdin = line.partition(" < ")
        words = shlex.split(command, comments=True)
        if words[0] == "export":
            continue
        text = Path(stdin.strip()).read_text(encoding="utf-8") if stdin else None
        result = runner.invoke(main, words[1:], input=text, env={"GSV_URL": grpc_url})
        assert result.exit_code == 0 or words[1] == "doctor", result.output
