"""The highest rate of arrivals that a server bears, by bracketing and bisection. Pure: others do the probing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gsv_loadtest.outcome import CANCELLED, Outcome
from gsv_loadtest.summary import started_within


@dataclass(frozen=True)
class Bar:
    """What a server must keep to at a rate.

    Attributes:
        ttfa_s: Time to first audio, counted from when the request was due.
        share: Of the requests that must start within it.
        underrun_s: Longest wait in the middle of speech that nobody notices.
        least: So many requests must have been asked; fewer show nothing.
    """

    ttfa_s: float
    share: float = 0.95
    underrun_s: float = 0.02
    least: int = 10

    def duration_s(self, rate_per_s: float, warm_up_s: float) -> float:
        """Time in which three times the least number of requests is due, in the mean."""
        return warm_up_s + 3 * self.least / rate_per_s


@dataclass(frozen=True)
class Probe:
    """What came of one rate: whether it was borne and, in a word, how."""

    rate_per_s: float
    borne: bool
    found: str


def judge(rate_per_s: float, outcomes: Sequence[Outcome], bar: Bar) -> Probe:
    """Whether the outcomes keep to the bar; too few of them do not."""
    asked = [outcome for outcome in outcomes if outcome.kind != CANCELLED]
    share = started_within(asked, bar.ttfa_s)
    interrupted = sum(max(outcome.underruns_s, default=0.0) > bar.underrun_s for outcome in asked)
    failed = sum(outcome.failed for outcome in outcomes)
    found = f"{100 * share:.0f} % of {len(asked)} started in time, {interrupted} underran, {failed} failed"
    return Probe(rate_per_s, len(asked) >= bar.least and share >= bar.share and not interrupted and not failed, found)


def highest_rate(
    probe: Callable[[float], Probe], first_per_s: float, lowest_per_s: float = 0.05, precision: float = 0.1
) -> list[Probe]:
    """Doubles or halves the rate until one is borne and one is not, then halves the gap.

    Args:
        probe: Loads the server at a rate.
        first_per_s: Where to begin.
        lowest_per_s: Where to give up: a server that does not bear this bears nothing worth the time.
        precision: Ends when the gap is less than this share of the rate.

    Returns:
        All probes, in order.
    """
    probes: list[Probe] = []
    rate_per_s = first_per_s
    while rate_per_s >= lowest_per_s:
        probes.append(probe(rate_per_s))
        borne, not_borne = bracket(probes)
        if not_borne is None:
            rate_per_s = 2 * (borne or first_per_s)
        elif borne is None:
            rate_per_s = not_borne / 2
        elif not_borne - borne <= precision * borne:
            break
        else:
            rate_per_s = (borne + not_borne) / 2
    return probes


def bracket(probes: Sequence[Probe]) -> tuple[float | None, float | None]:
    """The lowest rate that was not borne, and the highest below it that was; None where there is none."""
    not_borne = min((probe.rate_per_s for probe in probes if not probe.borne), default=None)
    borne = max(
        (p.rate_per_s for p in probes if p.borne and (not_borne is None or p.rate_per_s < not_borne)), default=None
    )
    return borne, not_borne
