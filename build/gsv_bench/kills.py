"""Kills a model's process again and again while streams are at work, and says what became of the server and of them.

`python -m gsv_bench --only kills --json`. SIGKILL at a random moment, so that some processes die while they hold one of
the locks that they share with tritonserver. `GSV_PRELOAD=off` in front of it shows the same without our repairs
(decision 20).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gsv_bench.concurrency import LONG_TEXT, register
from gsv_bench.stages import lay_out
from gsv_build.build_repository import build
from gsv_build.deployment import PRESETS
from gsv_client import Client, SynthesisError
from gsv_runtime.server import local_server, triton_process
from gsv_runtime.server.local_server import ServerState
from gsv_runtime.server.model_processes import model_processes
from gsv_runtime.server.triton_process import Ports, Wheel
from gsv_runtime.server.workarounds import PRELOAD

_BACK_LIMIT_S = 100.0  # above the minute for which Triton keeps the places of sequences
_POLL_S = 0.02
_SILENCE_S = 15.0  # a stream that hears nothing for so long hangs
_TAKEN_OVER = "lock of a dead process taken over"  # as _preload.c writes it


@dataclass
class Ended:
    """How streams ended, counted by the listeners."""

    whole: int = 0
    with_error: int = 0
    hung: int = 0
    slowest_error_s: float = 0.0  # from the kill before it
    errors: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Kills:
    """What became of the server."""

    model: str
    streams: int
    kills: int
    repaired: bool
    server_died: int  # tritonserver itself; its watchdog starts it again
    server_back_slowest_s: float  # from the kill until all is ready
    unready_median_s: float  # where the server lived: from the kill until readiness says so
    unready_slowest_s: float
    back_median_s: float  # until the model has a process and is ready
    back_slowest_s: float
    locks_taken_over: int
    server_threads_per_kill: float
    heard_again_slowest_s: float  # until a stream that began after the kill is heard
    ended: Ended


class Listeners:
    """Threads that each ask for a long text, again and again, until told to stop."""

    def __init__(self, url: str, voices: Sequence[str], count: int) -> None:
        self.ended = Ended()
        self.killed_s = time.monotonic()
        self.newest_heard_s = 0.0  # when the newest stream began of those that were heard
        self._url, self._voices = url, voices
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._listen, args=(number,)) for number in range(count)]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """They listen as long as this lasts."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            for thread in self._threads:
                thread.join()

    def _listen(self, number: int) -> None:
        seeds = random.Random(number)
        while not self._stopped.is_set():
            with Client(self._url, timeout_s=_SILENCE_S, busy_wait_s=_SILENCE_S) as client:
                self._hear(client, self._voices[number % len(self._voices)], seeds.randrange(1 << 30))

    def _hear(self, client: Client, voice: str, seed: int) -> None:
        began_s = last_s = time.monotonic()
        try:
            with client.stream(LONG_TEXT, voice=voice, language="en", seed=seed, cache="off", retries=0) as chunks:
                for _ in chunks:
                    last_s = time.monotonic()
                    self.newest_heard_s = max(self.newest_heard_s, began_s)
                    if self._stopped.is_set():
                        return
        except SynthesisError as error:
            self._count_error(error, began_s, last_s)
            self._stopped.wait(0.1)
        else:
            with self._lock:
                self.ended.whole += 1

    def _count_error(self, error: SynthesisError, began_s: float, last_s: float) -> None:
        now_s = time.monotonic()
        with self._lock:
            self.ended.with_error += 1
            name = type(error).__name__
            self.ended.errors[name] = self.ended.errors.get(name, 0) + 1
            self.ended.hung += now_s - last_s >= _SILENCE_S
            if began_s < self.killed_s:
                self.ended.slowest_error_s = max(self.ended.slowest_error_s, now_s - self.killed_s)


@dataclass(frozen=True)
class _Recovery:
    """One kill."""

    server_died: bool
    unready_s: float
    back_s: float
    heard_again_s: float
    threads: int  # that tritonserver has more than before


