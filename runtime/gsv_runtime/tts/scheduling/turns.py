"""Whose stage call is next: a fixed number of slots, given to who needs it first. Pure: no thread, no clock.

Every call says when its audio is due, which is when its listener will have heard all that was sent before. So a
stream that has nothing yet goes before one that is seconds ahead of playback, and a short request does not wait for
the rest of a long one. Work for nobody in particular (`BATCH_SLACK_S`) is due later, but is due: it is not starved.
Slots that are held for a whole sentence may be kept for those who have heard nothing: they do not wait for one to end.
"""

from __future__ import annotations

from dataclasses import dataclass, field

BATCH_SLACK_S = 30.0  # how long a batch request lets interactive ones go first


@dataclass(frozen=True, order=True)
class Turn:
    """A call that waits for a slot or has one; the order is that in which slots are given."""

    due_s: float
    number: int  # of arrival
    is_unheard: bool = field(default=False, compare=False)  # its listener has heard nothing yet


class TurnQueue:
    """Places, who has them, and who waits."""

    def __init__(self, slots: int, kept: int = 0) -> None:
        """Give out `slots`, of which `kept` only to those who have heard nothing."""
        self._slots = slots
        self._kept = kept
        self._waiting: list[Turn] = []
        self._running: set[Turn] = set()
        self._num_owed = 0  # places that streams get before the next newcomer who is due later
        self._arrived = 0

    def join(self, due_s: float, is_unheard: bool = False) -> Turn:
        """Ask for a slot; `due_s` is on the same clock for all."""
        turn = Turn(due_s, self._arrived, is_unheard)
        self._arrived += 1
        self._waiting.append(turn)
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
        self._fill()

    def _fill(self) -> None:
        while (turn := self._next()) is not None:
            self._waiting.remove(turn)
            self._running.add(turn)

    def _next(self) -> Turn | None:
        """Who has heard nothing may have any place, others all but those that are kept; who is due first has it.

        The last places that are free wait for newcomers, even for such as are due later than a stream. Yet streams get
        half of all places first, and as many as are kept after each newcomer who went before them: no flow of newcomers
        silences them.
        """
        num_free = self._slots - len(self._running)
        if num_free <= 0:
            return None
        num_streams = sum(not turn.is_unheard for turn in self._running)
        is_for_all = num_streams < self._slots - self._kept
        newcomer = min((turn for turn in self._waiting if turn.is_unheard), default=None)
        stream = min((turn for turn in self._waiting if not turn.is_unheard), default=None) if is_for_all else None
        if stream is None or (newcomer is not None and newcomer < stream):
            return newcomer
        if num_free > self._kept or num_streams < self._slots // 2 or self._num_owed > 0:
            self._num_owed = max(self._num_owed - 1, 0)
            return stream
        self._num_owed = self._kept if newcomer is not None else 0
        return newcomer
