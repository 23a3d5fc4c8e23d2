"""Clients that take nothing of their answer: for how long they may hold a stream that others want.

What is sent and not taken lies in the kernel's buffers, which hold minutes of speech, so that sending alone tells
nothing: they are asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from gsv_gateway.settings import Limits

T = TypeVar("T")

UNREAD = "unread"  # in the state of a request: how many bytes wait for its client

_LOOK_EVERY_S = 1.0


class ClientStalled(Exception):
    """The client takes nothing of its answer."""


class Stalls:
    """Waits for clients to take what is sent: long, but not where streams are wanted.

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
        return Taking(self, state.get(UNREAD, lambda: 0))

    async def wait(self, sending: Awaitable[None]) -> None:
        """Wait for a client to take what is sent.

        Raises:
            ClientStalled: It did not.
        """
        try:
            # Not wait_for, which loses a cancellation that comes with the result.
            async with asyncio.timeout(self.limits.stall_s) as limit:
                look = _Look(self.is_crowded, limit, self.limits.crowded_stall_s)
                try:
                    await sending
                finally:
                    look.end()
        except TimeoutError:
            raise ClientStalled from None


class Taking:
    """What one client takes of what it is sent.

    Args:
        stalls: For how long it may take nothing.
        unread: Counts the bytes that wait for it.
    """

    def __init__(self, stalls: Stalls, unread: Callable[[], int]) -> None:
        self._stalls, self._unread = stalls, unread
        self._sent_bytes, self._sent_s, self._left_bytes = 0, 0.0, 0
        self._began_s: float | None = None  # nothing can be taken before something is sent
        self._took_s = 0.0

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
            ClientStalled: The client has taken nothing for too long.
        """
        self._look(self._unread())
        await self._stalls.wait(send(message))
        self._sent_bytes, self._sent_s, self._left_bytes = self._sent_bytes + num_bytes, until_s, self._unread()

    def _look(self, unread: int) -> None:
        now_s = self._stalls.clock()
        if self._began_s is None:
            self._began_s = self._took_s = now_s
        elif not unread or unread < self._left_bytes or self._taken_s(unread) > now_s - self._began_s:
            self._took_s = now_s
        elif now_s - self._took_s > self._stalls.limit_s:
            raise ClientStalled

    def _taken_s(self, unread: int) -> float:
        """Seconds of sound that the client has taken."""
        return self._sent_s * max(0.0, 1 - unread / self._sent_bytes) if self._sent_bytes else 0.0


class _Look:
    """Ends a timeout early where it is crowded; looks after `first_s`, then every second."""

    def __init__(self, is_crowded: Callable[[], bool], limit: asyncio.Timeout, first_s: float) -> None:
        self._is_crowded, self._limit, self._loop = is_crowded, limit, asyncio.get_running_loop()
        self._next = self._loop.call_later(first_s, self._look)

    def _look(self) -> None:
        if self._is_crowded():
            self._limit.reschedule(self._loop.time())
        else:
            self._next = self._loop.call_later(_LOOK_EVERY_S, self._look)

    def end(self) -> None:
        """Look no more."""
        self._next.cancel()
