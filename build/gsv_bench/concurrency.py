"""Many streams at once against the same streams alone, a burst beyond the places, and clients that die.

`python -m gsv_bench --only concurrency --json`. One server, three parts:

- mixed: streams of mixed voices and texts at once, in random order, each compared with the same request alone;
- burst: many requests at the same moment, each served whole or refused, and how soon it is refused;
- killed: rounds in which half of the clients are killed in mid-stream, and what is left behind after each.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gsv_bench.burst import TEXTS, burst
from gsv_bench.server_metrics import ServerMetrics
from gsv_bench.stages import lay_out, limited_deployment
from gsv_build.build_repository import build
from gsv_build.checks.parity import snr_db
from gsv_build.deployment import PRESETS
from gsv_client import Client, ServerBusy, SynthesisError
from gsv_loadtest.server_watch import ServerWatch
from gsv_runtime.server import local_server
from gsv_runtime.server.triton_process import Ports

REFERENCES = Path("build/gsv_demo/weights/references")
DISTINCT = 10
_FIRST_SENTENCES = tuple(re.split(r"(?<=[.?!]) ", text)[0] for text in TEXTS)
LONG_TEXT = "The young woman found a good book, and she read it all day long. " * 12
_PATIENCE_S = 600.0
# Listens to the first chunk of some streams and is then gone, as a process that was killed.
_VICTIMS = """
import os, sys, threading
from gsv_client import Client
url, text, voice, count = sys.argv[1:]
heard = threading.Barrier(int(count) + 1)
def listen(seed):
    options = {"voice": voice, "seed": seed, "cache": "off", "retries": 0}
    with Client(url, timeout_s=600, busy_wait_s=600) as client, client.stream(text, **options) as chunks:
        next(chunks)
        heard.wait()
        for _ in chunks:
            pass
for seed in range(int(count)):
    threading.Thread(target=listen, args=(seed,), daemon=True).start()
heard.wait()
os._exit(7)
"""


@dataclass(frozen=True)
class Mixed:
    """Streams at once against alone; without tokens that are the same, no signal-to-noise ratio would be high."""

    requests: int
    at_once: int
    unanswered: int
    of_another_length: int
    bit_identical: int
    lowest_snr_db: float  # 200 stands for no difference


@dataclass(frozen=True)
class Killed:
    """Rounds of clients killed in mid-stream."""

    rounds: int
    killed_per_round: int
    slowest_slots_free_ms: float  # from the end of their process until only the others hold slots
    growth: dict[str, float]  # memory in MB; from after the second round to after the last


@dataclass(frozen=True)
class Answer:
    """What became of one request."""

    waveform: np.ndarray[Any, Any]
    whole: bool
    refused: bool
    first_s: float  # until its first audio, or its refusal
    error: str = ""


def listen(client: Client, text: str, voice: str, seed: int) -> Answer:
    """Speak, and say what became of it."""
    began_s, first_s, chunks = time.perf_counter(), 0.0, []
    try:
        for chunk in client.stream(text, voice=voice, language="en", seed=seed, cache="off", retries=0):
            first_s = first_s or time.perf_counter() - began_s
            chunks.append(chunk)
    except SynthesisError as error:
        first_s = first_s or time.perf_counter() - began_s
        refused = isinstance(error, ServerBusy) and not chunks
        return Answer(np.zeros(0, np.float32), False, refused, first_s, repr(error))
    return Answer(np.concatenate([chunk.samples for chunk in chunks]), chunks[-1].final, False, first_s)


def mixed(url: str, voices: list[str], texts: Sequence[str], requests: int, at_once: int) -> Mixed:
    """Send `requests` in random order, `at_once` at a time; compare each with the same one alone."""
    with Client(url, timeout_s=_PATIENCE_S, busy_wait_s=_PATIENCE_S) as client:

        def answer(number: int) -> Answer:
            return listen(client, texts[number % len(texts)], voices[number % len(voices)], number)

        alone = [answer(number) for number in tqdm(range(DISTINCT), desc="alone")]
        order = [number % DISTINCT for number in random.Random(1).sample(range(requests), requests)]
        with ThreadPoolExecutor(at_once) as pool:
            together = list(tqdm(pool.map(answer, order), total=requests, desc=f"{at_once} at once"))
    pairs = [(alone[number], one) for number, one in zip(order, together, strict=True) if one.whole]
    same_size = [(first, second) for first, second in pairs if first.waveform.size == second.waveform.size]
    return Mixed(
        requests=requests,
        at_once=at_once,
        unanswered=requests - len(pairs),
        of_another_length=len(pairs) - len(same_size),
        bit_identical=sum(np.array_equal(first.waveform, second.waveform) for first, second in same_size),
        lowest_snr_db=round(min(min(snr_db(two.waveform, one.waveform), 200.0) for one, two in same_size), 1),
    )


def killed(
    url: str, voices: list[str], metrics: ServerMetrics, watch: ServerWatch, rounds: int, clients: int
) -> Killed:
    """Let a process with half of the clients die in mid-stream, `rounds` times; the other half is served."""
    half = clients // 2
    free_ms: list[float] = []
    footprints: list[dict[str, float]] = []
    with Client(url, timeout_s=_PATIENCE_S, busy_wait_s=_PATIENCE_S) as client, ThreadPoolExecutor(half) as pool:
        for _ in tqdm(range(rounds), desc="killed"):
            survivors = [pool.submit(listen, client, TEXTS[0] * 3, voices[0], seed) for seed in range(half)]
            free_ms.append(_kill(url, voices[-1], half, metrics, survivors))
            if not all(survivor.result().whole for survivor in survivors):
                raise RuntimeError("a client that was not killed was not served")
            metrics.wait_until(lambda: metrics.streams == 0 and metrics.slots_in_use == 0)
            footprints.append(_at_rest(watch))
    before, after = footprints[min(1, rounds - 1)], footprints[-1]
    return Killed(rounds, half, round(max(free_ms), 1), {name: round(after[name] - before[name], 3) for name in after})


def _at_rest(watch: ServerWatch) -> dict[str, float]:
    """The least of a few samples: a connection that is being closed, or a reloader's question, is no growth."""
    first = len(watch.samples)
    for _ in range(5):
        watch.sample(time.perf_counter())
        time.sleep(0.1)
    seen = watch.samples[first:]
    if not seen:
        raise RuntimeError("there is no tritonserver; see its log")
    least = {
        name: min(getattr(sample, name) for sample in seen) for name in ("threads", "files", "shared_mb", "resident_mb")
    }
    return {"processes": min(len(sample.processes) for sample in seen), **least}


