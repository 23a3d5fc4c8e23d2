"""Many fine-tunes in one server: whether any is mixed up, what a lease costs, how long a load takes, what is disturbed.

`python -m gsv_bench --only fine-tunes --json`. The fine-tunes are the demo voice with its weights shaken, each its own
way, so that what one says sounds unlike what another says. What each says alone is what the others are compared with,
bit by bit.
"""

from __future__ import annotations

import argparse
import logging
import random
import re
import shutil
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from gsv_bench.fine_tune_memory import memory, private_bytes
from gsv_bench.server_metrics import ServerMetrics
from gsv_bench.stages import lay_out
from gsv_build import checkpoints
from gsv_build.added_models import add_model, built_files, folders_of, weights_ids
from gsv_build.build_record import BuildRecord, builder_digest
from gsv_build.build_repository import build
from gsv_build.deployment import PRESETS, with_settings
from gsv_build.stage_builds import Weights, stage_builds
from gsv_build.weights import Chosen, find_weights
from gsv_client import Client
from gsv_runtime import contract
from gsv_runtime.contract import S1, S2
from gsv_runtime.models.catalogue import read_catalogue
from gsv_runtime.models.weights_calls import OPENED
from gsv_runtime.server import local_server
from gsv_runtime.server.local_server import ServerState
from gsv_runtime.server.model_processes import model_processes
from gsv_runtime.server.model_reloader import ModelControl
from gsv_runtime.server.triton_process import Ports

REFERENCE = Path("build/gsv_demo/weights/references/slt.flac")
PROMPT = "The young woman found a good book on the table, and the children laughed."
TEXTS = ("The door is open.", "Seven people came.", "It rained all night.")
LONG = "The old man walked slowly along the river, and he thought about the summer when he was a boy. " * 2
logger = logging.getLogger("gsv.bench")
_SHAKEN = 0.05  # of each weight
_PATIENCE_S = 300.0
_OPENED = re.compile(r"weights opened stage=(\w+) .* s=([\d.]+)")


@dataclass(frozen=True)
class MixedFineTunes:
    """Requests for all fine-tunes in random order."""

    models: int
    room_for: int
    requests: int
    wrong: int  # whose audio is not what that fine-tune says alone
    pairs_alike: int  # of fine-tunes that say a text alike, alone
    loads: int  # while they were answered
    loaded_at_the_end: int  # the first included
    seconds: float


@dataclass(frozen=True)
class LoadTimes:
    """Loading while others speak."""

    cold_s: list[float]
    cold_median_s: float
    of_stages_s: dict[str, float]  # stage to the median of what each load took in it; the calls around it are the rest
    loads_during_streams: int
    underruns_s: list[float]  # of the streams that ran meanwhile: the longest wait of each
    underruns_without_s: list[float]  # of as many streams without loads


@dataclass(frozen=True)
class Lease:
    """A request to a loaded fine-tune beside the same request to a server that has only that one."""

    rounds: int
    alone_p50_ms: float
    alone_p95_ms: float
    among_p50_ms: float
    among_p95_ms: float


@dataclass(frozen=True)
class ControlLoads:
    """Loading the same by Triton's model control."""

    seconds: list[float]
    median_s: float
    private_mib: float  # of the three processes that a fine-tune would have


def shake(source: Path, target: Path, seed: int) -> None:
    """Write the two checkpoints of a voice with each weight changed at random."""
    target.mkdir(parents=True, exist_ok=True)
    if (target / "s2.pth").is_file():
        return
    generator = torch.Generator().manual_seed(seed)

    def shaken(module: torch.nn.Module) -> None:
        with torch.no_grad():
            for weight in module.parameters():
                weight.mul_(1 + _SHAKEN * torch.randn(weight.shape, generator=generator))

    t2s, sovits = checkpoints.load_t2s(source / "s1.ckpt"), checkpoints.load_sovits(source / "s2.pth")
    shaken(t2s.module)
    for part in (sovits.module.acoustic, sovits.module.vocoder, sovits.module.reference_encoder):
        shaken(part)
    checkpoints.save_t2s(target / "s1.ckpt", t2s.module)
    checkpoints.save_sovits(target / "s2.pth", sovits.module, sovits.sizes)


