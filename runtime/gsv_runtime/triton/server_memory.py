"""How much memory tritonserver, the parent of a model's process, has taken since that began."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from gsv_runtime.server.model_processes import resident_bytes

MUCH_BYTES = 512 * 2**20  # it keeps what its clients do not read, and says nothing of that to a model
_LOOK_EVERY_S = 0.25


class ServerMemory:
    """Whether it is short; asking often costs nothing."""

    def __init__(
        self,
        resident: Callable[[], int] = lambda: resident_bytes(os.getppid()),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what it has now for what it needs."""
        self._resident = resident
        self._clock = clock
        self._at_start = resident()
        self._looked_s = clock()
        self._is_short = False

    def is_short(self) -> bool:
        """Whether it has taken much since."""
        now_s = self._clock()
        if now_s - self._looked_s >= _LOOK_EVERY_S:
            self._looked_s = now_s
            self._is_short = self._resident() - self._at_start > MUCH_BYTES
        return self._is_short
