import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gsv_runtime.graphs.one_thread import OneThread


def test_calls_of_many_threads_run_in_one_that_is_none_of_theirs():
    one = OneThread("engine")
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: one.run(threading.get_ident), range(20)))
        callers = set(pool.map(lambda _: threading.get_ident(), range(20)))
    assert len(found) == 1
    assert not found & callers


def test_what_a_call_returns_or_raises_reaches_its_caller():
    one = OneThread("engine")
    assert one.run(divmod, 7, 2) == (3, 1)
    assert one.run(int, "ff", base=16) == 255
    with pytest.raises(ZeroDivisionError):
        one.run(divmod, 1, 0)


def test_its_thread_ends_when_it_is_forgotten():
    one = OneThread("short-lived")
    thread = one.run(threading.current_thread)
    del one
    thread.join(10)
    assert not thread.is_alive()
