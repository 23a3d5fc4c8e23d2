"""One load: what its listeners ask for, how they are counted, and what became of them."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from gsv_loadtest.listener import Listener
from gsv_loadtest.outcome import Outcome
from gsv_loadtest.scenarios import Scenario
from gsv_loadtest.server_watch import Sample
from gsv_loadtest.utterances import Utterance, drawn

_LEAVES_AFTER_S = (0.02, 0.5)  # before the first audio or soon after it: later, short speech is over


@dataclass(frozen=True)
class Plan:
    """What to do to a server.

    Attributes:
        scenario: The kind of load.
        users: Closed loop: how many listeners, each of whom asks again when it has heard all.
        rate_per_s: Open loop, if given: arrivals per second, whatever became of those before.
        duration_s: How long listeners come, warm-up included.
        warm_up_s: What is due in so many first seconds does not count.
        patience_s: How long those still listening at the end are waited for.
        seed: The same seed gives the same arrivals, texts, voices and departures.
    """

    scenario: Scenario
    users: int
    rate_per_s: float | None
    duration_s: float
    warm_up_s: float
    patience_s: float = 60.0
    seed: int = 1


@dataclass(frozen=True)
class Result:
    """What came of a plan: outcomes after the warm-up, samples of the server, machine load, Locust's own page."""

    plan: Plan
    outcomes: list[Outcome]
    samples: list[Sample]
    load_average: float
    locust_html: str


@dataclass
class Load:
    """A load under way; Locust's users share it.

    Attributes:
        plan: What to do.
        listeners: One for each protocol, taken in turn.
        utterances: What to draw from.
        heard: Called with each outcome.
        outcomes: Those so far, warm-up included.
        running: Listeners at it now.
    """

    plan: Plan
    listeners: list[Listener]
    utterances: list[Utterance]
    heard: Callable[[Outcome], None] = lambda outcome: None
    outcomes: list[Outcome] = field(default_factory=list)
    running: int = 0
    began_s: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        weights = self.plan.scenario.kinds
        self._drawn: Iterator[Utterance] = drawn(self.utterances, weights, self.plan.seed)
        self._turns = itertools.cycle(self.listeners)
        self._rng = random.Random(self.plan.seed + 1)
        for listener in self.listeners:
            listener.began_s = self.began_s

    @property
    def now_s(self) -> float:
        """Seconds since the load began."""
        return time.perf_counter() - self.began_s

    def think_s(self) -> float:
        """A pause of a user between two requests."""
        return self._rng.uniform(*self.plan.scenario.think_s)

    def listen(self, due_s: float | None = None) -> Outcome:
        """One listener comes, hears the next utterance, and is counted.

        Args:
            due_s: When the request was due; now, if left out.
        """
        gives_up = self._rng.random() < self.plan.scenario.give_up
        leaves_after_s = self._rng.uniform(*_LEAVES_AFTER_S) if gives_up else None
        self.running += 1
        try:
            due_s = self.now_s if due_s is None else due_s
            outcome = next(self._turns).hear(next(self._drawn), due_s, leaves_after_s)
        finally:
            self.running -= 1
        self.outcomes.append(outcome)
        self.heard(outcome)
        return outcome

    def counted(self) -> list[Outcome]:
        """Outcomes of what was due after the warm-up."""
        return [outcome for outcome in self.outcomes if outcome.due_s >= self.plan.warm_up_s]

    def tally(self) -> Counter[str]:
        """How many of each kind, warm-up included."""
        return Counter("failed" if outcome.failed else outcome.kind for outcome in self.outcomes)