def measure(running: ServerState, log: Path, model: str, count: int, streams: int, pause_s: float) -> Kills:
    """Kill `model` `count` times."""
    url = f"127.0.0.1:{running.ports.grpc}"
    listeners = Listeners(url, register(url), streams)
    moments = random.Random(7)
    found: list[_Recovery] = []
    taken_over = _count_taken_over(log)
    with listeners.at_work():
        for _ in tqdm(range(count), desc=f"kill {model}", unit="kill"):
            time.sleep(pause_s * (0.5 + moments.random()))
            listeners.killed_s = time.monotonic()
            found.append(_kill(running, model, listeners))
    survived = [each for each in found if not each.server_died]
    return Kills(
        model=model,
        streams=streams,
        kills=count,
        repaired=PRELOAD.is_on(Wheel.find().environment()),
        server_died=len(found) - len(survived),
        server_back_slowest_s=round(max((each.back_s for each in found if each.server_died), default=0.0), 2),
        unready_median_s=round(statistics.median(each.unready_s for each in survived), 2),
        unready_slowest_s=round(max(each.unready_s for each in survived), 2),
        back_median_s=round(statistics.median(each.back_s for each in survived), 2),
        back_slowest_s=round(max(each.back_s for each in survived), 2),
        heard_again_slowest_s=round(max(each.heard_again_s for each in found), 2),
        locks_taken_over=_count_taken_over(log) - taken_over,
        server_threads_per_kill=round(statistics.mean(each.threads for each in survived), 1),
        ended=listeners.ended,
    )


def _kill(running: ServerState, model: str, listeners: Listeners) -> _Recovery:
    """Kill the model's process, wait until it is back and somebody who asked later is heard."""
    server = running.server_pid
    if server is None:
        raise RuntimeError("there is no tritonserver; see its log")
    threads, victims = _threads(server), model_processes(server).get(model, frozenset())
    for victim in victims:
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)

    def is_back() -> bool:
        now = model_processes(running.server_pid or 0).get(model, frozenset())
        return bool(now) and not now & victims and triton_process.is_ready(running.ports)

    unready_s = _wait_until(lambda: not triton_process.is_ready(running.ports), f"{model} is not missed")
    back_s = unready_s + _wait_until(is_back, f"{model} does not come back")
    again_s = back_s + _wait_until(lambda: listeners.newest_heard_s > listeners.killed_s, "nobody is heard")
    died = running.server_pid != server
    return _Recovery(died, unready_s, back_s, again_s, 0 if died else _threads(server) - threads)


def _wait_until(claim: Callable[[], bool], otherwise: str) -> float:
    """Seconds until it is so."""
    began_s = time.monotonic()
    while not claim():
        if time.monotonic() - began_s > _BACK_LIMIT_S:
            raise RuntimeError(f"{otherwise} after {_BACK_LIMIT_S:.0f} s")
        time.sleep(_POLL_S)
    return time.monotonic() - began_s


def _count_taken_over(log: Path) -> int:
    return log.read_text(encoding="utf-8", errors="replace").count(_TAKEN_OVER)


def _threads(pid: int) -> int:
    try:
        return len(list((Path("/proc") / str(pid) / "task").iterdir()))
    except OSError:
        return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--kills-weights", type=Path, default=Path("build/gsv_demo/weights"))
    parser.add_argument("--kills-work", type=Path, default=Path("var/bench/demo"), help="keeps the repository")
    parser.add_argument("--kills-of", default="t2s,vocoder", help="models, comma-separated")
    parser.add_argument("--kills", type=int, default=50, help="of each")
    parser.add_argument("--kills-streams", type=int, default=4)
    parser.add_argument("--kills-pause", type=float, default=2.0, help="seconds between them, more or less")


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return Markdown for people and values for machines."""
    work = arguments.kills_work.resolve()
    repository = work / "model_repository"
    lay_out(repository)
    build(repository, PRESETS["cpu"], arguments.kills_weights)
    state = work / "kills"
    running = local_server.up(repository, state, Ports.free())
    models = arguments.kills_of.split(",")
    how = (arguments.kills, arguments.kills_streams, arguments.kills_pause)
    try:
        found = [asdict(measure(running, state / "server.log", model, *how)) for model in models]
    finally:
        local_server.down(state)
    return "\n".join(f"- {json.dumps(each)}" for each in found), {"kills": found}
