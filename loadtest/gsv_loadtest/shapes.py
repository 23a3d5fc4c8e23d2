"""When listeners come: a number of users over time, or arrivals that wait for nobody. Pure."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

SPIKE = 4  # times as many users in the middle third


def steady(users: int, at_s: float, duration_s: float) -> int:
    """Users present at a time: always the same."""
    return users


def spike(users: int, at_s: float, duration_s: float) -> int:
    """Users present at a time: `SPIKE` times as many in the middle third."""
    return users * SPIKE if duration_s / 3 <= at_s < 2 * duration_s / 3 else users


def poisson_arrivals(rate_per_s: float, duration_s: float, seed: int, crowd: int = 0) -> Iterator[float]:
    """Times of arrival of listeners who know nothing of each other or of the server.

    Args:
        rate_per_s: Arrivals per second, in the mean.
        duration_s: When the last may come.
        seed: The same seed gives the same times.
        crowd: So many more come together, before all others.

    Yields:
        Seconds from the start, ascending.
    """
    yield from itertools.repeat(0.0, crowd)
    rng = random.Random(seed)
    at_s = rng.expovariate(rate_per_s)
    while at_s < duration_s:
        yield at_s
        at_s += rng.expovariate(rate_per_s)
