"""How many answers may be spoken at once, over all callers and for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from gsv_gateway.access import Caller
from gsv_gateway.problems import RequestRefused

_RETRY_AFTER_S = 1.0


class StreamLimit:
    """Counts streams in and out."""

    def __init__(self, streams: int) -> None:
        self._streams = streams
        self._by_key: Counter[str] = Counter()
        self.active = 0

    @contextmanager
    def taken(self, caller: Caller) -> Iterator[None]:
        """Hold one stream.

        Raises:
            RequestRefused: 503 where the gateway is full, 429 where the key has as many as it may.
        """
        if self.active >= self._streams:
            message = f"{self.active} answers are being spoken and no more may be; try again"
            raise RequestRefused(503, message, code="server_busy", retry_after_s=_RETRY_AFTER_S)
        if caller.streams and self._by_key[caller.key_id] >= caller.streams:
            message = f"this key may have {caller.streams} answers at once; wait for one to end"
            raise RequestRefused(429, message, code="too_many_streams", retry_after_s=_RETRY_AFTER_S)
        self.active += 1
        self._by_key[caller.key_id] += 1
        try:
            yield
        finally:
            self.active -= 1
            self._by_key[caller.key_id] -= 1
            if not self._by_key[caller.key_id]:
                del self._by_key[caller.key_id]
