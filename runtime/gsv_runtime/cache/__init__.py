"""Nothing is computed twice: memory, Redis and disk behind one interface.

`open_cache(...)` gives a `Cache`; `cache.get(Key(kind, digest))` an `Entry` or None; `cache.put(key, entry)` keeps one.
"""

from gsv_runtime.cache.entry import CorruptEntry, Entry, Key
from gsv_runtime.cache.opening import open_cache
from gsv_runtime.cache.tiers import Cache

__all__ = ["Cache", "CorruptEntry", "Entry", "Key", "open_cache"]
