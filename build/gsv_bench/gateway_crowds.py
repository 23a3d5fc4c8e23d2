"""Crowds that do a gateway no good: who reads nothing, who says nothing, who leaves; and a server that is killed.

`python -m gsv_bench --only gateway-crowds --json`. One server with the demo voice and one gateway before it.

- leavers: clients that leave in mid-stream, one after the other and all at once, until no stream is open;
- idle: clients that ask for a long answer and read nothing, and connections that say nothing, half a head, half a body,
  or open a WebSocket, all for a minute, while one good listener asks for a sentence again and again: first from the
  listener's own address, where only who takes nothing can be told from who listens; then from another address, as a
  crowd has, where the listener has its share as well;
- kills: the server is killed while listeners are at work, and comes back (`gateway_kills`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from tqdm import tqdm

from gsv_bench.concurrency import register
from gsv_bench.gateway import TEXT
from gsv_bench.gateway_kills import Askers, kills
from gsv_bench.served_gateway import ServedGateway, served
from gsv_gateway.settings import Limits
from gsv_loadtest.server_watch import Sample, ServerWatch

_LONG = (f"{TEXT} " * 100)[: Limits.text_characters]
_PATIENCE_S = 120.0
_POLL_S = 0.005
_PAUSE_S = 0.5
_SMALL_WINDOW = 4_096  # bytes that a client which reads nothing takes in unread
_FULL_SCALE = 32_768
_LISTENERS_HOME, _ELSEWHERE = "127.0.0.1", "127.0.0.2"
_IDLE = (
    b"",
    b"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Le",
    b"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{",
    b"GET /live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
)


@dataclass
class Answered:
    """What a good listener was answered.

    Attributes:
        right: Answers with the samples that the same request had before.
        refused: 503 or 429 with Retry-After.
        refused_until_s: When it was refused last, in seconds since it began to ask.
        wrong: Anything else, by what it was.
        first_audio_s: Of each that was right.
        alive_s: How long `/healthz` took.
        most_different: Of all samples, 1 being full scale.
    """

    right: int = 0
    refused: int = 0
    refused_until_s: float = 0.0
    wrong: Counter[str] = field(default_factory=Counter)
    first_audio_s: list[float] = field(default_factory=list)
    alive_s: list[float] = field(default_factory=list)
    most_different: float = 0.0

    def summary(self) -> dict[str, Any]:
        """In figures."""
        return {
            "right": self.right,
            "refused": self.refused,
            "refused_until_s": round(self.refused_until_s, 1),
            "wrong": dict(self.wrong),
            "most_different": round(self.most_different, 5),
            "first_audio_median_s": round(statistics.median(self.first_audio_s or [0.0]), 3),
            "first_audio_slowest_s": round(max(self.first_audio_s, default=0.0), 3),
            "alive_median_s": round(statistics.median(self.alive_s or [0.0]), 3),
            "alive_slowest_s": round(max(self.alive_s, default=0.0), 3),
        }


class GoodListener:
    """Asks the gateway for one sentence, with a seed, so that it knows what is right.

    Args:
        at: The gateway.
        session: Its connections.
        voice: Whose.
    """

    def __init__(self, at: ServedGateway, session: aiohttp.ClientSession, voice: str) -> None:
        self._at, self._session = at, session
        self._body = {
            "model": "tts-1", "input": TEXT, "voice": voice, "language": "en", "seed": 7, "cache": "off", "retries": 0,
            "response_format": "pcm",
        }  # fmt: skip
        self._right = b""
        self._began_s = time.monotonic()
        self.heard = Answered()

    async def learn(self) -> None:
        """Hear what is right."""
        status, self._right, _, _ = await self._asked()
        if status != 200 or not self._right:
            raise RuntimeError(f"the gateway answers {status}: {self._right[:200]!r}")

    async def ask(self) -> None:
        """Ask once, and count what comes."""
        began_s = time.perf_counter()
        async with self._session.get(f"http://{self._at.address}/healthz") as answer:
            await answer.read()
        self.heard.alive_s.append(time.perf_counter() - began_s)
        try:
            status, data, first_s, headers = await self._asked()
        except (aiohttp.ClientError, TimeoutError) as error:
            self.heard.wrong[type(error).__name__] += 1
            return
        if status in (429, 503) and headers.get("Retry-After"):
            self.heard.refused += 1
            self.heard.refused_until_s = time.monotonic() - self._began_s
            await asyncio.sleep(float(headers["Retry-After"]))
        elif status != 200 or len(data) != len(self._right):
            self.heard.wrong[f"{status}, {len(data)} bytes"] += 1
        else:
            self.heard.right += 1
            self.heard.first_audio_s.append(first_s)
            self.heard.most_different = max(self.heard.most_different, _difference(data, self._right))

    async def _asked(self) -> tuple[int, bytes, float, Any]:
        began_s, first_s, data = time.perf_counter(), 0.0, b""
        async with self._session.post(f"http://{self._at.address}/v1/audio/speech", json=self._body) as answer:
            async for piece in answer.content.iter_any():
                first_s = first_s or time.perf_counter() - began_s
                data += piece
            return answer.status, data, first_s, answer.headers

    async def ask_for(self, seconds: float) -> Answered:
        """Ask again and again; only of this time is told."""
        self.heard, self._began_s = Answered(), time.monotonic()
        while time.monotonic() - self._began_s < seconds:
            await self.ask()
            await asyncio.sleep(_PAUSE_S)
        return self.heard


def _difference(data: bytes, right: bytes) -> float:
    pair = [np.frombuffer(each, "<i2").astype(np.int32) for each in (data, right)]
    return float(np.abs(pair[0] - pair[1]).max()) / _FULL_SCALE


class Crowd:
    """Connections as bare sockets.

    Args:
        at: The gateway.
        voice: Whom they ask for.
        home: The address of this machine that they come from.
    """

    def __init__(self, at: ServedGateway, voice: str, home: str = _LISTENERS_HOME) -> None:
        host, _, port = at.address.rpartition(":")
        self._address, self.home = (host, int(port)), home
        body = {"model": "tts-1", "input": _LONG, "voice": voice, "language": "en", "cache": "off", "retries": 0}
        data = json.dumps(body | {"response_format": "pcm"}).encode()
        head = "POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n"
        self.long_request = head.format(len(data)).encode() + data

    async def connected(self, data: bytes) -> socket.socket:
        """One that has sent this, and has read nothing."""
        made, loop = socket.socket(), asyncio.get_running_loop()
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_WINDOW)
        made.bind((self.home, 0))
        await loop.sock_connect(made, self._address)
        await loop.sock_sendall(made, data)
        return made

    async def in_mid_stream(self) -> socket.socket | None:
        """One that hears the long answer; None where it was refused."""
        made = await self.connected(self.long_request)
        status = await asyncio.get_running_loop().sock_recv(made, 65_536)
        if status.startswith(b"HTTP/1.1 200"):
            return made
        made.close()
        return None


class Counts:
    """What is open and held: streams at the gateway and at the server, memory."""

    def __init__(self, at: ServedGateway, session: aiohttp.ClientSession) -> None:
        self._at, self._session = at, session

    async def streams(self) -> tuple[float, float]:
        """The gateway's answers and the server's requests that have not ended."""
        async with self._session.get(f"http://{self._at.address}/metrics") as answer:
            text = await answer.text()
        active = next(line for line in text.splitlines() if line.startswith("gsv_gateway_active_streams "))
        return float(active.rpartition(" ")[2]), await asyncio.to_thread(lambda: self._at.metrics.streams)

    async def until(self, is_so: Callable[[float, float], bool]) -> float:
        """Seconds until the numbers of streams are as they should be."""
        began_s = time.perf_counter()
        while not is_so(*await self.streams()):
            if time.perf_counter() - began_s > _PATIENCE_S:
                raise RuntimeError(f"streams stay open: {await self.streams()}")
            await asyncio.sleep(_POLL_S)
        return time.perf_counter() - began_s

    async def until_free(self) -> float:
        """Seconds until no stream is open."""
        return await self.until(lambda gateway, server: gateway == server == 0)

    def memory(self) -> dict[str, float]:
        """Resident megabytes and open files of the gateway, megabytes of the server's processes."""
        server = self._at.server
        gateway, behind = _sampled(self._at.gateway_pid, "no shared memory"), _sampled(server.pid, server.shm_prefix)
        return {
            "gateway_mb": round(gateway.resident_mb, 1),
            "gateway_files": gateway.files,
            "server_mb": round(behind.resident_mb, 1),
        }