def prepare(work: Path, weights: Path, count: int, room_for: int) -> Path:
    """Build a repository with `count` fine-tunes beside the first, and room for some of them."""
    repository = work / "model_repository"
    lay_out(repository)
    build(repository, PRESETS["cpu"], weights)
    for number in range(count):
        shake(weights, work / "weights" / name_of(number), number)
        add_model(
            repository, PRESETS["cpu"], work / "weights" / name_of(number), name_of(number), chosen=Chosen(base=weights)
        )
    largest = max(
        sum(each.checkpoints[kind].nbytes for kind in (S1, S2)) for each in read_catalogue(repository).values()
    )
    build(repository, with_settings(PRESETS["cpu"], contract.FINE_TUNES, loaded_bytes=room_for * largest), weights)
    return repository


def prepare_alone(work: Path, repository: Path, weights: Path, name: str) -> Path:
    """A repository whose first and only fine-tune is one that another has among many; no graph is exported again."""
    alone, own = work / "alone" / "model_repository", work / "weights" / name
    lay_out(alone)
    found = Weights(find_weights(own, None, Chosen(base=weights)))
    stages, builder = stage_builds(found, PRESETS["cpu"]), builder_digest()
    folders = folders_of(repository, weights_ids(stages, builder), {S1: 0, S2: 0})
    for stage in stages:
        source = folders.get(stage.model.name, repository / stage.model.name / "1")
        for path in built_files(source):
            shutil.copy(path, alone / stage.model.name / "1" / path.name)
    record = BuildRecord(PRESETS["cpu"].preset)
    record.stages = {stage.model.name: stage.digest(builder) for stage in stages}
    record.write(alone)
    build(alone, PRESETS["cpu"], own, chosen=Chosen(base=weights))
    return alone


def name_of(number: int) -> str:
    """Name of a fine-tune."""
    return f"tune{number:02d}"


@contextmanager
def served(repository: Path, state: Path) -> Iterator[ServerState]:
    """A server on ports of its own."""
    running = local_server.up(repository, state, Ports.free())
    try:
        yield running
    finally:
        local_server.down(state)


def register(client: Client, names: Sequence[str]) -> None:
    """Register the reference for each fine-tune, under its name."""
    for name in names:
        client.register_voice(name, REFERENCE, PROMPT, "en", model=name)


def say(client: Client, name: str, text: str) -> bytes:
    """What a fine-tune says; always the same."""
    audio = client.synthesize(text, voice=name, language="en", seed=5, cache="off")
    return np.ascontiguousarray(audio.samples).tobytes()


def mixed(
    url: str, names: Sequence[str], requests: int, clients: int, room_for: int, metrics: ServerMetrics
) -> MixedFineTunes:
    """Ask for all fine-tunes in random order, several at once."""
    with Client(url, _PATIENCE_S, busy_wait_s=_PATIENCE_S) as client:
        register(client, names)
        alone = {(name, text): say(client, name, text) for name in tqdm(names, desc="alone") for text in TEXTS}
        texts = [[alone[name, text] for text in TEXTS] for name in names]
        alike = sum(texts[a][k] == texts[b][k] for a in range(len(names)) for b in range(a) for k in range(len(TEXTS)))
        order = [random.Random(n).choice(list(alone)) for n in range(requests)]
        began_s, wrong, loads_before = time.monotonic(), 0, metrics.model_loads
        with ThreadPoolExecutor(clients) as pool:
            told = tqdm(pool.map(lambda each: say(client, *each) == alone[each], order), total=requests, desc="mixed")
            wrong = sum(not right for right in told)
        seconds = time.monotonic() - began_s
        during, at_the_end = metrics.model_loads - loads_before, sum(each.loaded for each in client.list_models())
    return MixedFineTunes(len(names), room_for, requests, wrong, alike, int(during), at_the_end, round(seconds, 1))


