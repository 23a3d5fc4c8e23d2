"""How many answers may be spoken at once: over all callers, for a key, and for one caller while others ask.

Only the servers know how many they speak at once; a gateway learns it when it is refused.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gsv_gateway.access import Caller
from gsv_gateway.problems import RequestRefused
from gsv_gateway.settings import Limits

SHARE_TAKEN = "share_taken"

_RETRY_AFTER_S = 1.0
_ASKS_S = 60.0  # how long a caller who asked counts as one who wants to be heard
_BUSY_S = 10.0  # how long a server that was too slow for more counts as full


class StreamLimit:
    """Counts streams in and out.

    Args:
        limits: How many over all, and which part of them one caller may have.
        clock: Seconds that only grow.

    Attributes:
        active: Streams that were let in and have not ended.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._by_party: Counter[str] = Counter()
        self._asked_s: dict[str, float] = {}  # when the two parties asked that asked last
        self._spoken_at_once = limits.streams  # as far as the servers have told
        self._busy_with, self._busy_s = 0, float("-inf")
        self.active = 0

    @contextmanager
    def taken(self, caller: Caller) -> Iterator[None]:
        """Hold one stream.

        Raises:
            RequestRefused: 503 where the gateway is full, 429 where the caller has as many as it may.
        """
        party = caller.party
        self._note_asker(party)
        self._check(caller, self._by_party[party])
        self.active += 1
        self._by_party[party] += 1
        try:
            yield
        finally:
            self.active -= 1
            self._by_party[party] -= 1
            if not self._by_party[party]:
                del self._by_party[party]

    def note_refusal(self, spoken_at_once: int | None) -> None:
        """The servers had no room for one more.

        Args:
            spoken_at_once: How many they speak at once; None where they were too slow for more than there are.
        """
        if spoken_at_once is None:
            self._busy_with, self._busy_s = self.active, self._clock()
        else:
            self._spoken_at_once = min(spoken_at_once, self._limits.streams)

    def is_half_taken(self) -> bool:
        """Whether half of what the servers speak at once is being spoken; one answer alone is in nobody's way."""
        return self.active > 1 and 2 * self.active >= self._spoken_at_once

    def most_of(self, party: str) -> int:
        """How many streams one party may have now."""
        now_s = self._clock()
        if all(each == party or now_s - asked_s > _ASKS_S for each, asked_s in self._asked_s.items()):
            return self._limits.streams
        at_once = self._spoken_at_once
        if now_s - self._busy_s <= _BUSY_S:
            at_once = min(at_once, self._busy_with)
        return max(1, int(self._limits.share * at_once))

    def _note_asker(self, party: str) -> None:
        self._asked_s.pop(party, None)
        self._asked_s[party] = self._clock()
        while len(self._asked_s) > 2:
            del self._asked_s[next(iter(self._asked_s))]

    def _check(self, caller: Caller, held: int) -> None:
        if self.active >= self._limits.streams:
            message = f"{self.active} answers are being spoken and no more may be; try again"
            raise RequestRefused(503, message, code="server_busy", retry_after_s=_RETRY_AFTER_S)
        if caller.streams and held >= caller.streams:
            message = f"this key may have {caller.streams} answers at once; wait for one to end"
            raise RequestRefused(429, message, code="too_many_streams", retry_after_s=_RETRY_AFTER_S)
        if self._limits.share < 1 and held >= (most := self.most_of(caller.party)):
            whose = "this key" if caller.key_id else "this address"
            message = f"{whose} may have {most} answers at once while others ask; wait for one to end"
            raise RequestRefused(429, message, code=SHARE_TAKEN, retry_after_s=_RETRY_AFTER_S)
