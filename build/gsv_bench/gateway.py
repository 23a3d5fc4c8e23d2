"""What the gateway costs: first audio and throughput beside gRPC, by turns; interrupts; the delay of each format.

`python -m gsv_bench --only gateway --json`. One server with the demo voice and one gateway before it.

- first audio: one stream, gRPC and the gateway (raw PCM) by turns, computed afresh and out of the cache;
- throughput: rounds of many listeners at once, each of whom hears several answers one after the other, by turns;
- interrupts: over the WebSocket, until the page is told and until the server holds no stream;
- formats: how much speech an encoder holds back before its first bytes, and after a second.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp
import av
import numpy as np
from tqdm import tqdm

from gsv_bench.concurrency import register
from gsv_bench.served_gateway import ServedGateway, served
from gsv_bench.server_metrics import ServerMetrics
from gsv_client import AsyncClient
from gsv_gateway.audio.formats import OPENAI_FORMATS, Format

TEXT = "The young woman found a good book on the table, and the children laughed."
_LONG = f"{TEXT} " * 20
_PIECE_S = 0.02
_POLL_S = 0.002

Hear = Callable[[int, str], Awaitable[tuple[float, float]]]  # seed and cache, to seconds until first audio and of audio


@dataclass(frozen=True)
class GatewayTimes:
    """Milliseconds from asking to the first sound, at one stream; `behind` is the gateway's less gRPC's."""

    rounds: int
    grpc_p50_ms: float
    grpc_p95_ms: float
    gateway_p50_ms: float
    gateway_p95_ms: float
    behind_p50_ms: float
    behind_p95_ms: float


@dataclass(frozen=True)
class Throughput:
    """Seconds of audio per second, many streams at once; medians of rounds by turns.

    The quartiles are those of the ratios of the rounds.
    """

    streams: int
    answers_each: int
    rounds: int
    grpc: float
    gateway: float
    ratio: float
    ratio_quartiles: tuple[float, float]


@dataclass(frozen=True)
class Interrupts:
    """Milliseconds from an interrupt until the page is told, and until the server holds no stream; medians."""

    count: int
    told_ms: float
    server_free_ms: float


class Grpc:
    """Listens to the server itself."""

    def __init__(self, url: str, voice: str) -> None:
        self._client, self._voice = AsyncClient(url, timeout_s=300), voice

    async def hear(self, seed: int, cache: str) -> tuple[float, float]:
        """Listen to one answer."""
        sent_s, first_s, audio_s = time.perf_counter(), 0.0, 0.0
        async for chunk in self._client.stream(
            TEXT, voice=self._voice, language="en", seed=seed, cache=cache, retries=0
        ):
            first_s = first_s or time.perf_counter()
            audio_s += chunk.duration_s
        return first_s - sent_s, audio_s

    async def close(self) -> None:
        """Let the connection go."""
        await self._client.close()


class Gateway:
    """Listens to the gateway: OpenAI's API, raw PCM."""

    def __init__(self, session: aiohttp.ClientSession, address: str, voice: str) -> None:
        self._session, self._url, self._voice = session, f"http://{address}/v1/audio/speech", voice

    async def hear(self, seed: int, cache: str) -> tuple[float, float]:
        """Listen to one answer."""
        body = {
            "model": "tts-1",
            "input": TEXT,
            "voice": self._voice,
            "language": "en",
            "seed": seed,
            "cache": cache,
            "retries": 0,
        }
        sent_s, first_s, size = time.perf_counter(), 0.0, 0
        async with self._session.post(self._url, json={**body, "response_format": "pcm"}) as answer:
            answer.raise_for_status()
            while data := await answer.content.readany():
                first_s = first_s or time.perf_counter()
                size += len(data)
        return first_s - sent_s, size / 2 / 24_000


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which that share of them lies."""
    return float(np.quantile(np.asarray(values), share))


async def first_audio(grpc: Hear, gateway: Hear, rounds: int, cache: str) -> GatewayTimes:
    """Ask both by turns, each first in half of the rounds; with a cache, for what it has."""
    times: dict[Hear, list[float]] = {grpc: [], gateway: []}
    for number in tqdm(range(rounds + 2), desc=f"first audio, cache {cache}", unit="round"):
        for hear in (grpc, gateway) if number % 2 else (gateway, grpc):
            seconds, _ = await hear(1 if cache != "off" else number, cache)
            if number >= 2:  # the first rounds warm both up
                times[hear].append(1000 * seconds)
    p50 = [quantile(times[hear], 0.5) for hear in (grpc, gateway)]
    p95 = [quantile(times[hear], 0.95) for hear in (grpc, gateway)]
    found = (p50[0], p95[0], p50[1], p95[1], p50[1] - p50[0], p95[1] - p95[0])
    return GatewayTimes(rounds, *(round(value, 2) for value in found))


async def throughput(grpc: Hear, gateway: Hear, streams: int, answers: int, rounds: int) -> Throughput:
    """Let many listen at once, by turns; each asks for its next answer when it has heard the last."""
    speeds: dict[Hear, list[float]] = {grpc: [], gateway: []}

    async def listen(hear: Hear, first_seed: int) -> float:
        return sum([(await hear(first_seed + number, "off"))[1] for number in range(answers)])

    for number in tqdm(range(rounds), desc=f"{streams} streams", unit="round"):
        seeds = range(1000 * number, 1000 * number + streams * answers, answers)
        for hear in (grpc, gateway) if number % 2 else (gateway, grpc):
            began_s = time.perf_counter()
            heard_s = await asyncio.gather(*(listen(hear, seed) for seed in seeds))
            speeds[hear].append(sum(heard_s) / (time.perf_counter() - began_s))
    ratios = [through / directly for directly, through in zip(speeds[grpc], speeds[gateway], strict=True)]
    low, middle, high = (round(quantile(ratios, share), 3) for share in (0.25, 0.5, 0.75))
    directly, through = (round(statistics.median(speeds[hear]), 3) for hear in (grpc, gateway))
    return Throughput(streams, answers, rounds, directly, through, middle, (low, high))


async def interrupts(
    session: aiohttp.ClientSession, address: str, voice: str, metrics: ServerMetrics, count: int
) -> Interrupts:
    """Interrupt long speech at its first sound, again and again."""
    told, free = [], []
    async with session.ws_connect(f"http://{address}/live") as socket:
        await socket.send_json({"type": "start", "voice": voice, "language": "en", "cache": "off"})
        for _ in tqdm(range(count), desc="interrupts", unit="interrupt"):
            await socket.send_json({"type": "text", "text": _LONG[:2000]})
            while (await socket.receive()).type is not aiohttp.WSMsgType.BINARY:
                pass
            sent_s = time.perf_counter()
            await socket.send_json({"type": "interrupt"})
            while not await _is_told(socket):
                pass
            told.append(time.perf_counter() - sent_s)
            while await asyncio.to_thread(lambda: metrics.streams) > 0:
                await asyncio.sleep(_POLL_S)
            free.append(time.perf_counter() - sent_s)
    return Interrupts(count, *(round(1000 * statistics.median(each), 1) for each in (told, free)))


async def _is_told(socket: aiohttp.ClientWebSocketResponse) -> bool:
    message = await socket.receive()
    return message.type is aiohttp.WSMsgType.TEXT and message.json()["type"] == "interrupted"


def delay_of(found: Format) -> dict[str, float]:
    """Milliseconds of speech that a format takes before its first bytes, and holds back after a second."""
    rate_hz = found.default_hz
    encoder, size, data, fed_s, first_s = found.open(rate_hz), round(_PIECE_S * rate_hz), b"", 0.0, 0.0
    noise = np.random.default_rng(0)
    while fed_s < 1.0:
        had_bytes = bool(data)
        data += encoder.encode((0.1 * noise.standard_normal(size)).astype(np.float32))
        fed_s += _PIECE_S
        if data and not had_bytes:
            first_s = fed_s
    held_back_s = max(0.0, fed_s - _decoded_s(found, data, rate_hz))
    return {"first_bytes_ms": round(1000 * first_s), "held_back_ms": round(1000 * held_back_s)}


def _decoded_s(found: Format, data: bytes, rate_hz: int) -> float:
    if found.name == "pcm":
        return len(data) / 2 / rate_hz
    with av.open(io.BytesIO(data), "r") as opened:
        return sum(frame.samples / frame.sample_rate for frame in opened.decode(audio=0))


async def measure(arguments: argparse.Namespace, at: ServedGateway) -> dict[str, Any]:
    """Measure all that needs a server."""
    voice = (await asyncio.to_thread(register, at.grpc))[0]
    grpc = Grpc(at.grpc, voice)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        gateway = Gateway(session, at.address, voice)
        computed = await first_audio(grpc.hear, gateway.hear, arguments.gateway_rounds, "off")
        cached = await first_audio(grpc.hear, gateway.hear, arguments.gateway_rounds, "audio")
        many = await throughput(
            grpc.hear,
            gateway.hear,
            arguments.gateway_streams,
            arguments.gateway_answers,
            arguments.gateway_throughput_rounds,
        )
        stopped = await interrupts(session, at.address, voice, at.metrics, arguments.gateway_interrupts)
    await grpc.close()
    return {
        "first_audio": asdict(computed),
        "first_audio_cached": asdict(cached),
        "throughput": asdict(many),
        "interrupts": asdict(stopped),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--gateway-weights", type=Path, default=Path("build/gsv_demo/weights"))
    parser.add_argument("--gateway-work", type=Path, default=Path("var/bench/demo"), help="keeps the repository")
    parser.add_argument("--gateway-rounds", type=int, default=100, help="of first audio")
    parser.add_argument("--gateway-streams", type=int, default=16, help="at once, for throughput")
    parser.add_argument("--gateway-answers", type=int, default=3, help="that each of them hears in a round")
    parser.add_argument("--gateway-throughput-rounds", type=int, default=8)
    parser.add_argument("--gateway-interrupts", type=int, default=50)


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return Markdown for people and values for machines."""
    with served(arguments.gateway_work.resolve(), arguments.gateway_weights) as at:
        values = asyncio.run(measure(arguments, at))
    values["formats"] = {name: delay_of(found) for name, found in OPENAI_FORMATS.items()}
    return "\n".join(f"- {name}: {json.dumps(value)}" for name, value in values.items()), {"gateway": values}