def _sampled(pid: int, shm_prefix: str) -> Sample:
    watch = ServerWatch(pid, shm_prefix)
    watch.sample(0.0)
    return watch.samples[0]


async def idle(
    crowd: Crowd, counts: Counts, listener: GoodListener, readers_of_nothing: int, idle_count: int, seconds: float
) -> dict[str, Any]:
    """Let them all be there for a while, then leave; and see what a good listener has of it."""
    quiet = (await listener.ask_for(seconds / 6)).summary()
    before, made = counts.memory(), []
    began_s = time.perf_counter()
    asking = asyncio.ensure_future(listener.ask_for(seconds))
    for number in tqdm(range(readers_of_nothing + idle_count), desc="idle", unit="client"):
        made.append(await crowd.connected(_IDLE[number % len(_IDLE)] if number < idle_count else crowd.long_request))
    connected_s = time.perf_counter() - began_s
    meanwhile = (await asking).summary()
    streams, during = await counts.streams(), counts.memory()
    for each in made:
        each.close()
    free_s = await counts.until_free()
    after_it = (await listener.ask_for(seconds / 6)).summary()
    return {
        "from": crowd.home,
        "readers_of_nothing": readers_of_nothing,
        "idle": idle_count,
        "seconds": seconds,
        "connected_s": round(connected_s, 2),
        "streams_at_the_end": {"gateway": streams[0], "server": streams[1]},
        "free_s": round(free_s, 3),
        "listener": {"before": quiet, "meanwhile": meanwhile, "after": after_it},
        "memory": {"before": before, "meanwhile": during, "after": counts.memory()},
    }