def loads(url: str, log: Path, names: Sequence[str], count: int, streams: int) -> LoadTimes:
    """Time cold loads from the page cache, then load again and again while the first fine-tune speaks to `streams`."""
    with Client(url, _PATIENCE_S, busy_wait_s=_PATIENCE_S) as client:
        cold = [_cycle(client, name) for name in names]
        of_stages_s = _opened_s(log)
        without = _listen(client, streams, threading.Event(), rounds=3)
        stop, waits = threading.Event(), []

        def listen() -> None:
            waits.extend(_listen(client, streams, stop, rounds=None))

        thread = threading.Thread(target=listen)
        thread.start()
        for number in tqdm(range(count), desc="loads", unit="load"):
            _cycle(client, names[number % len(names)])
        stop.set()
        thread.join()
    told_s = [round(each, 3) for each in cold]
    return LoadTimes(told_s, round(statistics.median(cold), 3), of_stages_s, count, waits, without)


def _opened_s(log: Path) -> dict[str, float]:
    """What opening weights took by stage, as the stages' processes logged it; median, in seconds."""
    took: dict[str, list[float]] = {}
    for stage, seconds in _OPENED.findall(log.read_text(encoding="utf-8", errors="replace")):
        took.setdefault(stage, []).append(float(seconds))
    return {stage: round(statistics.median(each), 3) for stage, each in took.items()}


def _cycle(client: Client, name: str) -> float:
    """Unload a fine-tune and load it; seconds of the second."""
    client.unload_model(name)
    while any(each.model == name and each.loaded for each in client.list_models()):
        time.sleep(0.01)
    began_s = time.perf_counter()
    client.load_model(name)
    return time.perf_counter() - began_s


def _listen(client: Client, streams: int, stop: threading.Event, rounds: int | None) -> list[float]:
    """Listen to long texts, so many at once; the longest wait of each stream beyond what was buffered, in seconds."""

    def one(seed: int) -> float:
        with client.stream(LONG, voice="first", language="en", seed=seed, cache="off") as chunks:
            for _ in chunks:
                pass
            return round(chunks.playback.underrun_s, 3)

    waits: list[float] = []
    if not streams:
        return waits
    with ThreadPoolExecutor(streams) as pool:
        number = 0
        while not stop.is_set() and (rounds is None or number < rounds):
            waits += pool.map(one, range(streams * number, streams * (number + 1)))
            number += 1
    return waits


def lease(alone_url: str, among_url: str, name: str, rounds: int) -> Lease:
    """Ask by turns a server that has one fine-tune as its first, and one that has it among others."""
    times: dict[bool, list[float]] = {True: [], False: []}  # whether alone
    with Client(alone_url, _PATIENCE_S) as alone, Client(among_url, _PATIENCE_S) as among:
        alone.register_voice(name, REFERENCE, PROMPT, "en")
        among.register_voice(name, REFERENCE, PROMPT, "en", model=name)
        among.load_model(name, pin=True)
        for client in (alone, among):
            say(client, name, TEXTS[0])
        same = [say(alone, name, text) == say(among, name, text) for text in TEXTS]
        if not all(same):
            raise RuntimeError("the fine-tune does not say the same alone and among others")
        for number in tqdm(range(rounds), desc="by turns"):
            for is_alone in (True, False) if number % 2 else (False, True):
                began_s = time.perf_counter()
                say(alone if is_alone else among, name, TEXTS[number % len(TEXTS)])
                times[is_alone].append(1e3 * (time.perf_counter() - began_s))

    def at(is_alone: bool, share: float) -> float:
        return round(float(np.quantile(times[is_alone], share)), 1)

    return Lease(rounds, at(True, 0.5), at(True, 0.95), at(False, 0.5), at(False, 0.95))


