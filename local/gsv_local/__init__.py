"""gsv-triton on one device: the same speech without a server, from one file.

>>> import gsv_local
>>> with gsv_local.open_client("voice.gsv") as client:                          # doctest: +SKIP
...     client.synthesize("Hello there.", voice="demo").save("hello.wav")
"""

from __future__ import annotations

from gsv_local.bundle import Bundle, BundleUnreadable, open_bundle
from gsv_local.clients import open_client
from gsv_local.engine import LocalEngine

__all__ = ["Bundle", "BundleUnreadable", "LocalEngine", "open_bundle", "open_client"]
