"""Clients that take nothing of their answer: for how long they may hold a stream that others want.

What is sent and not taken lies in the kernel's buffers, which hold minutes of speech, so that sending alone tells
nothing: they are asked, before each piece and while one waits. A full buffer takes the next piece when a third of it is
free, which is half a minute of samples, so that a wait alone tells nothing either.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from gsv_gateway.settings import Limits

T = TypeVar("T")

# In the state of a request: how many bytes wait for its client, and how to hang up on it without waiting for them.
UNREAD, ABORT = "unread", "abort"

_LOOK_EVERY_S = 0.25
_SLOWEST = 0.1  # seconds of sound that must be taken in a second, by who has nothing left to play


class ClientStalled(Exception):
    """The client takes nothing of its answer."""


class Stalls:
    """Says how long clients may take nothing: long, but not where streams are wanted.

    Args:
        limits: How long in each case.
        clock: Seconds that only grow.
        is_half_taken: Whether streams are getting scarce.
    """

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
        is_half_taken: Callable[[], bool] = lambda: False,
    ) -> None:
        self.limits, self.clock, self._is_half_taken = limits, clock, is_half_taken
        self._refused_at_s = float("-inf")

    def note_refusal(self) -> None:
        """Somebody was refused because too much is being spoken."""
        self._refused_at_s = self.clock()

    def is_crowded(self) -> bool:
        """Whether somebody was refused of late, or will soon be."""
        return self.clock() - self._refused_at_s <= self.limits.crowded_stall_s or self._is_half_taken()

    @property
    def limit_s(self) -> float:
        """How long a client may take nothing now."""
        return self.limits.crowded_stall_s if self.is_crowded() else self.limits.stall_s

    def of(self, state: Mapping[str, Any]) -> Taking:
        """Watch the client of a request, by the state that its connection has."""
        return Taking(self, state.get(UNREAD, lambda: 0), state.get(ABORT, lambda: None))


class Taking:
    """What one client takes of what it is sent.

    Args:
        stalls: For how long it may take nothing.
        unread: Counts the bytes that wait for it.
        abort: Hangs up on it.
    """

    def __init__(self, stalls: Stalls, unread: Callable[[], int], abort: Callable[[], None]) -> None:
        self._stalls, self._unread, self._abort = stalls, unread, abort
        self._sent_bytes, self._sent_s, self._left_bytes = 0, 0.0, 0
        self._plays_until_s: float | None = None  # until when it can play what it took

    async def hand(
        self, send: Callable[[T], Awaitable[None]], message: T, num_bytes: int = 0, until_s: float = 0.0
    ) -> None:
        """Send more.

        Args:
            send: Sends a message.
            message: The next.
            num_bytes: How large it is.
            until_s: Seconds of sound that were sent when it is, so that who has enough to play need not take more.

        Raises:
            ClientStalled: The client has taken nothing for too long, and was hung up on.
        """
        try:
            if self._is_stalled(may_have_all=True):
                raise TimeoutError
            # Not wait_for, which loses a cancellation that comes with the result.
            async with asyncio.timeout(None) as limit:
                looks = _Looks(self._is_stalled, limit)
                try:
                    await send(message)
                finally:
                    looks.end()
        except TimeoutError:
            self._abort()
            raise ClientStalled from None
        self._sent_bytes, self._sent_s = self._sent_bytes + num_bytes, max(self._sent_s, until_s)
        self._left_bytes += num_bytes

    def _is_stalled(self, *, may_have_all: bool = False) -> bool:
        """Whether it has had nothing to play for too long; who is waited for does not have all."""
        unread, now_s = self._unread(), self._stalls.clock()
        if self._plays_until_s is None:  # nothing can be taken before something is sent
            self._plays_until_s = now_s
        self._plays_until_s = self._after(self._plays_until_s, now_s, self._left_bytes - unread)
        self._left_bytes = unread
        if may_have_all and not unread:
            self._plays_until_s = max(self._plays_until_s, now_s)
        return now_s - self._plays_until_s > self._stalls.limit_s

    def _after(self, plays_until_s: float, now_s: float, taken_bytes: int) -> float:
        """Until when it can play where it has taken these; what it is late by is made up for ten times as fast."""
        if taken_bytes <= 0:
            return plays_until_s
        if not self._sent_s:  # nobody knows how much sound that is
            return max(plays_until_s, now_s)
        taken_s = taken_bytes * self._sent_s / self._sent_bytes
        late_s = min(max(0.0, now_s - plays_until_s), taken_s / _SLOWEST)
        return plays_until_s + late_s + taken_s - late_s * _SLOWEST


class _Looks:
    """Ends a wait early where the client stalls meanwhile."""

    def __init__(self, is_stalled: Callable[[], bool], limit: asyncio.Timeout) -> None:
        self._is_stalled, self._limit, self._loop = is_stalled, limit, asyncio.get_running_loop()
        self._next = self._loop.call_later(_LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        if self._is_stalled():
            self._limit.reschedule(self._loop.time())
        else:
            self._next = self._loop.call_later(_LOOK_EVERY_S, self._look)

    def end(self) -> None:
        """Look no more."""
        self._next.cancel()
