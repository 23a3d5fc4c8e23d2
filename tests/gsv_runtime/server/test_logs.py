"""Logs are put aside at each start and when they have grown, and their writers notice nothing."""

import os

import pytest

from gsv_runtime.server.logs import Log


@pytest.fixture
def log(tmp_path):
    return Log(tmp_path / "server.log", size_bytes=10, files=2)


def contents(log):
    return [path.read_text() for path in (log.path, log.older(1), log.older(2), log.older(3)) if path.exists()]


def test_the_log_of_the_run_before_is_kept_and_the_oldest_goes(log):
    for run in range(5):
        log.begin()
        log.path.write_text(f"run {run}")
    assert contents(log) == ["run 4", "run 3", "run 2"]


def test_a_run_that_said_nothing_pushes_nothing_out(log):
    log.path.write_text("the cause")
    for _ in range(5):
        log.begin()
        log.path.touch()
    assert contents(log) == ["", "the cause"]


def test_a_log_that_has_grown_is_emptied_under_its_writer_and_nothing_is_lost(log):
    descriptor = os.open(log.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        for number in range(6):
            os.write(descriptor, b"line %d\n" % number)
            log.look()
    finally:
        os.close(descriptor)
    assert contents(log) == ["", "line 4\nline 5\n", "line 2\nline 3\n"]


def test_a_log_that_is_short_is_left_alone(log):
    log.path.write_text("short")
    log.look()
    assert contents(log) == ["short"]


def test_without_a_size_it_may_grow_and_without_files_nothing_is_kept(tmp_path):
    endless = Log(tmp_path / "a.log", size_bytes=0)
    endless.path.write_text("x" * 100)
    endless.look()
    assert contents(endless) == ["x" * 100]
    unkept = Log(tmp_path / "b.log", size_bytes=10, files=0)
    unkept.path.write_text("x" * 100)
    unkept.look()
    assert contents(unkept) == [""]
    unkept.path.write_text("y")
    unkept.begin()
    assert contents(unkept) == []


def test_a_child_is_told_of_the_log_by_variables(log):
    assert Log.of(log.variables()) == log
    assert Log.of({}) is None
