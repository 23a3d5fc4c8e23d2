"""Two servers on this machine, and what the capacity model says of them before it is tried.

`python -m gsv_bench --only fleet --json`. Closed loops over both servers give the machine's curve; open loops are then
simulated and run. Both servers share the cores, and so does the load.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gsv_bench.fine_tunes import served
from gsv_bench.stages import lay_out
from gsv_build.build_repository import build
from gsv_build.deployment import PRESETS
from gsv_client import Client
from gsv_loadtest.crowd import CrowdPlan, StreamHeard, hear_all
from gsv_loadtest.fleet import Fleet, MachineCurve, simulate
from gsv_loadtest.shapes import poisson_arrivals
from gsv_loadtest.summary import percentiles

WEIGHTS = Path("build/gsv_demo/weights")
REFERENCE = WEIGHTS / "references/slt.flac"
PROMPT = "The young woman found a good book on the table, and the children laughed."
TEXTS = (
    "The old man walked slowly along the river.",
    "She opened the window, and the cold wind came in.",
    "It rained all night, so nobody went out to the garden in the morning.",
)
_PATIENCE_S = 300.0

logger = logging.getLogger("gsv.bench")


def figures(heard: Sequence[StreamHeard], seconds: float) -> dict[str, Any]:
    """Figures of loads that took so many seconds, by the names that `MachineCurve.measured` reads."""
    whole = [each for each in heard if not each.error]
    return {
        "requests": len(heard),
        "whole": len(whole),
        "refused": sum(each.refused for each in heard),
        "first_audio_s": percentiles(each.first_s for each in whole),
        "whole_s": percentiles(each.whole_s for each in whole),
        "streams_with_underrun": sum(bool(each.underruns_s) for each in whole),
        "audio_s_per_s": round(sum(each.audio_s for each in whole) / seconds, 2),
    }


def closed(urls: Sequence[str], streams: int, duration_s: float) -> list[StreamHeard]:
    """So many users, dealt out to the servers, each of whom asks again when it has heard all."""
    dealt = [(url, len(range(number, streams, len(urls)))) for number, url in enumerate(urls)]
    plans = [
        CrowdPlan(url, TEXTS, ("ann",), users=users, duration_s=duration_s, first_seed=1000 * number)
        for number, (url, users) in enumerate(dealt)
        if users
    ]
    return hear_all(plans)


def opened(urls: Sequence[str], rate_per_s: float, duration_s: float, seed: int) -> list[StreamHeard]:
    """Arrivals at random, dealt out to the servers by turns."""
    arrivals = tuple(poisson_arrivals(rate_per_s, duration_s, seed))
    return hear_all(
        [
            CrowdPlan(url, TEXTS, ("ann",), arrivals_s=arrivals[number :: len(urls)], first_seed=1000 * (seed + number))
            for number, url in enumerate(urls)
        ]
    )


def compare(urls: Sequence[str], arguments: argparse.Namespace) -> dict[str, Any]:
    """Run closed and open loops by turns, and simulate the open ones from the closed ones."""
    streams = [int(each) for each in arguments.fleet_streams.split(",")]
    rates = [float(each) for each in arguments.fleet_rates.split(",")]
    heard: dict[str, list[StreamHeard]] = defaultdict(list)
    took_s: dict[str, float] = defaultdict(float)
    lasting_s = arguments.fleet_seconds

    def note(name: str, load: list[StreamHeard]) -> None:
        heard[name] += load
        took_s[name] += max((each.due_s + each.whole_s for each in load), default=lasting_s)
        logger.info("heard %s: %s", name, figures(load, took_s[name]))

    for seed in range(arguments.fleet_rounds):
        for count in streams:
            note(f"closed loop, {count} streams", closed(urls, count, lasting_s))
        for rate_per_s in rates:
            note(f"open loop, {rate_per_s:g}/s", opened(urls, rate_per_s, lasting_s, seed))
    found = {name: figures(each, took_s[name]) for name, each in heard.items()}
    curve = MachineCurve.measured(found)
    lengths = [each.audio_s for load in heard.values() for each in load if not each.error]
    for rate_per_s in rates:
        fleet = Fleet(curve, 1, rate_per_s, lengths, servers_per_machine=len(urls), duration_s=lasting_s)
        happened = [simulate(fleet, seed) for seed in range(arguments.fleet_rounds)]
        found[f"open loop, {rate_per_s:g}/s"]["simulated"] = {
            "first_audio_s": percentiles(each for one in happened for each in one.first_audio_s),
            "whole_s": percentiles(each for one in happened for each in one.whole_s),
            "gaps": sum(one.gaps for one in happened),
            "refused": sum(one.refused for one in happened),
        }
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--fleet-repository", type=Path, help="one that is built; default: builds its own")
    parser.add_argument("--fleet-work", type=Path, default=Path("var/bench/fleet"))
    parser.add_argument("--fleet-servers", type=int, default=2)
    parser.add_argument("--fleet-streams", default="1,2,4,8,16", help="closed loops")
    parser.add_argument("--fleet-rates", default="1,2,4", help="arrivals a second")
    parser.add_argument("--fleet-rounds", type=int, default=2, help="of all loads, by turns")
    parser.add_argument("--fleet-seconds", type=float, default=12.0)


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return Markdown for people and values for machines."""
    work, repository = arguments.fleet_work.resolve(), arguments.fleet_repository
    if repository is None:
        repository = work / "model_repository"
        lay_out(repository)
        build(repository, PRESETS["cpu"], WEIGHTS)
    urls = []
    with contextlib.ExitStack() as stack:
        for number in range(arguments.fleet_servers):
            state = stack.enter_context(served(repository.resolve(), work / f"state{number}"))
            urls.append(f"127.0.0.1:{state.ports.grpc}")
            with Client(urls[-1], _PATIENCE_S) as client:
                client.register_voice("ann", REFERENCE, PROMPT, "en")
                client.synthesize(TEXTS[0], voice="ann", language="en", cache="off")
        found = compare(urls, arguments)
    return "\n".join(_lines(found)), {"fleet": found}


def _lines(found: dict[str, Any]) -> list[str]:
    """A table: each open loop as it was simulated, and as it was."""
    lines = [
        "| arrivals | | first audio p50 s | p95 s | whole p50 s | p95 s | with a gap |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, each in found.items():
        if "simulated" in each:
            for what, side in (("simulated", each["simulated"]), ("measured", each)):
                waits = [f"{side[wait][part]:.2f}" for wait in ("first_audio_s", "whole_s") for part in ("p50", "p95")]
                gaps = side["gaps"] if what == "simulated" else side["streams_with_underrun"]
                lines.append(f"| {name} | {what} | {' | '.join(waits)} | {gaps} of {each['requests']} |")
    return lines
