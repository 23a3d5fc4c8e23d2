"""`gsv voices export` and `import`: voices as one file, on the server's machine.

Data goes to stdout, talk to stderr. Exit 0: done; 1: failed, or damage found; 2: misuse.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from gsv_runtime.errors import SynthesisError
from gsv_runtime.settings import STATE
from gsv_runtime.voices.archive import NoArchive, export, import_archive
from gsv_runtime.voices.store import VoiceStore

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True}


def _state(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--state",
        envvar=STATE,
        show_envvar=True,
        default="var",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Folder of the server's state.",
    )(command)


@contextmanager
def _friendly_errors() -> Iterator[None]:
    try:
        yield
    except (NoArchive, SynthesisError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or 'file'}: {error.strerror or error}") from None


@click.command("export", context_settings=_CONTEXT)
@click.argument("file", type=click.Path(dir_okay=False))
@click.argument("names", nargs=-1)
@_state
def export_voices(file: str, names: tuple[str, ...], state: Path) -> None:
    """Write voices, by default all, to FILE, a tar with their recordings; a dash is stdout.

    \b
    Works on the server's folder, so on its machine; the server may run meanwhile, or not:
      gsv voices export voices.tar
      gsv voices export - ann bob | ssh other gsv voices import -
    """
    store = VoiceStore(state / "voices")
    names = names or tuple(entry.voice for entry in store.entries())
    if not names:
        raise click.ClickException(f"no voice is registered in {state}")
    with _friendly_errors():
        if file == "-":
            export(store, names, sys.stdout.buffer)
        else:
            _write_whole(store, names, Path(file))
    click.echo(f"exported {', '.join(names)}", err=True)


def _write_whole(store: VoiceStore, names: tuple[str, ...], path: Path) -> None:
    partial = path.with_name(f"{path.name}.part")
    try:
        with partial.open("wb") as destination:
            os.fchmod(destination.fileno(), 0o600)  # recordings of people
            export(store, names, destination)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@click.command("import", context_settings=_CONTEXT)
@click.argument("file", type=click.Path(dir_okay=False, exists=True, allow_dash=True))
@click.option("--replace", is_flag=True, help="Replace voices that are registered already; else they stay.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_state
def import_voices(file: str, replace: bool, as_json: bool, state: Path) -> None:
    """Register the voices of FILE, which `gsv voices export` wrote; a dash is stdin.

    A running server speaks with them at once. Its weights may be others: features are derived anew at the first use.
    """
    store = VoiceStore(state / "voices")
    with _friendly_errors():
        if file == "-":
            done = import_archive(store, sys.stdin.buffer, replace=replace)
        else:
            with open(file, "rb") as source:
                done = import_archive(store, source, replace=replace)
    if as_json:
        click.echo(json.dumps(asdict(done)))
    counts = f"{len(done.added)} added, {len(done.present)} were there, {len(done.refused)} refused as damaged"
    click.echo(counts, err=True)
    sys.exit(1 if done.refused else 0)
