"""`gsv cache`, also `python -m gsv_runtime.cache`: look after the folder of a server's cache, on the server's machine.

Data goes to stdout, talk to stderr. Exit 0: done; 1: failed, or damage found; 2: misuse.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import click
from tqdm import tqdm

from gsv_runtime.cache import library
from gsv_runtime.cache.library import Amount

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True}
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_TIMES_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def size(text: str) -> float:
    """Bytes, of a number with a unit or without."""
    return _measured(text, _UNITS, "bytes, or such as 500M or 2G")


def duration(text: str) -> float:
    """Seconds, of a number with a unit."""
    return _measured(text, _TIMES_S, "such as 12h, 30d or 8w")


def _measured(text: str, units: dict[str, int], example: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*?)B?", text)
    if found is None or found[2] not in units:
        raise click.BadParameter(f"{text!r} cannot be read; write {example}")
    return float(found[1]) * units[found[2]]


_directory = click.option(
    "-d",
    "--directory",
    envvar="GSV_CACHE",
    show_envvar=True,
    default="var/cache",
    type=click.Path(file_okay=False, path_type=Path),
    help="The cache's folder: the server's setting cache_directory.",
)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@contextmanager
def _friendly_errors() -> Iterator[None]:
    try:
        yield
    except library.BadLibrary as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or 'file'}: {error.strerror or error}") from None


def _existing(directory: Path) -> Path:
    if not directory.is_dir():
        raise click.ClickException(f"there is no folder {directory}; give the server's by --directory or GSV_CACHE")
    return directory


def _progress(what: str, files: Iterable[Any]) -> Iterable[Any]:
    return tqdm(files, what, unit=" entries", leave=False, disable=None)


def _size(num_bytes: float) -> str:
    return f"{tqdm.format_sizeof(num_bytes, 'B')}"


def _told(amount: Amount) -> str:
    return f"{amount.entries} entries of {_size(amount.bytes)}"


@click.group(context_settings=_CONTEXT)
def cache() -> None:
    """Count, verify, prune, export and import what a server has cached.

    \b
    Works on the folder of the cache's disk level, so on the server's machine; the server may run meanwhile:
      gsv cache stats
      gsv cache export phrases.tar        # here
      gsv cache import phrases.tar        # on another server with the same models
    """


@cache.command("stats", context_settings=_CONTEXT)
@_directory
@_as_json
def stats(directory: Path, as_json: bool) -> None:
    """Count the entries by kind, and say when they were used."""
    with _friendly_errors():
        found = library.stats(_existing(directory))
    total = found.total
    if as_json:
        times = {"oldest_use": _time(found.oldest_use_s), "newest_use": _time(found.newest_use_s)}
        kinds = {kind: asdict(amount) for kind, amount in found.kinds.items()}
        click.echo(json.dumps({"directory": str(directory), **asdict(total), "kinds": kinds, **times}))
        return
    for kind, amount in {**found.kinds, "all": total}.items():
        click.echo(f"{kind}\t{amount.entries}\t{_size(amount.bytes)}")
    if total.entries:
        click.echo(f"used from {_time(found.oldest_use_s)} to {_time(found.newest_use_s)}", err=True)


def _time(seconds: float | None) -> str | None:
    """As ISO 8601 to a second; None where there is none, or no calendar has it."""
    try:
        return None if seconds is None else datetime.fromtimestamp(int(seconds), timezone.utc).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


@cache.command("verify", context_settings=_CONTEXT)
@_directory
@click.option("--delete", is_flag=True, help="Remove what is damaged.")
@_as_json
def verify(directory: Path, delete: bool, as_json: bool) -> None:
    """Read every entry and compare its checksum.

    Exit status is 1 where something damaged is left.
    """
    with _friendly_errors():
        found = library.verify(_existing(directory), delete=delete, progress=partial(_progress, "verifying"))
    names = [f"{key.kind} {key.digest}" for key in found.damaged]
    if as_json:
        click.echo(json.dumps({"good": found.good, "damaged": names, "removed": found.removed}))
    else:
        for name in names:
            click.echo(name)
    click.echo(f"{found.good} good, {len(names)} damaged, {found.removed} removed", err=True)
    sys.exit(0 if found.removed == len(names) else 1)


@cache.command("prune", context_settings=_CONTEXT)
@_directory
@click.option("--max-bytes", type=size, help="Keep so much, such as 500M or 2G: what was used last.")
@click.option("--older-than", "older_than_s", type=duration, help="Remove what nobody used for such as 12h or 30d.")
@_as_json
def prune(directory: Path, max_bytes: float | None, older_than_s: float | None, as_json: bool) -> None:
    """Remove entries, those used least recently first."""
    if max_bytes is None and older_than_s is None:
        raise click.UsageError("nothing to prune by; give --max-bytes, --older-than, or both")
    limit = None if max_bytes is None else int(max_bytes)
    with _friendly_errors():
        gone = library.prune(_existing(directory), time.time(), max_bytes=limit, older_than_s=older_than_s)
    if as_json:
        click.echo(json.dumps(asdict(gone)))
    click.echo(f"removed {_told(gone)}", err=True)


@cache.command("export", context_settings=_CONTEXT)
@click.argument("file", type=click.Path(dir_okay=False))
@_directory
@_as_json
def export(file: str, directory: Path, as_json: bool) -> None:
    """Write every entry to FILE, a tar; a dash is stdout."""
    if file == "-" and as_json:
        raise click.UsageError("--json and - both want stdout; export to a file")
    with _friendly_errors(), _written(file) as destination:
        progress = partial(_progress, "exporting")
        amount, damaged = library.export(_existing(directory), destination, progress=progress)
    if as_json:
        click.echo(json.dumps({**asdict(amount), "damaged": len(damaged)}))
    click.echo(f"exported {_told(amount)}", err=True)
    if damaged:
        click.echo(f"left out {len(damaged)} that are damaged; see gsv cache verify", err=True)


@contextmanager
def _written(file: str) -> Iterator[BinaryIO]:
    """A file that is there, whole, when all went well, and not at all when not; or stdout."""
    if file == "-":
        yield sys.stdout.buffer
        return
    partial_path = f"{file}.part"
    try:
        with open(partial_path, "wb") as destination:
            yield destination
        os.replace(partial_path, file)
    finally:
        Path(partial_path).unlink(missing_ok=True)


@contextmanager
def _read(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    with open(file, "rb") as source:
        yield source


@cache.command("import", context_settings=_CONTEXT)
@click.argument("file", type=click.Path(dir_okay=False))
@_directory
@_as_json
def import_file(file: str, directory: Path, as_json: bool) -> None:
    """Add the entries of FILE, which `gsv cache export` wrote; a dash is stdin.

    Entries are found again by servers with the same models and voices only. Exit status is 1 where something in FILE
    was damaged; all else is imported.
    """
    size = None if file == "-" or not Path(file).exists() else Path(file).stat().st_size
    bar = tqdm(desc="importing", total=size, unit="B", unit_scale=True, leave=False, disable=None)
    with _friendly_errors(), bar, _read(file) as source:
        done = library.import_library(directory, source, progress=bar.update)
    if as_json:
        click.echo(json.dumps(asdict(done)))
    for name in done.refused:
        click.echo(f"refused {name!r}: damaged, or no entry", err=True)
    click.echo(f"{done.added} added, {done.present} were there, {len(done.refused)} refused", err=True)
    sys.exit(1 if done.refused else 0)
