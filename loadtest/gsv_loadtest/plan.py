"""How many servers so many listeners need: the highest rate that a server bears in a fleet that has lost one. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from gsv_loadtest.capacity import Probe, bracket, highest_rate
from gsv_loadtest.fleet import Fleet, Happened, MachineCurve, simulate

_LEAST_REQUESTS = 2000  # that a probe simulates
_LONGEST_S = 600.0


@dataclass(frozen=True)
class Needs:
    """What listeners are promised.

    Attributes:
        listeners: Who hear speech at the same time, and ask again when they have heard all.
        audio_s: Lengths of speech, each as likely as another.
        hit_rate: Share of requests that the cache answers.
        first_audio_s: 95 % of those that a server computes begin within it.
        gap_share: So many of them may hear a gap.
        refused_share: So many may be refused.
        machines_per_loss: Of so many machines one is lost, and the rest must do.
    """

    listeners: int
    audio_s: Sequence[float]
    hit_rate: float = 0.0
    first_audio_s: float = 0.5
    gap_share: float = 0.01
    refused_share: float = 0.001
    machines_per_loss: int = 16

    @property
    def requests_per_s(self) -> float:
        """Requests of all listeners together."""
        return self.listeners * len(self.audio_s) / sum(self.audio_s)


@dataclass(frozen=True)
class FleetPlan:
    """An answer.

    Attributes:
        machines: How many are needed, those that may be lost included.
        requests_per_s: That arrive at all of them, hits included.
        requests_per_machine_s: That a machine of a whole fleet gets, hits included.
        listeners_per_machine: That a machine serves; they hear hits as well.
        found: What the simulation saw at that rate.
    """

    machines: int
    requests_per_s: float
    requests_per_machine_s: float
    listeners_per_machine: float
    found: str


def plan(curve: MachineCurve, needs: Needs, seed: int = 1) -> FleetPlan:
    """Find how many machines are needed.

    Args:
        curve: Of one machine, with one server.
        needs: What is promised, and to how many.
        seed: Of the simulated arrivals.

    Raises:
        ValueError: a machine bears nothing by these needs.
    """
    fleet = Fleet(curve, needs.machines_per_loss, 1.0, needs.audio_s, hit_rate=needs.hit_rate)

    def probe(rate_per_s: float) -> Probe:
        lasting_s = min(_LONGEST_S, max(20.0, _LEAST_REQUESTS / rate_per_s))
        happened = simulate(replace(fleet, rate_per_s=rate_per_s, duration_s=lasting_s, loss_at_s=0.0), seed)
        return Probe(rate_per_s, is_kept(happened, needs), told(happened))

    probes = highest_rate(probe, needs.machines_per_loss * 4.0, precision=0.03)
    borne, _ = bracket(probes)
    if borne is None:
        raise ValueError("a machine bears nothing by these needs; allow a later first sound, or measure a faster one")
    per_machine = borne / needs.machines_per_loss
    return FleetPlan(
        machines=math.ceil(needs.requests_per_s / per_machine),
        requests_per_s=round(needs.requests_per_s, 1),
        requests_per_machine_s=round(per_machine, 2),
        listeners_per_machine=round(needs.listeners * per_machine / needs.requests_per_s, 1),
        found=next(each.found for each in probes if each.rate_per_s == borne),
    )


def is_kept(happened: Happened, needs: Needs) -> bool:
    """Whether what happened keeps the promises."""
    computed = len(happened.first_audio_s)
    in_time = sum(wait_s <= needs.first_audio_s for wait_s in happened.first_audio_s)
    return (
        in_time >= 0.95 * computed
        and happened.gaps <= needs.gap_share * computed
        and happened.refused <= needs.refused_share * happened.asked
    )


def told(happened: Happened) -> str:
    """What happened, in a line."""
    waits = happened.first_audio_percentiles
    late = "nothing computed" if waits is None else f"first audio p95 {waits['p95']:.2f} s"
    return f"{happened.asked} asked, {happened.hits} hits, {happened.refused} refused, {happened.gaps} gaps, {late}"


def as_json(found: FleetPlan, needs: Needs) -> dict[str, object]:
    """A plan beside what it was made for; of the lengths of speech the mean."""
    mean_s = round(sum(needs.audio_s) / len(needs.audio_s), 2)
    return {**asdict(found), "needs": {**asdict(needs), "audio_s": mean_s}}
