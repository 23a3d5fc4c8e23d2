"""Whoever changes what is read or said raises an epoch, so that no server speaks from a library of the old ways."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from gsv_runtime.tts.reuse import fingerprints

from .golden import noise, read_texts, speak

DATA = Path(__file__).parent / "data"
RENEW = "GSV_RENEW_GOLDEN"
ADVICE = """
{what} is no longer what it was under {epoch} = {number}; the first difference is at {where}:
    was {was}
    is  {now}
If you did not mean that, mend it. If you did, libraries made before must not be used any more. Run

    {renew}=1 .venv/bin/pytest {test}

which raises {epoch} in {source} and renews {data}; commit both. (A conflict in them while rebasing: take the other
side's files, and run it again.)"""


@pytest.fixture(autouse=True)
def _no_resources(monkeypatch):
    monkeypatch.delenv("GSV_TEXT_RESOURCES", raising=False)


def test_what_is_read_out_of_texts_is_what_this_epoch_reads(request):
    check(request, "TEXT_EPOCH", "What is read out of a text", "golden_text.json", read_texts())


def test_what_is_said_is_what_this_epoch_says(request, facts, make_stages, make_recording, tmp_path):
    samples, rate_hz = noise()
    recording = make_recording(samples=samples, rate_hz=rate_hz)
    said = speak(replace(facts, version="v2Pro"), make_stages, recording, tmp_path)
    check(request, "SPEECH_EPOCH", "What is said", "golden_speech.json", said)


def check(request, epoch, what, name, now):
    """Compare with what is stored, or raise the epoch and store it."""
    path, number = DATA / name, getattr(fingerprints, epoch)
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"epoch": 0, "gives": None}
    found = first_difference(stored["gives"], now)
    if os.environ.get(RENEW) and (found or stored["epoch"] != number):
        number = raised(epoch, number if stored["epoch"] != number else number + 1)
        path.write_text(json.dumps({"epoch": number, "gives": now}, indent=1, ensure_ascii=False) + "\n", "utf-8")
        return
    if found:
        where, was, is_now = found
        pytest.fail(
            ADVICE.format(
                what=what,
                epoch=epoch,
                number=number,
                where=where or "the top",
                was=str(was)[:400],
                now=str(is_now)[:400],
                renew=RENEW,
                test=request.node.nodeid,
                source="runtime/gsv_runtime/tts/reuse/fingerprints.py",
                data=f"tests/gsv_runtime/tts/reuse/data/{name}",
            ),
            pytrace=False,
        )
    assert stored["epoch"] == number, f"{epoch} is {number}, and {name} was stored for {stored['epoch']}"


def raised(epoch, number):
    """Write the number into the source."""
    source = Path(fingerprints.__file__)
    text, count = re.subn(rf"^{epoch} = \d+", f"{epoch} = {number}", source.read_text(encoding="utf-8"), flags=re.M)
    assert count == 1
    source.write_text(text, encoding="utf-8")
    return number


def first_difference(was, now, where=""):
    """Where two values part, and both there; numbers may differ in the sixth place, as machines do."""
    if isinstance(was, dict) and isinstance(now, dict) and was.keys() == now.keys():
        pairs = [(f"{where}/{key}", was[key], now[key]) for key in was]
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        pairs = [(f"{where}/{index}", *pair) for index, pair in enumerate(zip(was, now, strict=True))]
    elif isinstance(was, float) and isinstance(now, float):
        return None if now == pytest.approx(was, rel=2e-5, abs=1e-9) else (where, was, now)
    else:
        return None if was == now else (where, was, now)
    return next(filter(None, (first_difference(before, after, place) for place, before, after in pairs)), None)


def test_the_comparison_finds_the_first_difference_and_lets_the_last_places_be():
    was = {"a": [1.0, {"b": "x"}], "c": [2]}
    assert first_difference(was, {"a": [1.00001, {"b": "x"}], "c": [2]}) is None
    assert first_difference(was, {"a": [1.01, {"b": "x"}], "c": [2]}) == ("/a/0", 1.0, 1.01)
    assert first_difference(was, {"a": [1.0, {"b": "y"}], "c": [3]}) == ("/a/1/b", "x", "y")
    assert first_difference(was, {"a": [1.0, {"b": "x"}], "c": [2, 3]}) == ("/c", [2], [2, 3])
