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

    async def get(self, outdated: int = 0, *, old_s: float = 0.0) -> list[Item]:
        """The list.

        Args:
            outdated: Number of an answer that will not do, nor those before it.
            old_s: How much older than fresh it may be; it is then renewed for who asks next, and nobody waits.
        """
        outdated = max(outdated, self._outdated)
        age_s = self._clock() - self._asked_at_s
        if age_s > self._fresh_s:
            if self._number > outdated and age_s <= self._fresh_s + old_s:
                self._being_renewed()
            else:
                outdated = max(outdated, self._number)
        while self._number <= outdated:
            await asyncio.shield(self._being_renewed())
        return self.last

    def _being_renewed(self) -> asyncio.Task[None]:
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._renew())
            self._asking.add_done_callback(lambda task: task.cancelled() or task.exception())  # perhaps nobody waits
        return self._asking

    async def _renew(self) -> None:
        self.asked += 1
        number, asked_at_s = self.asked, self._clock()
        try:
            self.last = await self._ask()
            self._number, self._asked_at_s = number, asked_at_s
        finally:
            self._asking = None
