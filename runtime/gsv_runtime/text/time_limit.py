"""Threads whose work is ended from outside once it has had its share of the processor.

Whatever a text makes a reader do, and in whichever library, other texts are read meanwhile, and that one ends. It is
processor time that is limited, so that a slow or paused machine refuses nothing. Work inside one call of C ends only
when that returns; a process that hangs there is killed from outside (gsv_runtime/server/model_reloader.py).
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")

_LOOK_EVERY_S = 0.05


class TookTooLong(BaseException):
    """Raised inside of work that has had its share; no `except Exception` of a library swallows it."""


class LimitedThreads(Generic[T]):
    """Runs work on threads, each piece for a limited time; close it when done.

    Args:
        num_threads: pieces of work at once; more wait.
        limit_s: of processor time, for each.
        too_long: makes the failure of work that took longer.
    """

    def __init__(self, num_threads: int, limit_s: float, too_long: Callable[[], Exception]) -> None:
        self._limit_s = limit_s
        self._too_long = too_long
        self._lock = threading.Lock()
        self._ends_s: dict[int, float] = {}  # thread to the processor time at which its work is to end
        self._pool = ThreadPoolExecutor(num_threads, thread_name_prefix="limited")
        self._closed = threading.Event()
        threading.Thread(target=self._watch, name="time-limit", daemon=True).start()

    def submit(self, work: Callable[[], T], done: Callable[[T | Exception], None]) -> None:
        """Run `work` as soon as a thread is free, and tell `done` what it returned or raised."""
        self._pool.submit(self._run, work, done)

    def close(self) -> None:
        """Wait for the work that is under way."""
        self._pool.shutdown()
        self._closed.set()

    def _run(self, work: Callable[[], T], done: Callable[[T | Exception], None]) -> None:
        thread = threading.get_ident()
        outcome: T | Exception
        try:
            try:
                with self._lock:
                    self._ends_s[thread] = time.thread_time() + self._limit_s
                outcome = work()
            finally:
                self._leave(thread)
        except TookTooLong:
            outcome = self._too_long()
        except Exception as failure:
            outcome = failure
        done(outcome)

    def _leave(self, thread: int) -> None:
        """End the limit; from here on nothing is raised in this thread."""
        while thread in self._ends_s:
            with suppress(TookTooLong), self._lock:  # it may come at this very moment
                _raise_in(thread, None)
                self._ends_s.pop(thread, None)

    def _watch(self) -> None:
        while not self._closed.wait(_LOOK_EVERY_S):
            with self._lock:
                for thread, ends_s in self._ends_s.items():
                    if _processor_time_s(thread) > ends_s:
                        _raise_in(thread, TookTooLong)


def _processor_time_s(thread: int) -> float:
    return time.clock_gettime(time.pthread_getcpuclockid(thread))


def _raise_in(thread: int, kind: type[BaseException] | None) -> None:
    """Have a thread raise at its next step, or take that back."""
    raised = ctypes.py_object(kind) if kind is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)
