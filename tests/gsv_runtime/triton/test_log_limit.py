"""A log stays readable while one thing goes wrong again and again."""

import logging
import sys

from gsv_runtime.triton.log_limit import LogLimit


def record(message, *values, level=logging.ERROR, name="gsv.x", exc_info=None):
    return logging.LogRecord(name, level, "file", 1, message, values, exc_info)


class Limit:
    def __init__(self):
        self.now_s = 0.0
        self.filter = LogLimit(lambda: self.now_s)

    def told(self, *records):
        return [each.getMessage() for each in records if self.filter.filter(each)]


def test_five_of_a_kind_are_told_and_the_next_after_a_while_counts_the_rest():
    limit = Limit()
    assert len(limit.told(*(record("failed id=%d", number) for number in range(100)))) == 5
    limit.now_s = 10.0
    assert limit.told(record("failed id=%d", 100)) == ["failed id=100 suppressed=95"]
    assert limit.told(record("failed id=%d", 101)) == ["failed id=101"]


def test_another_kind_and_what_is_no_warning_are_not_held_back():
    limit = Limit()
    limit.told(*(record("failed") for _ in range(100)))
    assert limit.told(record("failed", name="gsv.y"), record("gone")) == ["failed", "gone"]
    assert len(limit.told(*(record("ended", level=logging.INFO) for _ in range(100)))) == 100


def test_a_long_trace_is_cut_to_its_end():
    try:
        raise ValueError("x" * 100_000 + " the end")
    except ValueError:
        long = record("failed", exc_info=sys.exc_info())
    assert Limit().told(long) == ["failed"]
    assert len(long.exc_text) == 4_000
    assert long.exc_text.endswith("the end")
