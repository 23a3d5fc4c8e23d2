"""Which sequence holds which slot of the cache. Pure.

The engine runs slots 0 to n - 1 in one batch, so holes cost work: the lowest free slot is given out first, and
what holes remain are closed by moving the highest sequence down.
"""

from __future__ import annotations

import heapq
from collections.abc import Container
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Move:
    """Copy one slot to another that is free."""

    source: int
    target: int
    sequence_id: int = field(compare=False, default=0)  # whose slot it is


class SlotTable:
    """Slots 0 to `count` - 1, each free or held by a sequence id."""

    def __init__(self, count: int) -> None:
        self._holder: dict[int, int] = {}
        self._free = list(range(count))

    @property
    def num_free(self) -> int:
        """Slots that `take` could still give."""
        return len(self._free)

    @property
    def span(self) -> int:
        """One more than the highest slot held; 0 when none is."""
        return max(self._holder, default=-1) + 1

    def holder(self, slot: int) -> int | None:
        """Sequence that holds `slot`."""
        return self._holder.get(slot)

    def take(self, sequence_id: int) -> int:
        """Give the lowest free slot to a sequence; the caller has looked at `num_free`."""
        slot = heapq.heappop(self._free)
        self._holder[slot] = sequence_id
        return slot

    def make_room(self, others: Container[int]) -> Move | None:
        """Free the lowest slot that none of `others` holds: who holds it moves to a free one. None if it is free."""
        slot = next(slot for slot in range(self.span + 1) if self._holder.get(slot) not in others)
        return self._move(slot) if slot in self._holder else None

    def release(self, slot: int) -> None:
        """Free a slot that is held."""
        del self._holder[slot]
        heapq.heappush(self._free, slot)

    def close_hole(self) -> Move | None:
        """Move the highest sequence into the lowest hole below it; None when there is no such hole."""
        if not self._holder or not self._free or self._free[0] > self.span - 1:
            return None
        return self._move(self.span - 1)

    def _move(self, source: int) -> Move:
        moved = self._holder[source]
        move = Move(source, self.take(moved), moved)
        self.release(source)
        return move
