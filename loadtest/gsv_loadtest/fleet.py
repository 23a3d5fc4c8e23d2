"""A fleet of servers on paper: listeners arrive, are placed, share a machine, are refused, and lose a server. Pure.

What a machine does with n streams was measured in a closed loop (`MachineCurve`). The simulation makes of that what
happens when listeners arrive as they like. All streams of a machine share its speed alike; that is the model's main
assumption, and docs/capacity.md holds it against real runs.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gsv_loadtest.shapes import poisson_arrivals
from gsv_loadtest.summary import percentiles

_P95_SIGMAS = 1.645


@dataclass(frozen=True)
class MachineCurve:
    """What a machine does with so many streams at once.

    Attributes:
        streams: Streams at once, ascending.
        audio_s_per_s: Seconds of speech that all of them get in a second.
        first_audio_p50_s: Median wait for the first sound.
        first_audio_p95_s: The same, of 95 %.
        gap_share: Share of the streams that heard a gap.
    """

    streams: Sequence[float]
    audio_s_per_s: Sequence[float]
    first_audio_p50_s: Sequence[float]
    first_audio_p95_s: Sequence[float]
    gap_share: Sequence[float]

    @classmethod
    def measured(cls, closed_loops: Mapping[str, Any]) -> MachineCurve:
        """Read figures whose names are "closed loop, 10 streams", as docs/benchmarks/gpu-h100.json has them.

        Raises:
            ValueError: there is none.
        """
        found = {int(name.split()[2]): each for name, each in closed_loops.items() if name.startswith("closed loop, ")}
        if not found:
            raise ValueError('there is no figure named "closed loop, … streams"; measure some first')
        loops = [found[streams] for streams in sorted(found)]
        return cls(
            tuple(sorted(found)),
            tuple(each["audio_s_per_s"] for each in loops),
            tuple(each["first_audio_s"]["p50"] for each in loops),
            tuple(each["first_audio_s"]["p95"] for each in loops),
            tuple(each["streams_with_underrun"] / each["whole"] for each in loops),
        )

    def speed(self, streams: int) -> float:
        """Seconds of speech a second with so many streams, between what was measured; beyond it the last."""
        return float(np.interp(streams, self.streams, self.audio_s_per_s))

    def has_gap(self, streams: int, draws: random.Random) -> bool:
        """Whether a stream among so many hears a gap."""
        return draws.random() < float(np.interp(streams, self.streams, self.gap_share))

    def first_audio_s(self, streams: int, draws: random.Random) -> float:
        """A wait for the first sound, log-normal through both of its measured quantiles."""
        median = float(np.interp(streams, self.streams, self.first_audio_p50_s))
        spread = math.log(float(np.interp(streams, self.streams, self.first_audio_p95_s)) / median) / _P95_SIGMAS
        return median * math.exp(draws.gauss(0, max(spread, 0.0)))


@dataclass(frozen=True)
class Fleet:
    """Servers and their listeners.

    Attributes:
        curve: Of each machine.
        machines: How many there are.
        servers_per_machine: That share one machine's speed; more than one only where a real run had it so.
        rate_per_s: Requests that arrive at the whole fleet, at random.
        audio_s: Lengths of speech, each as likely as another.
        hit_rate: Share of requests that the cache answers and that cost a machine nothing.
        max_streams: That a server takes; others are refused.
        duration_s: How long listeners arrive.
        loss_at_s: When a server dies with its streams; None: never.
    """

    curve: MachineCurve
    machines: int
    rate_per_s: float
    audio_s: Sequence[float]
    servers_per_machine: int = 1
    hit_rate: float = 0.0
    max_streams: int = 64
    duration_s: float = 60.0
    loss_at_s: float | None = None


@dataclass
class Happened:
    """What became of the requests of a fleet; those that the cache answered are in `hits` only."""

    hits: int = 0
    refused: int = 0
    cut: int = 0
    first_audio_s: list[float] = field(default_factory=list)
    whole_s: list[float] = field(default_factory=list)
    gaps: int = 0  # streams that heard one
    audio_s: float = 0.0

    @property
    def asked(self) -> int:
        """All requests."""
        return self.hits + self.refused + len(self.first_audio_s)

    @property
    def first_audio_percentiles(self) -> dict[str, float] | None:
        """Of those that a machine computed; None where there were none."""
        return percentiles(self.first_audio_s)

    def figures(self) -> dict[str, object]:
        """As JSON."""
        waits = {"first_audio_s": self.first_audio_percentiles, "whole_s": percentiles(self.whole_s)}
        counts = {"hits": self.hits, "refused": self.refused, "cut": self.cut, "gaps": self.gaps}
        return {"asked": self.asked, **counts, **waits}


class _Machine:
    """Streams that share a machine alike: each has its end on a scale of speech that every stream has been given."""

    def __init__(self, curve: MachineCurve, servers: int) -> None:
        self.curve = curve
        self.streams = [0] * servers
        self.lost = [False] * servers
        self._given_s, self._now_s = 0.0, 0.0
        self._ends: list[tuple[float, int, int, float, float]] = []

    def begin(self, server: int, number: int, audio_s: float, at_s: float) -> None:
        self.streams[server] += 1
        heapq.heappush(self._ends, (self._given_s + audio_s, number, server, audio_s, at_s))

    def advance(self, until_s: float, happened: Happened) -> None:
        """Give streams their shares until a time; note those that end."""
        while self._ends:
            per_stream = self.curve.speed(len(self._ends)) / len(self._ends)
            end, _, server, audio_s, began_s = self._ends[0]
            ends_at_s = self._now_s + (end - self._given_s) / per_stream
            if ends_at_s > until_s:
                self._given_s += per_stream * (until_s - self._now_s)
                break
            heapq.heappop(self._ends)
            self._given_s, self._now_s = end, ends_at_s
            self.streams[server] -= 1
            happened.whole_s.append(ends_at_s - began_s)
            happened.audio_s += audio_s
        self._now_s = until_s if until_s < math.inf else self._now_s

    def lose(self, server: int) -> int:
        """End a server and its streams; how many those were."""
        kept = [each for each in self._ends if each[2] != server]
        cut, self._ends = len(self._ends) - len(kept), kept
        heapq.heapify(self._ends)
        self.streams[server], self.lost[server] = 0, True
        return cut


def simulate(fleet: Fleet, seed: int) -> Happened:
    """Let listeners arrive; each goes to the server with the fewest streams that lives.

    Args:
        fleet: Machines and listeners.
        seed: The same seed gives the same arrivals.
    """
    draws, happened = random.Random(f"fleet {seed}"), Happened()
    machines = [_Machine(fleet.curve, fleet.servers_per_machine) for _ in range(fleet.machines)]
    places = [(machine, server) for machine in machines for server in range(fleet.servers_per_machine)]
    loss_at_s = fleet.loss_at_s
    for number, at_s in enumerate(poisson_arrivals(fleet.rate_per_s, fleet.duration_s, seed)):
        if loss_at_s is not None and at_s >= loss_at_s:
            machines[0].advance(loss_at_s, happened)
            happened.cut += machines[0].lose(0)
            loss_at_s = None
        if draws.random() < fleet.hit_rate:
            happened.hits += 1
            continue
        for machine in machines:
            machine.advance(at_s, happened)
        living = [place for place in places if not place[0].lost[place[1]]]
        machine, server = min(living, key=lambda place: (place[0].streams[place[1]], draws.random()))
        if machine.streams[server] >= fleet.max_streams:
            happened.refused += 1
            continue
        machine.begin(server, number, draws.choice(fleet.audio_s), at_s)
        happened.first_audio_s.append(fleet.curve.first_audio_s(sum(machine.streams), draws))
        happened.gaps += fleet.curve.has_gap(sum(machine.streams), draws)
    for machine in machines:
        machine.advance(math.inf, happened)
    return happened
