"""`python -m gsv_loadtest run|capacity|sweep|plan`: loads a running server and says what its listeners noticed.

Talk goes to stderr; the last line of stdout is JSON. Exit status: 0 done, 1 something failed under load, 2 misuse.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

import gsv_loadtest.on_gevent  # noqa: F401 - before whatever opens a connection
from gsv_client import Client
from gsv_client.errors import SynthesisError
from gsv_loadtest import plots, report
from gsv_loadtest.capacity import Bar, Probe, bracket, highest_rate, judge
from gsv_loadtest.load import Plan
from gsv_loadtest.plan_cli import plan_command
from gsv_loadtest.run import Target, run
from gsv_loadtest.scenarios import SCENARIOS
from gsv_loadtest.voices import NoVoices, voices_for

CAPACITY_FILE = "capacity.json"
_WARM_UP_S = 5.0
_SHARE_OF_CAPACITY = 0.8


def _target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say which server, and where the report goes."""
    for option in (
        click.option("--url", "urls", multiple=True, default=["127.0.0.1:8001"], show_default=True,
                     help="host:port for gRPC, http://host:port for HTTP; several take turns."),
        click.option("--references", type=click.Path(path_type=Path, exists=True, file_okay=False),
                     help="Directory with references.json and clips; what is missing is registered for the load."),
        click.option("--state", type=click.Path(path_type=Path), default=Path("var"), show_default=True,
                     help="Directory of the server's server.json, to watch its processes."),
        click.option("--out", type=click.Path(path_type=Path), default=Path("var/loadtest"), show_default=True,
                     help="Where reports are written."),
        click.option("--seed", type=int, default=1, show_default=True, help="Of arrivals, texts, voices, departures."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Load a gsv-triton server and measure it as its listeners would."""


@main.command("run")
@click.option("--scenario", type=click.Choice(list(SCENARIOS)), default="short", show_default=True)
@click.option("--users", type=click.IntRange(min=1), default=4, show_default=True, help="Closed loop: listeners.")
@click.option("--rate", "rate_per_s", type=click.FloatRange(min=0, min_open=True), help="Open loop: arrivals a second.")
@click.option("--duration", "duration_s", type=float, default=60.0, show_default=True, help="Seconds, with warm-up.")
@click.option("--warm-up", "warm_up_s", type=float, help="Seconds that do not count.  [default: 5; soak: a tenth]")
@click.option("--identity", is_flag=True, help="Compare every utterance with itself spoken alone.")
@_target_options
def run_command(
    scenario: str,
    users: int,
    rate_per_s: float | None,
    duration_s: float,
    warm_up_s: float | None,
    identity: bool,
    urls: Sequence[str],
    references: Path | None,
    state: Path,
    out: Path,
    seed: int,
) -> None:
    """Run one scenario.

    \b
    Scenarios:
      short       users in conversation: a sentence, a pause, the next
      long        users who have a page read to them
      mixed       short and long texts in every voice
      concurrent  one or three sentences in every voice, without pause
      spike       short, in every voice, with four times as many users in the middle third
      arrivals    listeners who arrive at random and wait for nobody (--rate)
      soak        arrivals, for long; one listener in five leaves early (--rate)

    With --rate any of them becomes an open loop. arrivals and soak take 80 % of what `capacity` found, without --rate.
    """
    chosen = SCENARIOS[scenario]
    if chosen.open_loop and rate_per_s is None:
        rate_per_s = _SHARE_OF_CAPACITY * _measured_capacity(out)
    if warm_up_s is None:
        warm_up_s = max(_WARM_UP_S, duration_s / 10) if chosen.crowd else _WARM_UP_S
    if duration_s <= warm_up_s:
        raise click.UsageError(f"--duration {duration_s:g} is not longer than --warm-up {warm_up_s:g}")
    plan = Plan(chosen, users, rate_per_s, duration_s, warm_up_s, seed=seed)
    load = f"{rate_per_s:.2f} arrivals/s" if rate_per_s else f"{users} users"
    about = f"{scenario}, {load}, {duration_s:g} s"
    with _target(urls, references, state) as target:
        measured = report.write(run(plan, target, identity), scenario, about, out)
    click.echo(f"{about}\n\n{report.table(measured)}\n\nplots: {measured['report']}", err=True)
    click.echo(json.dumps({"scenario": scenario, "users": users, "rate_per_s": rate_per_s, **measured}))
    sys.exit(1 if measured["failed"] else 0)


@main.command("capacity")
@click.option("--ttfa", "ttfa_s", type=float, default=1.0, show_default=True, help="Target: seconds to first audio.")
@click.option("--share", type=float, default=0.95, show_default=True, help="Of requests that must start in time.")
@click.option("--underrun", "underrun_s", type=float, default=0.02, show_default=True, help="Longest that is let pass.")
@click.option("--scenario", type=click.Choice(list(SCENARIOS)), default="arrivals", show_default=True)
@click.option("--first-rate", "first_per_s", type=float, default=1.0, show_default=True, help="Arrivals/s, to begin.")
@click.option("--duration", "duration_s", type=float, default=60.0, show_default=True, help="Least seconds of a probe.")
@click.option("--warm-up", "warm_up_s", type=float, default=5.0, show_default=True, help="Seconds that do not count.")
@_target_options
def capacity_command(
    ttfa_s: float,
    share: float,
    underrun_s: float,
    scenario: str,
    first_per_s: float,
    duration_s: float,
    warm_up_s: float,
    urls: Sequence[str],
    references: Path | None,
    state: Path,
    out: Path,
    seed: int,
) -> None:
    """Find the highest rate of arrivals at which requests start in time and no stream underruns."""
    bar = Bar(ttfa_s, share, underrun_s)
    plan = Plan(replace(SCENARIOS[scenario], crowd=0), 1, first_per_s, duration_s, warm_up_s, seed=seed)

    def probe(rate_per_s: float, target: Target) -> Probe:
        click.echo(f"{rate_per_s:.2f} arrivals/s", err=True)
        lasting_s = max(duration_s, bar.duration_s(rate_per_s, warm_up_s))
        outcomes = run(replace(plan, rate_per_s=rate_per_s, duration_s=lasting_s), target).outcomes
        found = judge(rate_per_s, outcomes, bar)
        click.echo(f"{rate_per_s:.2f} arrivals/s: {'borne' if found.borne else 'too many'}, {found.found}", err=True)
        return found

    with _target(urls, references, state) as target:
        probes = highest_rate(lambda rate_per_s: probe(rate_per_s, target), first_per_s)
    borne, not_borne = bracket(probes)
    measured = {
        "capacity_per_s": borne,
        "not_borne_per_s": not_borne,
        "bar": vars(bar),
        "scenario": scenario,
        "probes": [vars(each) for each in probes],
        "load_average": round(os.getloadavg()[0], 2),
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / CAPACITY_FILE).write_text(json.dumps(measured, indent=1), encoding="utf-8")
    click.echo(json.dumps(measured))
    sys.exit(0 if borne else 1)


@main.command("sweep")
@click.option("--users", "steps", default="1,2,4,8,10,16,32", show_default=True, help="Listeners at once, in turn.")
@click.option("--scenario", type=click.Choice(list(SCENARIOS)), default="concurrent", show_default=True)
@click.option(
    "--duration",
    "duration_s",
    type=float,
    default=20.0,
    show_default=True,
    help="Seconds at one listener; each 16 more add as much, for each is then served more slowly.",
)
@click.option("--warm-up", "warm_up_s", type=float, default=5.0, show_default=True, help="Seconds that do not count.")
@click.option("--plot", type=click.Path(path_type=Path), help="Picture to draw.")
@_target_options
def sweep_command(
    steps: str,
    scenario: str,
    duration_s: float,
    warm_up_s: float,
    plot: Path | None,
    urls: Sequence[str],
    references: Path | None,
    state: Path,
    out: Path,
    seed: int,
) -> None:
    """Run a scenario at several concurrencies and print a table."""
    rows = []
    click.echo("| at once | heard | busy | TTFA p50 | p95 | RTF p50 | p95 | underrun p95 | speech s/s | load |")
    click.echo("|---|---|---|---|---|---|---|---|---|---|")
    with _target(urls, references, state) as target:
        for users in [int(step) for step in steps.split(",")]:
            plan = Plan(SCENARIOS[scenario], users, None, duration_s * (1 + users / 16), warm_up_s, seed=seed)
            figures = report.figures(run(plan, target))
            rows.append({"users": users, **figures})
            click.echo(_table_row(users, figures))
    out.mkdir(parents=True, exist_ok=True)
    (out / "sweep.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    if plot is not None:
        plots.sweep([_plotted(row) for row in rows if row["ttfa_s"]]).savefig(plot, dpi=120)
    click.echo(json.dumps({"sweep": rows}))
    sys.exit(1 if any(row["failed"] for row in rows) else 0)


main.add_command(plan_command)


def _table_row(users: int, figures: dict[str, Any]) -> str:
    ttfa, rtf, underrun = (figures[name] or {} for name in ("ttfa_s", "rtf", "longest_underrun_s"))
    cells = [users, figures["ok"], figures["busy"]]
    cells += [_shown(ttfa.get("p50")), _shown(ttfa.get("p95")), _shown(rtf.get("p50")), _shown(rtf.get("p95"))]
    cells += [_shown(underrun.get("p95")), _shown(figures["audio_s_per_s"]), f"{figures['load_average']:.1f}"]
    return "| " + " | ".join(map(str, cells)) + " |"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _plotted(row: dict[str, Any]) -> tuple[int, float, float, float, float]:
    ttfa = row["ttfa_s"]
    return row["users"], ttfa["p50"], ttfa["p95"], row["longest_underrun_s"]["p95"], row["audio_s_per_s"]


@contextmanager
def _target(urls: Sequence[str], references: Path | None, state: Path) -> Iterator[Target]:
    """The server, if it answers and has voices; those that it was lent are deleted at the end.

    Raises:
        click.ClickException: What is wrong and what to do.
    """
    with Client(urls[0], timeout_s=60.0) as client:
        try:
            with voices_for(client, references) as voices:
                yield Target([url if "://" in url else f"grpc://{url}" for url in urls], voices, state)
        except (SynthesisError, NoVoices) as failure:
            raise click.ClickException(str(failure)) from None


def _measured_capacity(out: Path) -> float:
    try:
        capacity = json.loads((out / CAPACITY_FILE).read_text(encoding="utf-8"))["capacity_per_s"]
    except FileNotFoundError:
        capacity = None
    if not capacity:
        raise click.UsageError("an open loop needs --rate, or run `make capacity` first")
    return float(capacity)


def _run_and_leave() -> None:
    """Run the command and end at once: under gevent, gRPC may wait for ever for a server that never answered."""
    try:
        main()
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))


if __name__ == "__main__":
    _run_and_leave()
