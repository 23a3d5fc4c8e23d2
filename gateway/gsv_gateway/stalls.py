"""Clients that take nothing of their answer: for how long they may hold a stream that others want."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from gsv_gateway.settings import Limits

_LOOK_EVERY_S = 1.0


class ClientStalled(Exception):
    """The client takes nothing of its answer."""


class Stalls:
    """Waits for clients to take what is sent: long, but not while others are refused for want of a stream.

    Args:
        limits: How long in each case.
        clock: Seconds that only grow.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._refused_at_s = float("-inf")

    def note_refusal(self) -> None:
        """Somebody was refused because too much is being spoken."""
        self._refused_at_s = self._clock()

    async def wait(self, sending: Awaitable[None]) -> None:
        """Wait for a client to take what is sent.

        Raises:
            ClientStalled: It did not.
        """
        try:
            # Not wait_for, which loses a cancellation that comes with the result.
            async with asyncio.timeout(self._limits.stall_s) as limit:
                look = _Look(self.is_crowded, limit, self._limits.crowded_stall_s)
                try:
                    await sending
                finally:
                    look.end()
        except TimeoutError:
            raise ClientStalled from None

    def is_crowded(self) -> bool:
        """Whether somebody was refused of late."""
        return self._clock() - self._refused_at_s <= self._limits.crowded_stall_s


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
