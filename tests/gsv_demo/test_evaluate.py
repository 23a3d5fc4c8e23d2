"""How the evaluation sums up."""

import json

import numpy as np
import pytest

from gsv_demo import evaluate, plots
from gsv_demo.evaluate import SOURCES, JudgedUtterance

VOICES = ["slt", "rms"]


def utterance(source, voice="slt", heard="hello there", fault="", toward=None, rtf=None):
    similarities = {other: 0.9 if other == (toward or voice) else -0.2 for other in VOICES}
    return JudgedUtterance(voice, source, "Hello there.", heard, 1.0, fault, 5.0, similarities, rtf)


def spoken(**changes):
    """Two sentences, one a voice; `changes` apply to the first as text-to-speech."""
    rows = [utterance(source, voice) for voice in VOICES for source in SOURCES[:2]]
    return [*rows, utterance(SOURCES[2], rtf=0.5, **changes), utterance(SOURCES[2], "rms", rtf=0.3)]


def test_claims_hold_for_speech_without_fault():
    found = evaluate.summary(spoken(), VOICES)
    assert found["sentences"] == 2
    assert found["claims"] == {"wer_within_limit": True, "no_empty_or_runaway": True, "cloned_each_voice": True}
    assert found["sources"]["text-to-speech"]["rtf"] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("changes", "claim"),
    [
        ({"heard": "yellow bear"}, "wer_within_limit"),
        ({"fault": "run-away"}, "no_empty_or_runaway"),
        ({"fault": "empty"}, "no_empty_or_runaway"),
        ({"toward": "rms"}, "cloned_each_voice"),
    ],
)
def test_each_claim_can_fail(changes, claim):
    claims = evaluate.summary(spoken(**changes), VOICES)["claims"]
    assert [name for name, holds in claims.items() if not holds] == [claim]


def test_voices_take_turns():
    assert list(evaluate.assigned(["a", "b", "c"], VOICES)) == [("a", "slt"), ("b", "rms"), ("c", "slt")]


def test_table_shows_every_source_and_summary_is_json():
    found = evaluate.summary(spoken(fault="truncated"), VOICES)
    shown = evaluate.table(found)
    assert all(f"| {source} |" in shown for source in SOURCES)
    assert "truncated 50%" in shown
    assert json.loads(json.dumps(found)) == found


def test_references_are_read_with_their_place(tmp_path):
    entry = {"voice": "slt", "audio": "slt.flac", "prompt_text": "Hello.", "prompt_language": "en"}
    (tmp_path / "references.json").write_text(json.dumps([entry]))
    (reference,) = evaluate.read_references(tmp_path)
    assert reference.audio == tmp_path / "slt.flac"
    assert reference.prompt_text == "Hello."


@pytest.mark.slow
def test_spectrograms_are_drawn_small(tmp_path):
    sounds = {name: np.sin(np.arange(8000) * 0.2 * (i + 1)).astype(np.float32) for i, name in enumerate(SOURCES)}
    path = tmp_path / "docs" / "spectrograms.png"
    plots.spectrograms(sounds, 16_000, "hum", path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size < 500_000
