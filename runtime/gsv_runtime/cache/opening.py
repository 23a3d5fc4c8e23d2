"""From settings to a cache."""

from __future__ import annotations

from gsv_runtime.cache.disk import DiskLevel
from gsv_runtime.cache.levels import Level
from gsv_runtime.cache.memory import Memory, MemoryLevel
from gsv_runtime.cache.tiers import Cache
from gsv_runtime.metrics import Metrics


def open_cache(
    memory_bytes: int = 0,
    directory: str = "",
    disk_bytes: int = 0,
    redis_url: str = "",
    ttl_s: float = 86_400.0,
    metrics: Metrics | None = None,
) -> Cache:
    """Open the levels that are asked for. A Redis or a folder that is not there yet is no failure: it is asked later.

    Args:
        memory_bytes: bound of the first level; 0 is none.
        directory: the third level's folder, made if need be; empty is none.
        disk_bytes: its bound; 0 is none.
        redis_url: the second level, such as redis://host:6379/0; empty is none.
        ttl_s: how long Redis keeps an entry, in seconds.
        metrics: where `metrics.CACHE_METRICS` go.

    Raises:
        ValueError: `redis_url` is no URL of a Redis, or `ttl_s` is not above 0.
    """
    levels: list[Level] = []
    if memory_bytes > 0:
        levels.append(MemoryLevel(Memory(memory_bytes, metrics)))
    if redis_url:
        from gsv_runtime.cache.redis_level import RedisLevel  # 0.2 s that nobody pays who does not use it

        levels.append(RedisLevel(redis_url, ttl_s, metrics))
    if directory and disk_bytes > 0:
        levels.append(DiskLevel(directory, disk_bytes, metrics))
    return Cache(levels, metrics)
