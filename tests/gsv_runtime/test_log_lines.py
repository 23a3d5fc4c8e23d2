"""Lines of the log, as text and as JSON."""

import json
import logging

import pytest

from gsv_runtime.log_lines import JsonLines


@pytest.fixture
def line():
    """A record as JSON."""

    def line(message, *values, exc_info=None):
        record = logging.LogRecord("gsv.streams", logging.INFO, "", 0, message, values, exc_info)
        return json.loads(JsonLines().format(record))

    return line


def test_an_event_and_its_values_stand_apart(line):
    found = line("stream ended model=%s request=%s elapsed_ms=%.2f responses=%d", "tts", "7f", 12.5, 3)
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "INFO",
        "logger": "gsv.streams",
        "event": "stream ended",
        "model": "tts",
        "request": "7f",
        "elapsed_ms": 12.5,
        "responses": 3,
    }


def test_values_in_quotes_may_hold_spaces_and_signs(line):
    assert line("cache level failed cause=%r level=disk", "No space = left")["cause"] == "No space = left"
    assert line("x cause=%r", "it's")["cause"] == "it's"


def test_a_sentence_stays_a_sentence_and_may_have_several_lines(line):
    assert line("no model is served\nyet 中文")["event"] == "no model is served\nyet 中文"


def test_a_failure_brings_its_traceback(line):
    try:
        raise KeyError("x")
    except KeyError as failure:
        found = line("request failed model=tts", exc_info=(KeyError, failure, failure.__traceback__))
    assert found["traceback"].endswith("KeyError: 'x'")
