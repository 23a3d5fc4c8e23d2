"""Runs an iterator on a thread of its own, ahead of who takes its items."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

T = TypeVar("T")

logger = logging.getLogger("gsv.prefetch")


class Prefetch:
    """`pipeline.RunAhead` on the threads of a pool, one for each iterator that runs."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool

    def __call__(self, source: Iterator[T], is_far_ahead: Callable[[Sequence[T]], bool]) -> Generator[T, None, None]:
        """Hand out the items of `source`, which ends, closed, before this iterator does.

        Args:
            source: advanced by another thread, which closes it too.
            is_far_ahead: whether to let the items waiting be taken first.

        Raises:
            Exception: what `source` raised, after its last item.
        """
        ahead = _Ahead(source, is_far_ahead)
        self._pool.submit(ahead.run)
        try:
            yield from ahead.items()
        finally:
            ahead.stop()


class _Ahead(Generic[T]):
    """One iterator and what it has brought."""

    def __init__(self, source: Iterator[T], is_far_ahead: Callable[[Sequence[T]], bool]) -> None:
        self._source = source
        self._is_far_ahead = is_far_ahead
        self._changed = threading.Condition()
        self._waiting: deque[T] = deque()
        self._failure: BaseException | None = None
        self._stopping = False
        self._ended = False

    def run(self) -> None:
        """Advance the source until it ends or nobody wants more."""
        try:
            while self._may_advance():
                try:
                    item = next(self._source)
                except StopIteration:
                    break
                with self._changed:
                    self._waiting.append(item)
                    self._changed.notify_all()
        except BaseException as failure:
            self._failure = failure
        finally:
            self._close_source()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def items(self) -> Iterator[T]:
        """What the source brings, as it comes."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                if not self._waiting:
                    break
                item = self._waiting.popleft()
                self._changed.notify_all()
            yield item
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Advance it no more; returns when it has ended."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._ended)

    def _may_advance(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or not self._is_far_ahead(self._waiting))
            return not self._stopping

    def _close_source(self) -> None:
        close = getattr(self._source, "close", None)
        try:
            if close is not None:
                close()
        except Exception:
            logger.exception("iterator not closed")
