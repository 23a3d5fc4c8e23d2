"""A repeated request from each level of the cache, against computing it, timed by the server itself.

One level at a time, on a server that has no other: from when Triton handed the request over until its last response was
handed back. Sentences are those of the demo voice; kept and computed requests take turns. The client is a process that
gives way to the server, which on two cores it would otherwise keep waiting.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from tqdm import tqdm

from gsv_bench.concurrency import register
from gsv_bench.redis_process import redis_server
from gsv_bench.stages import lay_out
from gsv_build.build_repository import build
from gsv_build.configs import write_configs
from gsv_build.deployment import PRESETS, with_settings
from gsv_client import Client, Options
from gsv_runtime import contract
from gsv_runtime.server import local_server
from gsv_runtime.server.triton_process import Ports

TEXT = "The young woman found a good book on the old table this morning."
OTHERS = ("It was old and heavy and smelled of dust.", "She took it home and read it to her children.")
NEW = "Nobody has heard sentence number {} before."
SEED = 1
LEVELS = ("memory", "redis", "disk")
_OFF: dict[str, Any] = {"cache_memory_bytes": 0, "cache_redis_url": "", "cache_directory": "", "cache_disk_bytes": 0}
_ENDED = re.compile(r"stream ended model=tts (.*)")
_FIELD = re.compile(r"(\w+)=(\S+)")
_PATIENCE_S = 300.0
_LAST_IN_LINE = 19  # niceness of the client

T = TypeVar("T")


@dataclass(frozen=True)
class Times:
    """Milliseconds of many requests."""

    p50_ms: float
    p95_ms: float

    @classmethod
    def of(cls, times_ms: Sequence[float]) -> Times:
        """Of each request's."""
        return cls(*(round(float(each), 2) for each in np.percentile(times_ms, [50, 95])))


@dataclass(frozen=True)
class Level:
    """One level beside computing."""

    level: str
    audio_s: float
    kept: Times  # sent in the chunks in which it was spoken
    at_once: Times  # kept too, and sent as one piece
    computed: Times
    client_p50_ms: float  # of what is kept, as the client sees it

    @property
    def ratio(self) -> float:
        """How many times as long computing takes."""
        return round(self.computed.p50_ms / self.kept.p50_ms, 1)


@dataclass(frozen=True)
class Partial:
    """A text of three sentences, two of which are kept, beside its new sentence alone and all of it computed."""

    partial: Times
    alone: Times
    whole: Times


@dataclass(frozen=True)
class Server:
    """Where a server is, and what to ask it."""

    url: str
    voice: str
    log: Path


class Listener:
    """Asks one server, one request after the other, and reads in its log how long each took."""

    def __init__(self, server: Server) -> None:
        self.client = Client(server.url, timeout_s=_PATIENCE_S)
        self._voice = server.voice
        self._log = server.log

    def ask(self, text: str, **options: Any) -> CacheAnswer:
        """Speak, and wait for the line in the log."""
        asked = cast(Options, {"voice": self._voice, "language": "en", "seed": SEED, **options})
        before = len(self._ended())
        began_s = time.perf_counter()
        audio = self.client.stream(text, **asked).collect()
        client_ms = 1e3 * (time.perf_counter() - began_s)
        deadline_s = time.monotonic() + _PATIENCE_S
        while len(ended := self._ended()) <= before:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{self._log} does not say that the request has ended")
            time.sleep(0.002)
        sources = {source for chunk in audio.chunks for source in chunk.source.split(",")}
        return CacheAnswer(ended[-1], client_ms, audio.duration_s, audio.samples.tobytes(), sources)

    def _ended(self) -> list[float]:
        return times_ms(self._log.read_text(encoding="utf-8", errors="replace"))


def times_ms(log: str) -> list[float]:
    """How long each request to `tts` took that a server's log says was done, oldest first."""
    lines = [dict(_FIELD.findall(told)) for told in _ENDED.findall(log)]
    return [float(line["elapsed_ms"]) for line in lines if line["outcome"] == "done"]


@dataclass(frozen=True)
class CacheAnswer:
    """One request."""

    server_ms: float
    client_ms: float
    audio_s: float
    samples: bytes
    sources: set[str]


def measure_level(listener: Listener, level: str, rounds: int, every: int) -> Level:
    """Ask for the same sentence again and again, in chunks and in one piece; every so often compute it, in chunks.

    Raises:
        RuntimeError: an answer came from elsewhere, or differs in a bit.
    """
    first = listener.ask(TEXT)
    _wait_until_kept(lambda: listener.ask(TEXT).sources == {level})
    listener.ask(TEXT, streaming="sentence")
    _wait_until_kept(lambda: listener.ask(TEXT, streaming="sentence").sources == {level})
    kept, at_once, computed = [], [], []
    for number in tqdm(range(rounds), desc=level):
        if number % every == 0:
            computed.append(listener.ask(TEXT, cache="off"))
        kept.append(listener.ask(TEXT))
        at_once.append(listener.ask(TEXT, streaming="sentence"))
    if any(answer.sources != {level} for answer in (*kept, *at_once)):
        raise RuntimeError(f"an answer did not come from {level}")
    if any(answer.samples != first.samples for answer in (*kept, *computed)):
        raise RuntimeError(f"an answer from {level} is not what was computed")
    return Level(
        level,
        round(first.audio_s, 2),
        Times.of([answer.server_ms for answer in kept]),
        Times.of([answer.server_ms for answer in at_once]),
        Times.of([answer.server_ms for answer in computed]),
        round(statistics.median(answer.client_ms for answer in kept), 2),
    )


