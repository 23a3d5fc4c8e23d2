"""Calls to another model that end when that model's process dies, or when nobody wants the answer any more.

Triton ends a call with an error where the model's process died inside `execute`. A model that answers later, as `t2s`
and `models` do, leaves its callers waiting for ever (tried: tests/e2e/test_recovery.py). So such a call runs on a
thread that can be given up, while its caller looks now and then whether the process is still there and whether to wait
on.
"""

from __future__ import annotations

import concurrent.futures
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from gsv_runtime.server.model_processes import is_running

T = TypeVar("T")

logger = logging.getLogger("gsv.watched_calls")

_POLL_S = 0.5
_WANTED_POLL_S = 0.05  # about a round of t2s at official size; 0.02 took 3 % of ten streams' tokens on two cores
_IDLE_S = 0.25


class ProcessDied(Exception):
    """The model's process died while it had the call."""


class NoProcess(ProcessDied):
    """The model had none when the call was to be made."""


class Unwanted(Exception):
    """Nobody waits for the call's answer any more."""


class WatchedCalls:
    """Runs calls; safe to share between threads.

    Args:
        processes: the running processes of every model, as `model_processes` has them; each model has some.
        max_lost: how many calls may hang in all; each keeps a thread here and one in Triton.
        when_too_many: what to do at the next.
        poll_s: how often a caller looks after the process, in seconds.
        wanted_poll_s: how often it asks whether the answer is still wanted.
    """

    def __init__(
        self,
        processes: Callable[[], Mapping[str, frozenset[int]]],
        max_lost: int,
        when_too_many: Callable[[], None],
        poll_s: float = _POLL_S,
        wanted_poll_s: float = _WANTED_POLL_S,
    ) -> None:
        self._processes = processes
        self._max_lost = max_lost
        self._when_too_many = when_too_many
        self._poll_s = poll_s
        self._wanted_poll_s = wanted_poll_s
        self._threads = _DaemonThreads()
        self._lock = threading.Lock()
        self._known: dict[str, frozenset[int]] = {}
        self._num_lost = 0

    def run(
        self,
        model: str,
        call: Callable[[], T],
        is_wanted: Callable[[], bool] | None = None,
        when_late: Callable[[T], None] | None = None,
    ) -> T:
        """Run `call`, which waits for `model`, and return what it returns.

        Args:
            model: whose process is watched.
            call: what to run.
            is_wanted: whether to wait on; it is asked while the call takes its time, and by default never.
            when_late: given what a call returns that was left as not wanted; runs in the call's thread.

        Raises:
            ProcessDied: a process of the model has died meanwhile, and the call is left behind.
            NoProcess: there is none, so that nobody would ever answer; no call was made.
            Unwanted: the answer is not wanted any more. The call goes on; that the model answers soon is for the
                caller to see to.
        """
        pids = self._pids(model)
        answer = self._threads.submit(call)
        looked_s = time.monotonic()
        while True:
            try:
                return answer.result(self._poll_s if is_wanted is None else self._wanted_poll_s)
            except concurrent.futures.TimeoutError:
                if answer.done():  # by raising this itself, or just now
                    return answer.result()
            if is_wanted is not None and not is_wanted():
                if when_late is not None:
                    answer.add_done_callback(lambda late: None if late.exception() else when_late(late.result()))
                raise Unwanted(model)
            if time.monotonic() - looked_s < self._poll_s:
                continue
            looked_s = time.monotonic()
            if not _all_running(pids):
                self._count_lost(model)
                raise ProcessDied(model)

    def _pids(self, model: str) -> frozenset[int]:
        """Processes of the model, at least one; it is looked for anew while there is none."""
        with self._lock:
            known = self._known.get(model, frozenset())
            if not known or not _all_running(known):
                known = self._known[model] = self._processes().get(model, frozenset())
            if not known:
                raise NoProcess(model)
            return known

    def _count_lost(self, model: str) -> None:
        with self._lock:
            self._num_lost += 1
            too_many = self._num_lost > self._max_lost
        logger.error("call lost, its process died model=%s lost=%d", model, self._num_lost)
        if too_many:
            self._when_too_many()


def _all_running(pids: Iterable[int]) -> bool:
    return all(map(is_running, pids))


class _DaemonThreads:
    """As many threads as there are calls under way, kept a moment for the next; none keeps the process from ending."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[concurrent.futures.Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._num_idle = 0  # that no call in the queue is meant for

    def submit(self, call: Callable[[], T]) -> concurrent.futures.Future[T]:
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        with self._lock:
            start, self._num_idle = self._num_idle == 0, max(self._num_idle - 1, 0)
        self._calls.put((future, call))
        if start:
            threading.Thread(target=self._work, name="watched-call", daemon=True).start()
        return future

    def _work(self) -> None:
        while True:
            try:
                _answer(*self._calls.get(timeout=_IDLE_S))
            except queue.Empty:
                if self._may_end():
                    return
            else:
                with self._lock:
                    self._num_idle += 1

    def _may_end(self) -> bool:
        """Take an idle thread away, unless all have a call to come."""
        with self._lock:
            is_spare = self._num_idle > 0
            self._num_idle -= is_spare
            return is_spare


def _answer(future: concurrent.futures.Future[Any], call: Callable[[], Any]) -> None:
    """A function of its own, so that an idle thread holds no answer: those of Triton lie in shared memory."""
    try:
        future.set_result(call())
    except BaseException as failure:
        future.set_exception(failure)