def control(running: ServerState, rounds: int) -> ControlLoads:
    """Load the three stages that a request needs by Triton's model control, in a process each."""
    server, names = running.server_pid, [model.name for model in OPENED]
    asked = ModelControl(f"{running.ports.host}:{running.ports.http}", running.admin_key)
    seconds = []
    for _ in tqdm(range(rounds), desc="model control", unit="load"):
        for name in names:
            asked.unload(name)
        began_s = time.perf_counter()
        if not all([asked.load(name) for name in names]):
            raise RuntimeError("a model did not load; see the server's log")
        seconds.append(round(time.perf_counter() - began_s, 3))
    pids = [pid for name in names for pid in model_processes(server or 0).get(name, ())]
    private = sum(private_bytes(pid) for pid in pids)
    return ControlLoads(seconds, round(statistics.median(seconds), 3), round(private / 2**20, 1))


def _told(part: str, found: Any) -> Any:
    """What was found, told at once: a run takes an hour on a busy machine."""
    logger.info("measured %s: %s", part, found)
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--tunes-weights", type=Path, default=Path("build/gsv_demo/weights"))
    parser.add_argument("--tunes-work", type=Path, default=Path("var/bench/fine-tunes"), help="keeps the repositories")
    parser.add_argument("--tunes", type=int, default=12, help="fine-tunes beside the first")
    parser.add_argument("--tunes-room", type=int, default=4, help="that may be loaded")
    parser.add_argument("--tunes-requests", type=int, default=1000)
    parser.add_argument("--tunes-clients", type=int, default=4, help="at once")
    parser.add_argument("--tunes-loads", type=int, default=50)
    parser.add_argument("--tunes-streams", type=int, default=2, help="that run during the loads; 0: none")
    parser.add_argument(
        "--tunes-control", type=int, default=8, help="loads by Triton's model control, to compare; 0: none"
    )
    parser.add_argument("--tunes-rounds", type=int, default=60, help="of a request alone and among others; 0: left out")


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return Markdown for people and values for machines."""
    work, weights = arguments.tunes_work.resolve(), arguments.tunes_weights
    repository = prepare(work, weights, arguments.tunes, arguments.tunes_room)
    names = [name_of(number) for number in range(arguments.tunes)]
    values: dict[str, Any] = {}
    with served(repository, work / "state") as running:
        url = f"127.0.0.1:{running.ports.grpc}"
        with Client(url, _PATIENCE_S) as client:
            client.register_voice("first", REFERENCE, PROMPT, "en")
        values["memory"] = _told("memory", memory(running, url, names[: arguments.tunes_room]))
        log, counts = work / "state" / "server.log", (arguments.tunes_loads, arguments.tunes_streams)
        values["loads"] = _told("loads", asdict(loads(url, log, names, *counts)))
        if arguments.tunes_rounds:
            alone = prepare_alone(work, repository, weights, names[0])
            with served(alone, work / "alone" / "state") as other:
                found = lease(f"127.0.0.1:{other.ports.grpc}", url, names[0], arguments.tunes_rounds)
                if arguments.tunes_control:
                    values["control"] = _told("control", asdict(control(other, arguments.tunes_control)))
            values["lease"] = _told("lease", asdict(found))
            with Client(url, _PATIENCE_S) as client:
                client.unpin_model(names[0])
        if arguments.tunes_requests:
            about = (arguments.tunes_requests, arguments.tunes_clients, arguments.tunes_room)
            values["mixed"] = _told("mixed", asdict(mixed(url, names, *about, ServerMetrics(running.ports))))
    lines = [f"| {part} | {value} |" for part, value in values.items()]
    return "\n".join(["| part | values |", "| --- | --- |", *lines]), {"fine-tunes": values}
