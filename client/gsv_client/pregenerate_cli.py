"""`gsv pregenerate`."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from gsv_client.cli_errors import friendly_errors
from gsv_client.pregenerate import COLUMNS, CUTS, Outcome, Summary, pregenerate, read_phrases, summary
from gsv_client.protocol import ALLOWED

_BUSY_WAIT_S = 600.0
_MOST_FAILURES_SHOWN = 10


@click.command("pregenerate", context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("phrases", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-v", "--voice", help="Id of a registered voice.")
@click.option("-l", "--language", "--lang", help=ALLOWED["language"].help("Of the phrases"))
@click.option("--seed", type=int, help="Keep the take of this seed. [default: any take]")
@click.option("--speed", type=float, help=ALLOWED["speed"].help("How fast"))
@click.option("--streaming", type=click.Choice([*CUTS, "both"]), default="both", help="How it will be asked for.")
@click.option("-j", "--parallel", type=click.IntRange(1, 64), default=4, help="Requests at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on stdout.")
@click.pass_context
def command(
    context: click.Context,
    /,
    phrases: Path,
    streaming: str,
    parallel: int,
    as_json: bool,
    **defaults: Any,
) -> None:
    """Have the server speak PHRASES now and keep them, so that they are there when somebody asks.

    \b
    PHRASES is a text with a phrase on each line (one that begins with # and a space is a comment), or a .csv whose
    first row names its columns: text, and any of voice, language, seed, speed and the other parameters of `gsv say`;
    a cell left empty is the default.
    Without a seed any take will do: ask for it with --cache audio, or give both the same --seed.
    What is there already is not spoken again, so that a run that was stopped goes on where it was.

    \b
    Examples:
      gsv pregenerate phrases.txt --voice ann
      gsv pregenerate phrases.csv --parallel 8 --json

    Exit status is 1 where any phrase failed.
    """
    connection = replace(context.obj, busy_wait_s=context.obj.busy_wait_s or _BUSY_WAIT_S)
    began_s = time.monotonic()
    outcomes: list[Outcome] = []
    with friendly_errors(), connection.open() as client:
        given = {name: value for name, value in defaults.items() if value is not None}
        asked = read_phrases(phrases, given)  # type: ignore[arg-type]
        if not asked:
            raise click.UsageError(f"{phrases} has no phrase; need one on each line, or a .csv with {COLUMNS[0]}")
        cuts = CUTS if streaming == "both" else (streaming,)
        with tqdm(total=len(asked), unit="phrase", file=sys.stderr, disable=None) as progress:
            for outcome in pregenerate(client, asked, cuts, parallel):
                outcomes.append(outcome)
                progress.update()
    found = summary(outcomes, began_s)
    if as_json:
        click.echo(json.dumps(found.as_json(), ensure_ascii=False))
    _tell(found)
    sys.exit(1 if found.failed else 0)


def _tell(found: Summary) -> None:
    for failure in found.failures[:_MOST_FAILURES_SHOWN]:
        click.echo(failure, err=True)
    if found.failed > _MOST_FAILURES_SHOWN:
        click.echo(f"and {found.failed - _MOST_FAILURES_SHOWN} more", err=True)
    click.echo(
        f"{found.phrases} phrases: {found.computed} computed, {found.already_there} already there, {found.failed} "
        f"failed; {found.audio_s:.1f} s of speech in {found.wall_s:.1f} s",
        err=True,
    )
