"""Two servers with a gateway each behind HAProxy: a voice travels, both are restarted in turn, and one is killed.

`python -m gsv_bench --only replicas --json` (needs haproxy and redis-server). Each pair is what a pod of the Helm chart
is. Voices lie in a Redis that both share.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from http.client import HTTPException
from itertools import chain
from pathlib import Path
from typing import Any

from gsv_bench.stages import lay_out
from gsv_build.build_repository import build
from gsv_build.deployment import PRESETS
from gsv_client import Client, VoiceNotFound
from gsv_runtime.server import drain, local_server, triton_process
from gsv_runtime.server.model_processes import is_running, model_processes
from gsv_runtime.server.triton_process import Ports

REFERENCE = Path("build/gsv_demo/weights/references/slt.flac")
PROMPT = "The young woman found a good book on the table, and the children laughed."
TEXT = "The old man walked slowly along the river. He thought about the summer when he was a boy."
WORD = "Yes."
LONG = " ".join([TEXT] * 4)  # some 20 s of speech: nobody has heard all when the server is killed
_PATIENCE_S = 300.0

logger = logging.getLogger("gsv.bench")


@dataclass
class Heard:
    """How requests ended."""

    whole: int = 0
    cut: int = 0  # the connection broke: the stream's server had died
    refused: dict[str, int] = field(default_factory=dict)  # by status


@dataclass
class Pair:
    """A server and its gateway."""

    number: int
    repository: Path
    work: Path
    voices: str
    ports: Ports = field(default_factory=Ports.free)
    gateway_port: int = 0
    gateway: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The gateway's."""
        return f"http://127.0.0.1:{self.gateway_port}"

    def start(self) -> None:
        """Start both, and return when they can speak."""
        self.start_server()
        self.start_gateway()

    def start_server(self) -> None:
        """Start the server alone."""
        os.environ["GSV_VOICES"] = self.voices
        local_server.up(self.repository, self.work / f"state{self.number}", self.ports)

    def start_gateway(self) -> None:
        """Start the gateway alone."""
        triton = ["--triton", f"127.0.0.1:{self.ports.grpc}", "--keys", str(self.work / "keys.json")]
        command = [sys.executable, "-m", "gsv_gateway", "--port", str(self.gateway_port), *triton]
        with (self.work / f"gateway{self.number}.log").open("ab") as log:
            self.gateway = subprocess.Popen([*command, "--drain", "120"], stderr=log)
        _until(lambda: _status(f"{self.url}/readyz") == 200, "the gateway is not ready")

    def stop_gateway(self) -> None:
        """Let the gateway end its streams, and end."""
        if self.gateway is not None:
            self.gateway.send_signal(signal.SIGTERM)
            self.gateway.wait(_PATIENCE_S)

    def restart(self) -> None:
        """What a rolling update does to a pod: the gateway drains, the server drains, both start again."""
        self.stop_gateway()
        drain.drained(120.0, lambda: drain.streams_at(f"http://127.0.0.1:{self.ports.metrics}/metrics"))
        local_server.down(self.work / f"state{self.number}")
        self.start()


