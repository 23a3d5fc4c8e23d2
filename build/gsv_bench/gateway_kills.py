"""A server behind a gateway is killed under load: what those are told who listen, and who ask next.

A part of `python -m gsv_bench --only gateway-crowds`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from tqdm import tqdm

from gsv_bench.gateway import TEXT
from gsv_bench.served_gateway import ServedGateway
from gsv_runtime.server.local_server import ServerState

_PATIENCE_S = 120.0
_POLL_S = 0.005
_REFUSED_S = 0.2  # that an asker waits after a refusal


class Askers:
    """Listeners who go on asking, whatever they are answered; each answer is counted."""

    def __init__(self, at: ServedGateway, session: aiohttp.ClientSession, voice: str) -> None:
        self._address, self._session = f"http://{at.address}", session
        self._body = {"model": "tts-1", "input": f"{TEXT} " * 4, "voice": voice, "language": "en", "cache": "off"}
        self.ended: Counter[str] = Counter()
        self.newest_heard_s = 0.0  # when the newest request was sent of those that were answered with audio

    @asynccontextmanager
    async def at_work(self, count: int) -> AsyncIterator[None]:
        """They ask as long as this lasts."""
        tasks = [asyncio.ensure_future(self._ask()) for _ in range(count)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def is_ready(self) -> bool:
        """Whether the gateway says that a server behind it can speak."""
        async with self._session.get(f"{self._address}/readyz") as answer:
            return answer.status == 200

    async def were_heard_since(self, asked_s: float) -> bool:
        """Whether somebody who asked later than that was answered with audio."""
        return self.newest_heard_s > asked_s

    async def _ask(self) -> None:
        while True:
            self.ended[await self.once()] += 1
            await asyncio.sleep(_POLL_S)

    async def once(self) -> str:
        """Ask, and say in a word what came."""
        began_s = time.monotonic()
        try:
            async with self._session.post(f"{self._address}/v1/audio/speech", json=self._body) as answer:
                if answer.status != 200:
                    await asyncio.sleep(_REFUSED_S)
                    return f"{answer.status} {'with' if 'Retry-After' in answer.headers else 'without'} Retry-After"
                async for _ in answer.content.iter_any():
                    self.newest_heard_s = max(self.newest_heard_s, began_s)
                return "whole"
        except (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError) as error:
            return "cut" if isinstance(error, aiohttp.ClientPayloadError) else type(error).__name__


async def kills(askers: Askers, state: Path, count: int, streams: int) -> dict[str, Any]:
    """Kill tritonserver under load; ask at once, and again when it is back."""
    told, back_s, served_s = Counter[str](), [], []
    async with askers.at_work(streams):
        for _ in tqdm(range(count), desc="kill", unit="kill"):
            await _until(partial(askers.were_heard_since, time.monotonic()))
            killed_s = time.monotonic()
            pid = ServerState.read(state).server_pid  # type: ignore[union-attr]
            if pid is None:
                raise RuntimeError("there is no tritonserver; see its log")
            os.kill(pid, signal.SIGKILL)
            told[await askers.once()] += 1
            await _until(askers.is_ready)
            back_s.append(time.monotonic() - killed_s)
            told[f"ready: {await askers.once()}"] += 1
            served_s.append(time.monotonic() - killed_s)
            await _until(partial(askers.were_heard_since, killed_s))
    return {
        "kills": count,
        "listeners": streams,
        "asked_at_once_and_when_ready": dict(told),
        "listeners_were_answered": dict(askers.ended),
        "ready_again_median_s": round(statistics.median(back_s), 2),
        "ready_again_slowest_s": round(max(back_s), 2),
        "whole_answer_again_slowest_s": round(max(served_s), 2),
    }


async def _until(is_so: Callable[[], Awaitable[bool]]) -> None:
    deadline_s = time.monotonic() + _PATIENCE_S
    while not await is_so():
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"after {_PATIENCE_S:.0f} s the gateway is not what it should be")
        await asyncio.sleep(_POLL_S)
