"""Every example of docs/wire.md speaks with a real server."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "wire.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```(sh|python|js)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
NAMES = [f"{index} {language}" for index, (language, _) in enumerate(EXAMPLES)]
PROGRAMS = {"sh": "curl", "js": "node"}
# What an example writes; those that register, list and delete the voice write no sound.
SOUNDS = re.compile(r"\b[a-z]+\.(?:pcm|wav)\b")
LIMIT_S = 120


def command(language: str, code: str, folder: Path) -> list[str]:
    """How a reader would run it."""
    if language == "python":
        return [sys.executable, "-c", code]
    if language == "sh":
        return ["bash", "-euo", "pipefail", "-c", code]
    (folder / "example.mjs").write_text(code, encoding="utf-8")
    return ["node", "example.mjs"]


def samples(path: Path) -> np.ndarray[Any, Any]:
    """16-bit samples of a raw file or a WAV."""
    if path.suffix == ".pcm":
        return np.frombuffer(path.read_bytes(), "<i2")
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (32_000, 2, 1)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


@pytest.fixture
def voice(server: Any, make_recording: Any) -> bytes:
    """A recording, registered as the voice that the examples name."""
    recording: bytes = make_recording()
    given = {"prompt_text": "What is said in ann.", "prompt_language": "en"}
    server.client.voices({"action": "register", "voice": "ann", "reference_audio": recording, **given})
    return recording


def test_there_are_examples_in_three_languages() -> None:
    assert [language for language, _ in EXAMPLES] == ["sh", "sh", "sh", "sh", "sh", "python", "python", "js"]


@pytest.mark.parametrize(
    ("language", "code"), EXAMPLES, ids=[f"{i} {example[0]}" for i, example in enumerate(EXAMPLES)]
)
def test_an_example_runs_and_what_it_writes_is_speech(
    language: str, code: str, server: Any, voice: bytes, tmp_path: Path
) -> None:
    if shutil.which(PROGRAMS.get(language, sys.executable)) is None:
        pytest.skip(f"{PROGRAMS[language]} is not installed")
    (tmp_path / "ann.wav").write_bytes(voice)
    here = code.replace("127.0.0.1:8000", f"127.0.0.1:{server.ports.http}")
    here = here.replace("127.0.0.1:8001", f"127.0.0.1:{server.ports.grpc}")
    result = subprocess.run(
        command(language, here, tmp_path), cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    sounds = set(SOUNDS.findall(code)) - {"ann.wav"}
    told = result.stdout.replace("\\", "")
    assert sounds or any(said in told for said in ('"voice": "ann"', "ann\n", '"voices_json":"[]"')), told
    for sound in sounds:
        heard = samples(tmp_path / sound)
        assert len(heard) > 32_000 // 4
        assert np.abs(heard.astype(int)).max() > 0
