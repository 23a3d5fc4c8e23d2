"""`python -m gsv_loadtest plan`: how many machines so many listeners need, from figures that were measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from gsv_loadtest import plots
from gsv_loadtest.fleet import Fleet, MachineCurve, simulate
from gsv_loadtest.plan import Needs, as_json, plan
from gsv_loadtest.summary import percentiles

_HIT_RATES = (0.0, 0.25, 0.5, 0.75, 0.9)
_CHECKED_S, _CHECKED_SEEDS = 5.0, 30  # as long as the measured loads took


@click.command("plan")
@click.option("--listeners", type=click.IntRange(min=1), default=1_000_000, show_default=True, help="At the same time.")
@click.option("--hit-rate", type=click.FloatRange(0, 0.99), default=0.0, show_default=True, help="Of the cache.")
@click.option("--first-audio", "first_audio_s", type=float, default=0.5, show_default=True, help="Seconds, for 95 %.")
@click.option(
    "--loss",
    "machines_per_loss",
    type=click.IntRange(min=2),
    default=16,
    show_default=True,
    help="Of so many machines one may be lost.",
)
@click.option("--audio", "lengths", default="1.9,2.4,2.9", show_default=True, help="Lengths of speech, in seconds.")
@click.option(
    "--figures",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=Path("docs/benchmarks/gpu-h100.json"),
    show_default=True,
    help='JSON with "closed loop, n streams" of one machine, below the key of --part.',
)
@click.option("--part", default="served", show_default=True)
@click.option("--plot", type=click.Path(path_type=Path), help="Picture to draw: the check, and machines by hit rate.")
def plan_command(
    listeners: int,
    hit_rate: float,
    first_audio_s: float,
    machines_per_loss: int,
    lengths: str,
    figures: Path,
    part: str,
    plot: Path | None,
) -> None:  # fmt: skip
    """Say how many machines so many listeners need, one of them lost.

    A simulation deals requests that arrive at random to the servers, with the speed that one was measured to have.
    """
    measured = json.loads(figures.read_text(encoding="utf-8")).get(part, {})
    try:
        audio_s = tuple(float(each) for each in lengths.split(","))
        curve = MachineCurve.measured(measured)
        needs = Needs(listeners, audio_s, hit_rate, first_audio_s, machines_per_loss=machines_per_loss)
        found = plan(curve, needs)
    except ValueError as failure:
        raise click.ClickException(str(failure)) from None
    check = checked(curve, measured, audio_s)
    for row in check:
        click.echo(
            f"{row['rate_per_s']:g} arrivals/s at one: first audio p95 {row['simulated_s']:.2f} s simulated, "
            f"{row['measured_s']:.2f} s measured",
            err=True,
        )
    if plot is not None:
        by_rate = [(rate, plan(curve, replace(needs, hit_rate=rate)).machines) for rate in _HIT_RATES]
        plots.plan(check, by_rate, listeners).savefig(plot, dpi=110)
    click.echo(json.dumps({**as_json(found, needs), "check": check}))


def checked(curve: MachineCurve, measured: Mapping[str, Any], audio_s: Sequence[float]) -> list[dict[str, float]]:
    """Hold the simulation of one machine against its open loops, where there are such figures.

    Returns:
        By rate: the 95th percentile of first audio, simulated and measured (the mean of its seeds), in seconds.
    """
    loops: dict[float, list[float]] = {}
    for name, each in measured.items():
        if name.startswith("open loop, ") and "first_audio_s" in each:
            loops.setdefault(float(name.split()[2].split("/")[0]), []).append(each["first_audio_s"]["p95"])
    rows = []
    for rate_per_s, seen in sorted(loops.items()):
        fleet = Fleet(curve, 1, rate_per_s, audio_s, duration_s=_CHECKED_S)
        waits = percentiles(each for seed in range(_CHECKED_SEEDS) for each in simulate(fleet, seed).first_audio_s)
        if waits is not None:
            rows.append(
                {"rate_per_s": rate_per_s, "simulated_s": waits["p95"], "measured_s": round(sum(seen) / len(seen), 4)}
            )
    return rows
