"""Values that are computed once: looked for in the cache, and made by one of those who want them at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from gsv_runtime.cache.entry import Entry, Key
from gsv_runtime.cache.tiers import Cache
from gsv_runtime.metrics import Metrics
from gsv_runtime.tts.reuse.single_flight import Abandoned, SingleFlight, SingleFlights

T = TypeVar("T")


class ComputeOnce:
    """What all requests share."""

    def __init__(self, cache: Cache, metrics: Metrics) -> None:
        self._cache = cache
        self._metrics = metrics
        self._flights: SingleFlights[Any] = SingleFlights()

    @property
    def num_following(self) -> int:
        """Callers that wait for what another one computes."""
        return self._flights.num_following

    def get(
        self,
        key: Key,
        compute: Callable[[], T],
        pack: Callable[[T, float], Entry],
        unpack: Callable[[Entry], T],
        check: Callable[[], None],
    ) -> T:
        """A value.

        Args:
            key: of everything that it depends on.
            compute: makes it.
            pack: makes it an entry, with the seconds that it took as the fact `compute_s`.
            unpack: makes an entry the value again.
            check: raises to stop waiting for another caller that makes it.

        Raises:
            Exception: what `compute` or `check` raised.
        """
        failures = 0
        while True:
            flight, leads = self._flights.join(key, failures=failures)
            if leads:
                return self._lead(flight, key, compute, pack, unpack)
            try:
                return next(flight.follow(0, check))
            except Abandoned:
                failures = flight.failures

    def _lead(
        self,
        flight: SingleFlight[Any],
        key: Key,
        compute: Callable[[], T],
        pack: Callable[[T, float], Entry],
        unpack: Callable[[Entry], T],
    ) -> T:
        try:
            entry = self._cache.get(key)
            if entry is None:
                began_s = time.perf_counter()
                value = compute()
                self._cache.put(key, pack(value, time.perf_counter() - began_s))
            else:
                value = unpack(entry)
                self._metrics.add("gsv_cache_saved_seconds_total", float(entry.facts["compute_s"]), kind=key.kind)
            flight.publish(value)
            flight.finish()
        except BaseException as failure:
            flight.fail(failure)
            raise
        return value
