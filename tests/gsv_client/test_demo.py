from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from gsv_client import Audio, Chunk, demo
from gsv_client.demo import ENGLISH_LINES, LINES, Line, Spoken, main, next_steps, report, stage_table

pytestmark = pytest.mark.slow


def spoken(elapsed_s: float, **timing_ms: float) -> Spoken:
    chunk = Chunk(np.zeros(32_000, np.float32), 32_000, timing_ms=timing_ms)
    return Spoken(Line("x", "en", "X."), Audio(chunk.samples, 32_000, (chunk,), ttfa_s=0.1, elapsed_s=elapsed_s))


def test_shares_add_up_to_the_time_that_was_waited() -> None:
    rows = stage_table([spoken(0.5, t2s=100.0, vocoder=300.0), spoken(0.5, t2s=100.0)])
    assert [row[0] for row in rows] == ["vocoder", "t2s", "everything else"]
    assert [row[1] for row in rows] == pytest.approx([300, 200, 500])
    assert [row[2] for row in rows] == pytest.approx([0.3, 0.2, 0.5])


def test_overlapping_stages_never_leave_a_negative_rest() -> None:
    rows = stage_table([spoken(0.1, t2s=100.0, vocoder=100.0)])
    assert rows[-1][1:] == pytest.approx((0.0, 0.0))
    assert sum(share for *_, share in rows) == pytest.approx(1.0)


def test_the_weights_are_named_under_the_table() -> None:
    assert report([spoken(0.5, t2s=100.0)], "random: noise, not speech").endswith("Weights: random: noise, not speech")


def test_demo_writes_three_files_and_a_picture_and_prints_the_table(url: str, speaker: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = CliRunner().invoke(main, ["--url", url, "--voice", "ann", "--out", str(tmp_path / "demo")])
    assert result.exit_code == 0, result.output
    assert [asked["text"] for asked in speaker.asked[1:]] == [line.text for line in LINES]
    for line in LINES:
        assert soundfile.info(tmp_path / "demo" / f"{line.name}.wav").duration == pytest.approx(0.15)
        assert line.name in result.stdout
    assert (tmp_path / "demo" / "demo.png").read_bytes().startswith(b"\x89PNG")
    assert "vocoder" in result.stdout
    assert "RTF" in result.stdout


def test_demo_json_is_one_object(url: str, tmp_path: Path) -> None:
    arguments = ["--url", url, "--voice", "ann", "--out", str(tmp_path), "--json", "--weights-note", "random"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["weights"] == "random"
    assert set(report["sentences"]) == {"english", "mandarin", "mixed"}


def test_demo_registers_the_reference_and_speaks_with_it(grpc_url: str, speaker: Any, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "ann.wav", np.zeros(1600, np.float32), 16_000)
    arguments = ["--reference", str(tmp_path / "ann.wav"), "--prompt-text", "Words.", "--out", str(tmp_path)]
    result = CliRunner().invoke(main, ["--url", grpc_url, *arguments])
    assert result.exit_code == 0, result.output
    assert speaker.voices["demo"]["prompt_text"] == "Words."
    assert {asked["voice"] for asked in speaker.asked} == {"demo"}


def test_a_voice_that_knows_english_only_says_english_only(url: str, speaker: Any, tmp_path: Path) -> None:
    arguments = ["--url", url, "--voice", "ann", "--english-only", "--out", str(tmp_path)]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert [asked["text"] for asked in speaker.asked[1:]] == [line.text for line in ENGLISH_LINES]
    assert {line.language for line in ENGLISH_LINES} == {"en"}


@pytest.mark.parametrize(
    ("plays", "hear", "say"),
    [
        ("aplay", "aplay english.wav", "--play"),
        ("ffplay", "ffplay -nodisp -autoexit english.wav", "--play"),
        (None, "open english.wav with any player", "-o morning.wav"),
    ],
)
def test_the_end_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, plays: str | None, hear: str, say: str) -> None:
    monkeypatch.setattr(demo, "player", lambda: plays)
    lines = dict(line.split(":", 1) for line in next_steps(Path("english.wav"), "ann").splitlines())
    assert hear in lines["hear it"]
    assert f"--voice ann {say}" in lines["your own words"]
    assert "voices add me clip.wav" in lines["your own voice"]
    assert lines["what is wrong"].endswith("gsv doctor")


def test_demo_needs_one_voice(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "either --voice NAME or --reference CLIP" in result.stderr
