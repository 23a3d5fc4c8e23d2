"""A list that a server answers with, asked for once for all who wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class SharedList(Generic[Item]):
    """Keeps a list for some seconds. One is asked for at a time, since servers answer few such requests at once.

    Args:
        ask: Gets the list.
        fresh_s: For which it is taken as it is.
        clock: Seconds that only grow.

    Attributes:
        asked: How many lists were asked for; the number of the last.
        last: The last that came.
    """

    def __init__(self, ask: Callable[[], Awaitable[list[Item]]], fresh_s: float, clock: Callable[[], float]) -> None:
        self._ask, self._fresh_s, self._clock = ask, fresh_s, clock
        self.asked = 0
        self.last: list[Item] = []
        self._number = self._outdated = 0
        self._asked_at_s = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    def forget(self) -> None:
        """Use no list that was asked for before now."""
        self._outdated = self.asked

    async def get(self, outdated: int = 0) -> list[Item]:
        """The list, by an answer with a higher number than `outdated`."""
        outdated = max(outdated, self._outdated)
        if self._clock() - self._asked_at_s > self._fresh_s:
            outdated = max(outdated, self._number)
        while self._number <= outdated:
            if self._asking is None:
                self._asking = asyncio.ensure_future(self._renew())
            await asyncio.shield(self._asking)
        return self.last

    async def _renew(self) -> None:
        self.asked += 1
        number, asked_at_s = self.asked, self._clock()
        try:
            self.last = await self._ask()
            self._number, self._asked_at_s = number, asked_at_s
        finally:
            self._asking = None
