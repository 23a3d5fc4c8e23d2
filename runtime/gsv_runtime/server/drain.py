"""`python -m gsv_runtime.server.drain`: return when this server speaks for nobody, or when time is up.

A container's preStop calls it, so that streams end before Triton is told to stop: Triton itself ends five seconds
after SIGTERM. Whoever sends requests must have been told to send no more.
"""

from __future__ import annotations

import argparse
import logging
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable

METRICS = "http://127.0.0.1:8002/metrics"
_QUIET_LOOKS = 3  # in a row without a stream: a request may just be on its way
_EVERY_S = 0.5
_STREAMS = re.compile(r"^gsv_streams(?:\{[^}]*\})? (\S+)$", re.MULTILINE)

logger = logging.getLogger("gsv.server")


def streams_at(url: str = METRICS) -> float | None:
    """Requests that a server answers now; None where it does not say."""
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            found = _STREAMS.findall(reply.read().decode())
    except (OSError, urllib.error.URLError, ValueError):
        return None
    return sum(map(float, found)) if found else None


def drained(
    limit_s: float,
    streams: Callable[[], float | None] = streams_at,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Wait until nobody is spoken for.

    Args:
        limit_s: longest wait.
        streams: how many are; None ends the wait, since a server that is gone has none.
        sleep: between two looks.
        clock: of seconds.

    Returns:
        Whether all have ended.
    """
    until_s, quiet = clock() + limit_s, 0
    while quiet < _QUIET_LOOKS:
        now = streams()
        if now is None:
            return True
        quiet = quiet + 1 if now == 0 else 0
        if clock() >= until_s and quiet < _QUIET_LOOKS:
            logger.warning("streams are cut off streams=%d after_s=%g", now, limit_s)
            return False
        sleep(_EVERY_S)
    return True


def main(argv: list[str] | None = None) -> int:
    """Wait; exit status 0 either way, because the container stops in any case."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    parser = argparse.ArgumentParser(prog="gsv_runtime.server.drain", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="longest wait")
    parser.add_argument("--metrics", default=METRICS, help="where the server tells its figures")
    arguments = parser.parse_args(argv)
    drained(arguments.seconds, lambda: streams_at(arguments.metrics))
    return 0


if __name__ == "__main__":
    sys.exit(main())