def _kill(url: str, voice: str, count: int, metrics: ServerMetrics, survivors: list[Future[Answer]]) -> float:
    """Start a process with `count` streams, which dies after the first chunk of each; milliseconds to free slots."""
    command = [sys.executable, "-c", _VICTIMS, url, LONG_TEXT, voice, str(count)]
    ended = subprocess.run(command, timeout=_PATIENCE_S, check=False).returncode
    died_s = time.perf_counter()
    if ended != 7:
        raise RuntimeError(f"the clients to be killed ended with {ended}")
    metrics.wait_until(lambda: metrics.slots_in_use <= sum(not survivor.done() for survivor in survivors))
    return 1e3 * (time.perf_counter() - died_s)


def _next_is_served(url: str, voices: list[str]) -> bool:
    with Client(url, timeout_s=_PATIENCE_S) as client:
        return listen(client, TEXTS[1], voices[0], 0).whole


@contextmanager
def _served(arguments: argparse.Namespace) -> Iterator[tuple[str, ServerMetrics, ServerWatch]]:
    repository, state = arguments.concurrency_work / "model_repository", arguments.concurrency_work / "concurrency"
    lay_out(repository)
    deployment = limited_deployment() if arguments.sentences_of_3_s else PRESETS["cpu"]
    build(repository, deployment, arguments.concurrency_weights)
    running = local_server.up(repository, state, Ports.free())
    try:
        watch = ServerWatch(running.pid, running.shm_prefix)
        yield f"127.0.0.1:{running.ports.grpc}", ServerMetrics(running.ports), watch
    finally:
        local_server.down(state)


def register(url: str) -> list[str]:
    """Register the reference clips; return their voices."""
    clips = json.loads((REFERENCES / "references.json").read_text(encoding="utf-8"))
    with Client(url, timeout_s=_PATIENCE_S) as client:
        for clip in clips:
            client.register_voice(
                clip["voice"], REFERENCES / clip["audio"], clip["prompt_text"], clip["prompt_language"]
            )
    return [clip["voice"] for clip in clips]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--concurrency-weights", type=Path, default=Path("build/gsv_demo/weights"))
    parser.add_argument("--concurrency-work", type=Path, default=Path("var/bench/demo"), help="keeps the repository")
    parser.add_argument("--sentences-of-3-s", action="store_true", help="end every sentence there, for random weights")
    parser.add_argument("--mixed", type=int, default=200, help="requests in random order")
    parser.add_argument("--one-sentence", action="store_true", help="only the first of each text, in random order")
    parser.add_argument("--at-once", type=int, default=10, help="of those")
    parser.add_argument("--burst", type=int, default=64, help="requests at the same moment; 0: leave this part out")
    parser.add_argument("--burst-processes", type=int, default=4, help="of clients, which share the burst evenly")
    parser.add_argument("--kill-rounds", type=int, default=20, help="0: leave this part out")
    parser.add_argument("--kill-clients", type=int, default=6, help="half of them are killed in each round")


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return Markdown for people and values for machines."""
    arguments.concurrency_work = arguments.concurrency_work.resolve()
    values: dict[str, Any] = {}
    with _served(arguments) as (url, metrics, watch):
        voices = register(url)
        if arguments.mixed:
            texts = _FIRST_SENTENCES if arguments.one_sentence else TEXTS
            values["mixed"] = asdict(mixed(url, voices, texts, arguments.mixed, arguments.at_once))
        if arguments.burst:
            values["burst"] = asdict(burst(url, voices, arguments.burst, arguments.burst_processes, metrics))
            values["next_is_served"] = _next_is_served(url, voices)
        if arguments.kill_rounds:
            values["killed"] = asdict(
                killed(url, voices, metrics, watch, arguments.kill_rounds, arguments.kill_clients)
            )
    return "\n".join(f"- {name}: {json.dumps(value)}" for name, value in values.items()), {"concurrency": values}