def listen(url: str, text: str, heard: Heard, lock: threading.Lock, seed: int) -> None:
    """Ask for a text by the balancer, and note how it ended."""
    body = json.dumps({"model": "tts-1", "input": text, "voice": "ann", "response_format": "pcm", "seed": seed})
    request = urllib.request.Request(f"{url}/v1/audio/speech", body.encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as reply:
            while reply.read(8192):
                pass
        with lock:
            heard.whole += 1
    except urllib.error.HTTPError as error:
        with lock:
            heard.refused[str(error.code)] = heard.refused.get(str(error.code), 0) + 1
    except (OSError, ValueError, HTTPException) as error:
        logger.info("cut off: %s", type(error).__name__)
        with lock:
            heard.cut += 1


@contextlib.contextmanager
def crowd(url: str, text: str, count: int) -> Iterator[Heard]:
    """So many listeners at once, whose speech no server has in its cache; leaving waits for all."""
    heard, lock = Heard(), threading.Lock()
    first_seed = random.randrange(2**31 - count)
    threads = [threading.Thread(target=listen, args=(url, text, heard, lock, first_seed + n)) for n in range(count)]
    for thread in threads:
        thread.start()
    yield heard
    for thread in threads:
        thread.join()


def kill_one(url: str, pairs: list[Pair], listeners: int) -> dict[str, Any]:
    """Kill one server while a crowd listens. When is a newcomer heard: before, at once after, and once more?

    What all three say of a word in the cache is the way through the balancer alone; a word that is computed waits for
    its turn among the streams that run, too. The server is started again.
    """
    for pair in pairs:
        newcomer(pair.url, cached=True)  # so that each has it
    with crowd(url, LONG, listeners) as heard:
        some = max(1, listeners // 4)
        _until(lambda: all(_streams(pair) >= some for pair in pairs), "the crowd is not at both servers")
        found: dict[str, Any] = {"listeners": listeners, "before": newcomers(url)}
        victim = pairs[0]
        found |= {"streams": sum(map(_streams, pairs)), "at_the_victim": _streams(victim)}
        state = local_server.ServerState.read(victim.work / f"state{victim.number}")
        assert state is not None
        threading.Thread(target=_kill, args=(state,)).start()
        found["after"] = newcomers(url)
        found |= {"later": newcomers(url), "later_streams": _streams(pairs[1])}
    local_server.down(victim.work / f"state{victim.number}")
    victim.start_server()
    return {**found, "raised": os.geteuid() == 0, **asdict(heard)}


def _kill(state: local_server.ServerState) -> None:
    """Stop the models, kill the watchdog and tritonserver, and the models when that is gone.

    The end of a machine costs no other any time. Models that went on would take the processors of the other server.
    Killed at once, they would free their memory there, and tritonserver's connections would be closed last.
    It has 770 threads, of which each must have run once before they are: without root, a second or two later.
    """
    server = state.server_pid
    assert server is not None
    try:
        for pid in chain(*model_processes(server).values()):
            os.kill(pid, signal.SIGSTOP)
        for thread in Path(f"/proc/{server}/task").iterdir():
            with contextlib.suppress(OSError):  # it has ended, or we are not root
                os.setpriority(os.PRIO_PROCESS, int(thread.name), -20)
        for pid in (state.pid, server):
            os.kill(pid, signal.SIGKILL)
        _until(lambda: not is_running(server), "tritonserver does not die")
    finally:
        triton_process.kill(state.pid)


def newcomers(url: str) -> dict[str, dict[str, float]]:
    """One who asks for a word in the cache, and then one who asks for a word that is computed."""
    return {"cached": newcomer(url, cached=True), "computed": newcomer(url, cached=False)}


def newcomer(url: str, cached: bool) -> dict[str, float]:
    """Ask for a word until it is heard: seconds to the first sound, and requests that were refused before.

    Args:
        url: of a gateway, or of the balancer.
        cached: whether it names a seed, and so may be said as before.
    """
    asked = {"model": "tts-1", "input": WORD, "voice": "ann", "response_format": "pcm"}
    body = json.dumps({**asked, "seed": 1} if cached else asked).encode()
    began_s, refused = time.monotonic(), 0
    while True:
        request = urllib.request.Request(f"{url}/v1/audio/speech", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE_S) as reply:
                reply.read(1)
            return {"first_sound_s": round(time.monotonic() - began_s, 3), "refused": refused}
        except (OSError, HTTPException):
            refused += 1
            time.sleep(0.02)


def voice_travels(pairs: list[Pair], rounds: int) -> dict[str, Any]:
    """Register at one server and speak at the other, by turns with a voice that the other has spoken with."""
    known_s: list[float] = []
    new_s: list[float] = []
    gone = 0
    first, second = (Client(f"127.0.0.1:{pair.ports.grpc}", _PATIENCE_S) for pair in pairs)
    with first, second:
        for seed in range(2):
            _first_chunk_s(second, "ann", seed)  # the first request of a server pays for what is loaded late
        for number in range(rounds):
            name = f"eve{number}"
            known_s.append(_first_chunk_s(second, "ann", number))
            first.register_voice(name, REFERENCE, PROMPT, "en")
            new_s.append(_first_chunk_s(second, name, number))
            second.delete_voice(name)
            gone += sum(_is_gone(client, name) for client in (first, second))
    found = {"rounds": rounds, "known_s": known_s, "new_s": new_s, "gone": f"{gone} of {2 * rounds}"}
    return {**found, "known_median_s": statistics.median(known_s), "new_median_s": statistics.median(new_s)}


def _first_chunk_s(client: Client, voice: str, seed: int) -> float:
    began_s = time.perf_counter()
    with client.stream(WORD, voice=voice, language="en", seed=seed, cache="off") as chunks:
        next(iter(chunks))
    return round(time.perf_counter() - began_s, 3)


def _is_gone(client: Client, voice: str) -> bool:
    try:
        client.synthesize(WORD, voice=voice, language="en")
    except VoiceNotFound:
        return True
    return False


def rolling(url: str, pairs: list[Pair], listeners: int) -> dict[str, Any]:
    """Restart both in turn while a crowd listens."""
    with crowd(url, TEXT, listeners) as heard:
        for pair in pairs:
            pair.restart()
    return {"listeners": listeners, **asdict(heard)}


def _streams(pair: Pair) -> float:
    return drain.streams_at(f"http://127.0.0.1:{pair.ports.metrics}/metrics") or 0.0


def _servers_up(stats_url: str) -> int:
    """Gateways that HAProxy gives streams to."""
    with urllib.request.urlopen(f"{stats_url}/;csv", timeout=5) as reply:
        lines = [line.split(",") for line in reply.read().decode().splitlines()]
    status = lines[0].index("status")
    return sum(line[0] == "streams" and line[1] != "BACKEND" and line[status] == "UP" for line in lines[1:] if line[1:])


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def _until(claim: Any, otherwise: str) -> None:
    until_s = time.monotonic() + _PATIENCE_S
    while not claim():
        if time.monotonic() > until_s:
            raise RuntimeError(otherwise)
        time.sleep(0.05)


@contextlib.contextmanager
def process(log: Path, *command: str, environment: dict[str, str] | None = None) -> Iterator[None]:
    """A process of ours, ended when this ends; what it says is in `log`."""
    with log.open("wb") as file:
        running = subprocess.Popen(command, env=os.environ | (environment or {}), stdout=file)
    try:
        yield
    finally:
        running.terminate()
        running.wait(30)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--replicas-weights", type=Path, default=Path("build/gsv_demo/weights"))
    parser.add_argument("--replicas-repository", type=Path, help="one that is built; default: builds its own")
    parser.add_argument("--replicas-work", type=Path, default=Path("var/bench/replicas"))
    parser.add_argument("--replicas-listeners", type=int, default=64)
    parser.add_argument("--replicas-bearable", type=int, default=8, help="listeners that one server alone bears")
    parser.add_argument("--replicas-kills", type=int, default=3, help="of a server while so few listen")
    parser.add_argument("--replicas-rounds", type=int, default=15, help="of a voice that travels")


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return Markdown for people and values for machines."""
    for needed in ("haproxy", "redis-server"):
        if shutil.which(needed) is None:
            return f"replicas: {needed} is not installed (apt-get install {needed})", {}
    work = arguments.replicas_work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    repository = arguments.replicas_repository
    if repository is None:
        repository = work / "model_repository"
        lay_out(repository)
        build(repository, PRESETS["cpu"], arguments.replicas_weights)
    spare = Ports.free()
    redis_port, balancer = spare.http, spare.grpc
    pairs = [Pair(n, repository.resolve(), work, f"redis://127.0.0.1:{redis_port}/0") for n in range(2)]
    for pair in pairs:
        pair.gateway_port = Ports.free().http
    url = f"http://127.0.0.1:{balancer}"
    balanced = {f"GSV_GATEWAY_{pair.number + 1}": f"127.0.0.1:{pair.gateway_port}" for pair in pairs}
    balanced |= {"GSV_BALANCER": f"127.0.0.1:{balancer}", "GSV_BALANCER_STATS": f"127.0.0.1:{spare.metrics}"}
    values: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        stack.enter_context(
            process(work / "redis.log", "redis-server", "--port", str(redis_port), "--save", "", "--dir", str(work))
        )
        for pair in pairs:
            stack.callback(local_server.down, work / f"state{pair.number}")
            stack.callback(pair.stop_gateway)
            pair.start()
        stack.enter_context(
            process(work / "haproxy.log", "haproxy", "-f", "deploy/haproxy/haproxy.cfg", environment=balanced)
        )
        _until(lambda: _status(f"{url}/readyz") == 200, "the balancer does not answer")
        with Client(f"127.0.0.1:{pairs[0].ports.grpc}", _PATIENCE_S) as client:
            client.register_voice("ann", REFERENCE, PROMPT, "en")
        values["voice"] = _told("voice", voice_travels(pairs, arguments.replicas_rounds))
        values["rolling"] = _told("rolling", rolling(url, pairs, arguments.replicas_listeners // 4))
        for number in range(arguments.replicas_kills + 1):
            listeners = arguments.replicas_bearable if number else arguments.replicas_listeners
            stats = f"http://127.0.0.1:{spare.metrics}"
            _until(lambda stats=stats: _servers_up(stats) == len(pairs), "the balancer misses a gateway")
            name = f"kill, {listeners} listeners" + f", {number}" * bool(number)
            values[name] = _told(name, kill_one(url, pairs, listeners))
    lines = [f"| {part} | {value} |" for part, value in values.items()]
    return "\n".join(["| part | values |", "| --- | --- |", *lines]), {"replicas": values}


def _told(part: str, found: Any) -> Any:
    logger.info("measured %s: %s", part, found)
    return found
