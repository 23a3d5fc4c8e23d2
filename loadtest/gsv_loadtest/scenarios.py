"""The scenarios: who comes, what they want to hear, and how they behave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gsv_loadtest.shapes import spike, steady
from gsv_loadtest.utterances import TextKind


@dataclass(frozen=True)
class Scenario:
    """One kind of load.

    Attributes:
        summary: What it is like.
        kinds: Share of each kind of text.
        think_s: Shortest and longest pause of a user between two requests, in seconds.
        give_up: Share of listeners who leave before the end.
        users_at: (users asked for, seconds since the start, duration in seconds) to users present.
        open_loop: Whether it is meant for arrivals at a rate; any scenario becomes so where a rate is given.
        voices: How many voices take part; 0 is all that are registered.
        crowd: Listeners who come together when it begins, in an open loop: what a server keeps of its peak, such as
            threads, is no growth after that. A tenth of the time is warm-up then.
    """

    summary: str
    kinds: Mapping[TextKind, float] = field(default_factory=lambda: {"short": 1.0})
    think_s: tuple[float, float] = (0.0, 0.0)
    give_up: float = 0.0
    users_at: Callable[[int, float, float], int] = steady
    open_loop: bool = False
    voices: int = 0
    crowd: int = 0


SCENARIOS: Mapping[str, Scenario] = {
    "short": Scenario("users in conversation: one short sentence, a pause, the next", think_s=(0.5, 1.5), voices=1),
    "long": Scenario("users who have a page read to them, one after the other", kinds={"long": 1.0}, voices=1),
    "mixed": Scenario("short and long texts in every voice, without pause", kinds={"short": 0.8, "long": 0.2}),
    "concurrent": Scenario("one or three sentences in every voice, without pause", kinds={"short": 0.5, "medium": 0.5}),
    "spike": Scenario(
        "short, in every voice, and four times as many users in the middle third", think_s=(0.5, 1.5), users_at=spike
    ),
    "arrivals": Scenario("short sentences by listeners who arrive at random and wait for nobody", open_loop=True),
    "soak": Scenario(
        "texts of every length at random arrivals, for long; one listener in five leaves early",
        kinds={"short": 0.65, "medium": 0.3, "long": 0.05},
        give_up=0.2,
        open_loop=True,
        crowd=64,  # as many as a server has places for
    ),
}
