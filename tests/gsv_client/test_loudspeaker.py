"""Speech is played by what this machine has, and where it has nothing, what to do is told."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from gsv_client import loudspeaker
from gsv_client.errors import InvalidRequest

SAMPLES = np.array([0, 0.5, -1, 2], np.float32)
PROGRAM = """#!{python}
import sys, shutil
if "{name}" == "afplay":
    shutil.copy(sys.argv[1], "{heard}")
else:
    open("{heard}", "wb").write(sys.stdin.buffer.read())
open("{heard}.arguments", "w").write(" ".join(sys.argv[1:]))
sys.stderr.write("{told}")
sys.exit({status})
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A machine without sounddevice; a function puts a player on its path, and gives the file of what it heard."""
    monkeypatch.setattr(loudspeaker, "_sounddevice", lambda: None)
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))

    def put(name: str, status: int = 0, told: str = "") -> Path:
        heard = tmp_path / f"{name}.heard"
        path = programs / name
        path.write_text(PROGRAM.format(python=sys.executable, name=name, heard=heard, status=status, told=told))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return heard

    return put


@pytest.mark.parametrize("name", ["aplay", "paplay", "ffplay"])
def test_a_player_gets_the_samples_as_they_come_and_the_rate(machine, name: str) -> None:
    heard = machine(name)
    with loudspeaker.loudspeaker(32_000) as play:
        play(SAMPLES[:1])
        play(SAMPLES[1:])
    assert np.frombuffer(heard.read_bytes(), "<i2").tolist() == [0, 16383, -32767, 32767]
    assert "32000" in Path(f"{heard}.arguments").read_text()


def test_afplay_gets_a_file_when_all_is_there(machine) -> None:
    heard = machine("afplay")
    with loudspeaker.loudspeaker(32_000) as play:
        play(SAMPLES[:3])
    assert heard.exists()
    samples, rate = soundfile.read(heard)
    assert (len(samples), rate) == (3, 32_000)
    assert not os.path.exists(Path(f"{heard}.arguments").read_text())


def test_the_first_player_that_is_there_is_taken(machine) -> None:
    machine("ffplay")
    machine("paplay")
    assert loudspeaker.player() == "paplay"


def test_without_any_player_it_is_told_what_to_install(machine) -> None:
    assert loudspeaker.player() is None
    with pytest.raises(InvalidRequest, match=r"neither sounddevice nor aplay, paplay, ffplay .* alsa-utils"):
        loudspeaker.loudspeaker(32_000).__enter__()


def test_a_player_that_fails_is_told_with_its_words(machine) -> None:
    machine("aplay", status=1, told="no soundcards found")
    told = pytest.raises(InvalidRequest, match="aplay: no soundcards found; install")
    with told, loudspeaker.loudspeaker(8_000) as play:
        play(np.zeros(100_000, np.float32))
