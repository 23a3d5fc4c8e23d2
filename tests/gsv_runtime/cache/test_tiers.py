"""Levels together: the fastest answers, hits move up, and no level can fail a request."""

import logging
import threading

import pytest

from gsv_runtime.cache import Cache, CorruptEntry
from gsv_runtime.cache.levels import LevelFailed

from .entries import entry, key, same


class Shelf:
    """A level in a dictionary; `fault` is raised by whatever is called."""

    def __init__(self, name):
        self.name = name
        self.held = {}
        self.fault = None
        self.closed = False

    def get(self, key):
        self._fail()
        return self.held.get(key)

    def put(self, key, entry):
        self._fail()
        self.held[key] = entry

    def close(self):
        self.closed = True
        self._fail()

    def _fail(self):
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def shelves():
    return [Shelf(name) for name in ("memory", "redis", "disk")]


@pytest.fixture
def cache(shelves, figures):
    cache = Cache(shelves, figures)
    yield cache
    cache.close()


def test_what_is_put_reaches_every_level(cache, shelves, figures):
    cache.put(key(1), entry(1))
    assert key(1) in shelves[0].held
    assert cache.flush(5.0)
    assert all(key(1) in shelf.held for shelf in shelves)
    assert figures("written_bytes_total", kind="audio") == 3 * entry(1).nbytes


@pytest.mark.parametrize("holder", range(3))
def test_a_hit_moves_up_and_is_counted_where_it_was(cache, shelves, figures, holder):
    shelves[holder].held[key(1)] = entry(1)
    assert same(cache.get(key(1)), entry(1))
    assert cache.flush(5.0)
    assert [key(1) in shelf.held for shelf in shelves] == [index <= holder for index in range(3)]
    assert figures("hits_total", level=shelves[holder].name, kind="audio") == figures("hits_total") == 1
    assert figures("misses_total") == holder
    assert figures("get_seconds") == holder + 1


def test_a_miss_is_counted_at_every_level(cache, figures):
    assert cache.get(key(1, "tokens")) is None
    assert [figures("misses_total", level=level, kind="tokens") for level in ("memory", "redis", "disk")] == [1, 1, 1]


@pytest.mark.parametrize("fault", [LevelFailed("gone"), OSError("gone"), RuntimeError("a bug"), MemoryError()])
def test_the_next_level_answers_for_one_that_fails(cache, shelves, figures, caplog, fault):
    shelves[2].held[key(1)] = entry(1)
    shelves[1].fault = fault
    assert same(cache.get(key(1)), entry(1))
    assert cache.flush(5.0)
    assert key(1) in shelves[0].held
    assert figures("errors_total", level="redis", kind="audio") == 2  # the read, and the copy up
    assert "cache level failed level=redis action=get kind=audio" in caplog.text


def test_a_damaged_entry_is_a_miss_that_is_counted_apart(cache, shelves, figures, caplog):
    shelves[1].fault = CorruptEntry("bits")
    assert cache.get(key(1)) is None
    assert figures("corrupt_total", level="redis", kind="audio") == 1
    assert figures("errors_total") == 0
    assert "cache entry corrupt level=redis" in caplog.text


def test_with_every_level_failing_nothing_is_raised(cache, shelves):
    for shelf in shelves:
        shelf.fault = LevelFailed("gone")
    cache.put(key(1), entry(1))
    assert cache.get(key(1)) is None
    assert cache.flush(5.0)


def test_the_log_says_the_same_thing_once_in_ten_seconds_and_how_often_it_did_not(shelves, caplog):
    times_s = iter([0.0, 1.0, 9.9, 10.0])
    shelves[2].fault = LevelFailed("gone")
    cache = Cache(shelves[2:], clock=lambda: next(times_s))
    for _ in range(4):
        cache.get(key(1))
    assert [record.message.rsplit(" ", 1)[1] for record in caplog.records] == ["suppressed=0", "suppressed=2"]
    assert all(record.levelno == logging.WARNING for record in caplog.records)
    shelves[2].fault = None
    cache.close()


def test_writes_beyond_the_queue_are_dropped_and_counted(shelves, figures):
    go_on = threading.Event()
    shelves[2].put = lambda key, entry: go_on.wait(10.0)
    cache = Cache(shelves[2:], figures, max_queued_bytes=3 * entry(0).nbytes)
    for number in range(10):
        cache.put(key(number), entry(number))
    assert figures("dropped_writes_total", kind="audio") == 7
    assert not cache.flush(0.0)
    go_on.set()
    assert cache.flush(5.0)
    cache.close()


def test_closing_writes_what_waits_and_closes_every_level(shelves):
    cache = Cache(shelves)
    shelves[0].fault = OSError("gone")
    for number in range(20):
        cache.put(key(number), entry(number))
    cache.close()
    assert len(shelves[2].held) == 20
    assert all(shelf.closed for shelf in shelves)


def test_a_disabled_cache_keeps_nothing():
    cache = Cache.disabled()
    cache.put(key(1), entry(1))
    assert cache.get(key(1)) is None
    assert cache.flush(0.0)
    cache.close()
