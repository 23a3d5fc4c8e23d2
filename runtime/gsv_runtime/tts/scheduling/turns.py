"""Whose stage call is next: a fixed number of slots, given to who needs it first. Pure: no thread, no clock.

Every call says when its audio is due, which is when its listener will have heard all that was sent before. So a
stream that has nothing yet goes before one that is seconds ahead of playback, and a short request does not wait for
the rest of a long one. Work for nobody in particular (`BATCH_SLACK_S`) is due later, but is due: it is not starved.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

BATCH_SLACK_S = 30.0  # how long a batch request lets interactive ones go first


@dataclass(frozen=True, order=True)
class Turn:
    """A call that waits for a slot or has one; the order is that in which slots are given."""

    due_s: float
    number: int  # of arrival


class TurnQueue:
    """Places, who has them, and who waits."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._waiting: list[Turn] = []  # a heap
        self._running: set[Turn] = set()
        self._arrived = 0

    def join(self, due_s: float) -> Turn:
        """Ask for a slot; `due_s` is on the same clock for all."""
        turn = Turn(due_s, self._arrived)
        self._arrived += 1
        heapq.heappush(self._waiting, turn)
        self._fill()
        return turn

    def is_running(self, turn: Turn) -> bool:
        """Whether it has a slot."""
        return turn in self._running

    def leave(self, turn: Turn) -> None:
        """Give the slot back, or stop waiting for one."""
        if turn in self._running:
            self._running.remove(turn)
        else:
            self._waiting.remove(turn)
            heapq.heapify(self._waiting)
        self._fill()

    def _fill(self) -> None:
        while self._waiting and len(self._running) < self._slots:
            self._running.add(heapq.heappop(self._waiting))