def measure_partial(listener: Listener, rounds: int) -> Partial:
    """Ask for texts of which one sentence is new, for that sentence alone, and for all computed, in turns.

    The new one comes first: its place in the text is part of its seed, and alone it is to be the same speech.
    """
    options: dict[str, Any] = {"pause_s": 0.0, "streaming": "sentence"}
    listener.ask(f"First. {' '.join(OTHERS)}", **options)
    partial, alone, whole = [], [], []
    for number in tqdm(range(rounds), desc="partial"):
        text = f"{NEW.format(number)} {' '.join(OTHERS)}"
        partial.append(listener.ask(text, **options))
        alone.append(listener.ask(NEW.format(number), cache="off", **options))
        whole.append(listener.ask(text, cache="off", **options))
        if partial[-1].samples != whole[-1].samples:
            raise RuntimeError("a text of which a part was kept is not what was computed")
        if not partial[-1].samples.startswith(alone[-1].samples):
            raise RuntimeError("the new sentence alone is not the same speech")
    if any(answer.sources != {"memory", "computed"} for answer in partial):
        raise RuntimeError("not one new sentence among kept ones")
    return Partial(*(Times.of([answer.server_ms for answer in answers]) for answers in (partial, alone, whole)))


def _wait_until_kept(is_kept: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + _PATIENCE_S
    while not is_kept():
        if time.monotonic() > deadline_s:
            raise TimeoutError("nothing is kept")


def _listening(measure: Callable[..., T], server: Server, *arguments: Any) -> T:
    """Run `measure` in a process that gives way to all others."""
    with ProcessPoolExecutor(1, get_context("spawn"), os.nice, (_LAST_IN_LINE,)) as aside:
        return aside.submit(_listen, measure, server, arguments).result()


def _listen(measure: Callable[..., T], server: Server, arguments: Sequence[Any]) -> T:
    return measure(Listener(server), *arguments)


@contextmanager
def _server(work: Path, **settings: Any) -> Iterator[Server]:
    """A server with these settings of its cache."""
    repository, state = work / "model_repository", work / "state"
    write_configs(repository, with_settings(PRESETS["cpu"], contract.TTS, **{**_OFF, **settings}))
    running = local_server.up(repository, state, Ports.free())
    try:
        url = f"127.0.0.1:{running.ports.grpc}"
        yield Server(url, register(url)[-1], state / "server.log")
    finally:
        local_server.down(state)


def table(levels: Sequence[Level], partial: Partial | None) -> str:
    """Markdown."""
    lines = [
        f"{levels[0].audio_s} s of the demo voice; milliseconds on the server:",
        "",
        "| from | in chunks, p50 | 95 % | in one piece, p50 | 95 % | computed, p50 | 95 % | ratio | client, p50 |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for each in levels:
        lines.append(
            f"| {each.level} | {each.kept.p50_ms} | {each.kept.p95_ms} | {each.at_once.p50_ms} | "
            f"{each.at_once.p95_ms} | {each.computed.p50_ms} | "
            f"{each.computed.p95_ms} | {each.ratio} | {each.client_p50_ms} |"
        )
    if partial is not None:
        lines += [
            "",
            f"Three sentences of which two are kept: {partial.partial.p50_ms} ms; the third alone "
            f"{partial.alone.p50_ms} ms; all three computed {partial.whole.p50_ms} ms (p50).",
        ]
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--cache-weights", type=Path, default=Path("build/gsv_demo/weights"))
    parser.add_argument("--cache-work", type=Path, default=Path("var/bench/cache"), help="keeps the repository")
    parser.add_argument("--cache-rounds", type=int, default=200, help="requests from each level")
    parser.add_argument("--cache-compute-every", type=int, default=20, help="one of so many is computed too")
    parser.add_argument("--cache-partial-rounds", type=int, default=10)
    parser.add_argument("--cache-levels", nargs="+", choices=LEVELS, default=list(LEVELS))


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return Markdown for people and values for machines."""
    work = arguments.cache_work.resolve()
    lay_out(work / "model_repository")
    build(work / "model_repository", PRESETS["cpu"], arguments.cache_weights)
    levels: list[Level] = []
    partial: Partial | None = None
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gsv-bench-cache-")))
        settings: dict[str, dict[str, Any]] = {
            "memory": {"cache_memory_bytes": 256 * 2**20},
            "disk": {"cache_directory": str(folder / "library"), "cache_disk_bytes": 2**30},
        }
        if "redis" in arguments.cache_levels:
            settings["redis"] = {"cache_redis_url": stack.enter_context(redis_server(folder))}
        for level in arguments.cache_levels:
            with _server(work, **settings[level]) as server:
                rounds, every = arguments.cache_rounds, arguments.cache_compute_every
                levels.append(_listening(measure_level, server, level, rounds, every))
                if level == "memory" and arguments.cache_partial_rounds:
                    partial = _listening(measure_partial, server, arguments.cache_partial_rounds)
    values = {
        "levels": [asdict(level) | {"ratio": level.ratio} for level in levels],
        "partial": asdict(partial) if partial is not None else None,
    }
    return table(levels, partial), {"cache": json.loads(json.dumps(values))}
