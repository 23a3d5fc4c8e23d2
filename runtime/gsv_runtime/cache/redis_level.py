"""The second level: a Redis that servers share. It may be absent, slow, full or wrong at any time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from gsv_runtime.cache.breaker import Breaker
from gsv_runtime.cache.entry import CorruptEntry, Entry, Key, parse, serialise
from gsv_runtime.cache.levels import LevelFailed
from gsv_runtime.contract import REDIS
from gsv_runtime.metrics import Metrics, NoMetrics

_TIMEOUT_S = 0.05
_SLOW = 4  # timeouts; an answer that dribbles in for longer is used, and then Redis is left alone for a while
_MAX_VALUE_BYTES = 16 << 20  # over two minutes of float32 at 32 kHz
_MAX_CONNECTIONS = 256  # far more than streams of a server


class RedisLevel:
    """See `levels.Level`. A request waits for one timeout at most, and none does while the breaker is open."""

    name = REDIS

    def __init__(
        self,
        url: str,
        ttl_s: float,
        metrics: Metrics | None = None,
        *,
        timeout_s: float = _TIMEOUT_S,
        max_value_bytes: int = _MAX_VALUE_BYTES,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to use the Redis at `url`; nothing is connected yet.

        Args:
            url: redis://, rediss:// or unix://; may hold a password and a database.
            ttl_s: how long Redis keeps an entry, in seconds.
            metrics: where the breaker's state goes.
            timeout_s: of connecting, of sending, and between the parts of an answer, each. Looking up a host's name
                has no timeout: name Redis by its address where the name server may hang.
            max_value_bytes: bigger entries are not kept.
            breaker: says when to ask again after a failure.
            clock: seconds; says how long an answer took.

        Raises:
            ValueError: the URL is none of a Redis, or the time to live is not above 0.
        """
        if ttl_s <= 0:
            raise ValueError(f"ttl_s is {ttl_s}; need above 0")
        self._ttl_ms = max(1, int(1000 * ttl_s))
        self._max_value_bytes = max_value_bytes
        self._metrics = metrics or NoMetrics()
        self._breaker = breaker or Breaker(time.monotonic)
        self._clock, self._slow_s = clock, _SLOW * timeout_s
        self._told_open = False
        # RESP2 without a name of the library: a new connection sends nothing that is not needed.
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            max_connections=_MAX_CONNECTIONS,
            decode_responses=False,
            protocol=2,
            driver_info=None,
        )

    def get(self, key: Key) -> Entry | None:
        """The entry, or None; what is no entry is deleted.

        Raises:
            LevelFailed: Redis did not answer in time, refused, or is not asked now.
            CorruptEntry: what was there is no entry of this key.
        """
        name = _name(key)
        try:
            # One byte more than an entry may have: garbage of any size is read no further, and its checksum fails.
            data: bytes = self._ask(lambda: self._client.getrange(name, 0, self._max_value_bytes))
            return parse(key, data) if data else None
        except CorruptEntry:
            with suppress(LevelFailed):
                self._ask(lambda: self._client.delete(name))
            raise

    def put(self, key: Key, entry: Entry) -> None:
        """Keep the entry for a while; one bigger than the bound is not kept.

        Raises:
            LevelFailed: Redis did not answer in time, is full, refused, or is not asked now.
        """
        if entry.nbytes > self._max_value_bytes:
            return
        self._ask(lambda: self._client.set(_name(key), serialise(key, entry), px=self._ttl_ms))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, command: Callable[[], Any]) -> Any:
        if not self._breaker.allows():
            raise LevelFailed("Redis failed or was slow; it is asked again later")
        started = self._clock()
        try:
            answer = command()
        except redis.ResponseError as refusal:  # full, read-only, of another type: it is there, and answers
            self._breaker.succeeded()
            if str(refusal).startswith("WRONGTYPE"):
                raise CorruptEntry(f"Redis: {refusal}") from None
            raise LevelFailed(f"{type(refusal).__name__}: {refusal}") from refusal
        except Exception as failure:  # of whatever kind: what answers may be no Redis
            self._breaker.failed()
            self._client.connection_pool.disconnect(inuse_connections=False)
            raise LevelFailed(f"{type(failure).__name__}: {failure}") from failure
        else:
            slow = self._clock() - started > self._slow_s
            (self._breaker.failed if slow else self._breaker.succeeded)()
            return answer
        finally:
            if self._told_open != self._breaker.is_open:
                self._told_open = not self._told_open
                self._metrics.set("gsv_cache_breaker_open", float(self._told_open), level=self.name)


def _name(key: Key) -> str:
    return f"gsv:{key.kind}:{key.digest}"