async def leavers(crowd: Crowd, counts: Counts, count: int) -> dict[str, Any]:
    """Leave in mid-stream, one after the other, then all at once."""
    alone_s, tries = [], 0
    for _ in tqdm(range(count), desc="leave", unit="client"):
        while (one := await crowd.in_mid_stream()) is None:
            tries += 1
            await asyncio.sleep(1.0)
        one.close()
        alone_s.append(await counts.until_free())
    together = await asyncio.gather(*(crowd.in_mid_stream() for _ in range(count)))
    heard = [each for each in together if each is not None]
    at_once = await counts.streams()
    began_s = time.perf_counter()
    for each in heard:
        each.close()
    all_s = await counts.until_free()
    return {
        "count": count,
        "one_by_one_median_s": round(statistics.median(alone_s), 3),
        "one_by_one_slowest_s": round(max(alone_s), 3),
        "at_once": {
            "in_mid_stream": len(heard),
            "streams": {"gateway": at_once[0], "server": at_once[1]},
            "closed_s": round(time.perf_counter() - began_s - all_s, 3),
            "all_free_s": round(all_s, 3),
        },
    }


async def measure(arguments: argparse.Namespace, at: ServedGateway, state: Path) -> dict[str, Any]:
    """Let all of them come, one crowd after the other."""
    voice = (await asyncio.to_thread(register, at.grpc))[0]
    limit = aiohttp.ClientTimeout(total=None, sock_read=_PATIENCE_S)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=limit) as session:
        counts, listener = Counts(at, session), GoodListener(at, session, voice)
        await listener.learn()
        found: dict[str, Any] = {"memory_at_first": counts.memory()}
        found["leavers"] = await leavers(Crowd(at, voice), counts, arguments.crowds_leavers)
        for name, home in (("idle_beside_the_listener", _LISTENERS_HOME), ("idle_elsewhere", _ELSEWHERE)):
            found[name] = await idle(
                Crowd(at, voice, home),
                counts,
                listener,
                arguments.crowds_readers_of_nothing,
                arguments.crowds_idle,
                arguments.crowds_seconds,
            )
        askers = Askers(at, session, voice)
        found["kills"] = await kills(askers, state, arguments.crowds_kills, arguments.crowds_listeners)
        found["memory_at_last"] = counts.memory()
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--crowds-weights", type=Path, default=Path("build/gsv_demo/weights"))
    parser.add_argument("--crowds-work", type=Path, default=Path("var/bench/demo"), help="keeps the repository")
    parser.add_argument("--crowds-readers-of-nothing", type=int, default=200, help="who ask for a long answer")
    parser.add_argument("--crowds-idle", type=int, default=500, help="connections that say nothing, or half of it")
    parser.add_argument("--crowds-seconds", type=float, default=60.0, help="for which those stay")
    parser.add_argument("--crowds-leavers", type=int, default=100, help="who leave in mid-stream")
    parser.add_argument("--crowds-kills", type=int, default=5, help="of tritonserver")
    parser.add_argument("--crowds-listeners", type=int, default=8, help="at work while it is killed")


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return Markdown for people and values for machines."""
    work = arguments.crowds_work.resolve()
    with served(work, arguments.crowds_weights) as at:
        values = asyncio.run(measure(arguments, at, work / "gateway"))
    return "\n".join(f"- {name}: {json.dumps(value)}" for name, value in values.items()), {"gateway-crowds": values}
