"""Single flight: work that several requests want at once is done by one of them, and all get it piece by piece.

The first that asks for a key leads and does the work; who comes later follows. A leader that leaves or fails makes
room: one of its followers leads next, does the work again with the same seed, and the others go on where they were.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from gsv_runtime.errors import Cancelled, DeadlineExceeded, InvalidRequest, ServerBusy

T = TypeVar("T")

_LOOK_UP_S = 0.25  # how often one who waits looks whether it is still wanted
_MAX_FAILURES = 2  # after so many for no fault of a request, the next followers are not made to try


class Abandoned(Exception):
    """The leader has gone before the end; ask for the key again."""


class SingleFlight(Generic[T]):
    """One piece of work; all methods may be called from any thread."""

    def __init__(self, table: SingleFlights[T], key: Hashable, seed: int, failures: int) -> None:
        """Begin it; it takes itself off the table when it ends."""
        self.seed = seed  # of the take; whoever leads next makes the same one
        self.source = ""  # where the leader found the pieces, if it did not compute them
        self.failures = failures
        self._table = table
        self._key = key
        self._changed = threading.Condition()
        self._pieces: list[T] = []
        self._ended = False
        self._failure: Exception | None = None

    def publish(self, piece: T) -> None:
        """Hand a piece to those who follow."""
        with self._changed:
            self._pieces.append(piece)
            self._changed.notify_all()

    def finish(self) -> None:
        """Say that all pieces were published."""
        self._end(None)

    def abandon(self) -> None:
        """Leave the work to one of those who follow; nothing if it has ended."""
        self._end(Abandoned())

    def fail(self, failure: BaseException) -> None:
        """End it by a failure: those who follow get it too if theirs would be the same."""
        if isinstance(failure, InvalidRequest):
            self._end(failure)
        elif not isinstance(failure, Exception) or isinstance(failure, Cancelled | DeadlineExceeded | ServerBusy):
            self.abandon()
        else:
            self.failures += 1
            self._end(failure if self.failures >= _MAX_FAILURES else Abandoned())

    def follow(self, start: int, check: Callable[[], None]) -> Iterator[T]:
        """Pieces from number `start` on, as they are published.

        Args:
            start: how many the caller has.
            check: raises to stop waiting.

        Raises:
            Abandoned: there is no leader any more.
            Exception: what `check` raised, or the failure that is everybody's.
        """
        with self._table.counted():
            for number in itertools.count(start):
                if not self._wait_for(number, check):
                    return
                yield self._pieces[number]

    def _wait_for(self, number: int, check: Callable[[], None]) -> bool:
        """Wait for a piece; False if the flight ends before it."""
        with self._changed:
            while len(self._pieces) <= number and not self._ended:
                if not self._changed.wait(_LOOK_UP_S):
                    check()
            if len(self._pieces) <= number and self._failure is not None:
                raise self._failure
            return len(self._pieces) > number

    def _end(self, failure: Exception | None) -> None:
        with self._changed:
            if self._ended:
                return
            self._ended, self._failure = True, failure
            self._table.forget(self._key, self)
            self._changed.notify_all()


class SingleFlights(Generic[T]):
    """The work under way, by key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Hashable, SingleFlight[T]] = {}
        self._num_following = 0

    def __len__(self) -> int:
        """Keys under way."""
        return len(self._running)

    @property
    def num_following(self) -> int:
        """Callers that follow one."""
        return self._num_following

    def join(self, key: Hashable, seed: int = 0, failures: int = 0) -> tuple[SingleFlight[T], bool]:
        """The flight of `key`, and whether the caller leads it; a leader has to end it, whatever happens.

        Args:
            key: of the work.
            seed: of the take that the caller would make.
            failures: of the flight that the caller followed until it was abandoned.
        """
        with self._lock:
            running = self._running.get(key)
            if running is not None:
                return running, False
            flight: SingleFlight[T] = SingleFlight(self, key, seed, failures)
            self._running[key] = flight
            return flight, True

    def forget(self, key: Hashable, flight: SingleFlight[T]) -> None:
        """Take an ended flight off, if no other has its place."""
        with self._lock:
            if self._running.get(key) is flight:
                del self._running[key]

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a follower."""
        with self._lock:
            self._num_following += 1
        try:
            yield
        finally:
            with self._lock:
                self._num_following -= 1
