"""Has a server speak phrases before anybody asks for them, so that it finds them in its cache."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from gsv_client.client import Client
from gsv_client.errors import InvalidRequest, SynthesisError
from gsv_client.protocol import TTS_INPUTS, Options
from gsv_client.text_input import decoded

# How live requests may ask for audio: pieces cut for streaming, and sentences decoded as a whole, are other audio.
CUTS = ("chunk", "sentence")
_COMMENT = re.compile(r"#(?:\s|$)")  # "#5 is alive" is a phrase
_KEPT = frozenset({"memory", "redis", "disk"})
_CHOSEN_HERE = ("text", "encoding", "streaming", "cache")
COLUMNS = ("text", *(name for name in TTS_INPUTS if name not in _CHOSEN_HERE))
_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "BYTES": str,
    "FP32": float,
    "INT32": int,
    "INT64": int,
    "BOOL": lambda text: {"true": True, "false": False}[text.lower()],
}


@dataclass(frozen=True)
class Phrase:
    """What is to be said and how."""

    text: str
    options: Options
    line: int  # in its file, from 1


@dataclass(frozen=True)
class Outcome:
    """What became of a phrase."""

    phrase: Phrase
    audio_s: float = 0.0
    was_there: bool = False  # all of it
    error: str = ""


@dataclass(frozen=True)
class Summary:
    """What became of all phrases; lines count from 1."""

    phrases: int
    computed: int
    already_there: int
    failed: int
    audio_s: float
    wall_s: float
    failures: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For a program."""
        return asdict(self) | {"audio_s": round(self.audio_s, 3), "wall_s": round(self.wall_s, 3)}


def read_phrases(path: Path, defaults: Options) -> list[Phrase]:
    """Read phrases from a file in UTF-8.

    Args:
        path: a phrase on each line, lines that are empty or begin with # and a space left out; or, where its name
            ends in .csv, a table whose first row names its columns: text, and any of COLUMNS. An empty cell is the
            default.
        defaults: of what a phrase does not say.

    Raises:
        InvalidRequest: the file is no UTF-8, or no such table; with the line.
    """
    try:
        text = decoded(path.read_bytes(), str(path))
    except ValueError as error:
        raise InvalidRequest(str(error)) from None
    if path.suffix.lower() == ".csv":
        return list(_rows(path, text.splitlines(keepends=True), defaults))
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
    return [Phrase(line, defaults, number) for number, line in lines if line and not _COMMENT.match(line)]


def _rows(path: Path, lines: Sequence[str], defaults: Options) -> Iterator[Phrase]:
    reader = csv.DictReader(lines, strict=True)
    try:
        columns = list(reader.fieldnames or ())
        unknown = [column for column in columns if column not in COLUMNS]
        if unknown or "text" not in columns:
            found = ", ".join(map(repr, columns)) or "nothing"
            raise InvalidRequest(f"{path} begins with {found}; need a row with text, and any of {', '.join(COLUMNS)}")
        for row in reader:
            if None in row or None in row.values():
                raise InvalidRequest(f"{path}, line {reader.line_num}: need {len(columns)} cells, as the first row has")
            if row["text"].strip():
                options = {name: _value(path, reader.line_num, name, cell) for name, cell in row.items() if cell}
                yield Phrase(options.pop("text"), cast(Options, {**defaults, **options}), reader.line_num)
    except csv.Error as error:
        raise InvalidRequest(f"{path}, line {reader.line_num}: {error}") from None


def _value(path: Path, line: int, column: str, cell: str) -> Any:
    if column == "reference_audio":
        return path.parent / cell
    try:
        return _PARSERS[TTS_INPUTS[column]](cell)
    except (ValueError, KeyError):
        raise InvalidRequest(f"{path}, line {line}: {column} is {cell!r}; need {TTS_INPUTS[column]}") from None


def pregenerate(client: Client, phrases: Iterable[Phrase], cuts: Sequence[str], parallel: int) -> Iterator[Outcome]:
    """Let a server speak phrases and keep them.

    Args:
        client: of the server; how long it waits for a busy one is its own matter.
        phrases: what to say.
        cuts: of CUTS, how it will be asked for.
        parallel: requests at once.

    Yields:
        What became of each, in the order in which they are done.
    """
    with ThreadPoolExecutor(parallel, thread_name_prefix="pregenerate") as pool:
        jobs = [pool.submit(_speak, client, phrase, cuts) for phrase in phrases]
        try:
            for job in as_completed(jobs):
                yield job.result()
        finally:  # whoever stops listening waits only for what has begun
            for job in jobs:
                job.cancel()


def _speak(client: Client, phrase: Phrase, cuts: Sequence[str]) -> Outcome:
    options: Options = {"priority": "batch", **phrase.options}
    audio_s = 0.0
    sources: set[str] = set()
    try:
        for cut in cuts:
            options |= {"streaming": cut, "cache": "audio"}
            audio = client.synthesize(phrase.text, **options)
            audio_s = audio.duration_s
            sources |= {source for chunk in audio.chunks for source in chunk.source.split(",")}
    except (SynthesisError, OSError) as error:
        return Outcome(phrase, error=f"{type(error).__name__}: {error}")
    if sources == {""}:
        return Outcome(phrase, error="the server does not say where audio comes from; it has no cache")
    return Outcome(phrase, audio_s, was_there=sources <= _KEPT)


def summary(outcomes: Sequence[Outcome], began_s: float) -> Summary:
    """Add up; `began_s` is a time of `time.monotonic`."""
    failed = sorted((outcome for outcome in outcomes if outcome.error), key=lambda outcome: outcome.phrase.line)
    there = sum(outcome.was_there for outcome in outcomes)
    return Summary(
        phrases=len(outcomes),
        computed=len(outcomes) - there - len(failed),
        already_there=there,
        failed=len(failed),
        audio_s=sum(outcome.audio_s for outcome in outcomes),
        wall_s=time.monotonic() - began_s,
        failures=tuple(f"line {outcome.phrase.line}: {outcome.error}" for outcome in failed),
    )
