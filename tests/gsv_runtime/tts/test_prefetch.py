import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gsv_runtime.tts.prefetch import Prefetch

LIMIT_S = 20


@pytest.fixture
def prefetch():
    with ThreadPoolExecutor(4) as pool:
        yield Prefetch(pool)


def never(_waiting):
    return False


def test_items_come_in_order_and_all_of_them(prefetch):
    assert list(prefetch(iter(range(1000)), never)) == list(range(1000))


def test_the_source_runs_while_an_item_is_worked_on(prefetch):
    made = [threading.Event() for _ in range(3)]

    def source():
        for number, event in enumerate(made):
            event.set()
            yield number

    items = prefetch(source(), never)
    next(items)
    assert all(event.wait(LIMIT_S) for event in made)
    items.close()


def test_a_source_that_is_far_ahead_waits_until_its_items_are_taken(prefetch):
    seen = []

    def far_ahead(waiting):
        seen.append(len(waiting))
        return len(waiting) >= 3

    assert list(prefetch(iter(range(50)), far_ahead)) == list(range(50))
    assert max(seen) == 3


def test_a_failure_comes_after_the_items_before_it(prefetch):
    def source():
        yield 1
        yield 2
        raise ValueError("the third")

    items = prefetch(source(), never)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="the third"):
        next(items)


def test_closing_ends_and_closes_the_source_before_it_returns(prefetch):
    closed = []

    def source():
        try:
            while True:
                yield 0
        finally:
            closed.append(threading.current_thread().name)

    items = prefetch(source(), lambda waiting: len(waiting) > 5)
    next(items)
    items.close()
    assert len(closed) == 1
    assert closed != [threading.current_thread().name]


def test_a_source_whose_end_fails_does_not_hide_the_items(prefetch, caplog):
    def source():
        try:
            yield 1
            yield 2
        finally:
            raise OSError("no end")

    items = prefetch(source(), lambda waiting: len(waiting) > 0)
    assert next(items) == 1
    items.close()
    assert "iterator not closed" in caplog.text
