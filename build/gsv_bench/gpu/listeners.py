"""One process of listeners: `python -m gsv_bench.gpu.listeners`, a plan as one line on stdin, then a line to begin.

It prints `ready` when its connections are open, and ends with one line of JSON, a list of `StreamHeard`. It runs on
asyncio, so that a hundred listeners do not cost a hundred threads.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from gsv_bench.gpu.recorded_texts import TEXTS
from gsv_client import ServerBusy, SynthesisError
from gsv_client.aio import AsyncClient
from gsv_loadtest.outcome import underruns

_PATIENCE_S = 60.0


@dataclass(frozen=True)
class ListenerPlan:
    """What this process's listeners do, in seconds after the line to begin."""

    url: str
    voice: str
    arrivals_s: tuple[float, ...] = ()  # open loop: one listener each, whatever became of those before
    users: int = 0  # closed loop: each asks again when it has heard all
    duration_s: float = 0.0  # of the closed loop
    first_seed: int = 0


@dataclass(frozen=True)
class StreamHeard:
    """What became of one request; seconds count from when it was due."""

    due_s: float
    late_s: float  # sent so much later
    first_s: float  # until its first audio
    whole_s: float
    audio_s: float
    underruns_s: tuple[float, ...]
    refused: bool = False
    error: str = ""


async def hear(client: AsyncClient, plan: ListenerPlan, number: int, due_s: float, began_s: float) -> StreamHeard:
    """Speak, and say what became of it."""
    sent_s = time.monotonic() - began_s
    arrivals: list[tuple[float, float]] = []
    error, refused = "", False
    text = TEXTS[number % len(TEXTS)]
    try:
        async for chunk in client.stream(text, voice=plan.voice, language="en", seed=number, cache="off"):
            arrivals.append((time.monotonic() - began_s - due_s, chunk.duration_s))
    except SynthesisError as failure:
        refused, error = isinstance(failure, ServerBusy), repr(failure)[:300]
    return StreamHeard(
        due_s=due_s,
        late_s=sent_s - due_s,
        first_s=arrivals[0][0] if arrivals else 0.0,
        whole_s=time.monotonic() - began_s - due_s,
        audio_s=sum(duration_s for _, duration_s in arrivals),
        underruns_s=underruns(arrivals),
        refused=refused,
        error=error,
    )


async def listen(plan: ListenerPlan) -> list[StreamHeard]:
    """Connect, wait for a line, and let them come."""
    clients = [AsyncClient(plan.url, timeout_s=_PATIENCE_S) for _ in range(max(plan.users, 4))]
    await asyncio.gather(*(client.is_ready() for client in clients))
    _say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    began_s = time.monotonic()
    heard = await (_come(plan, clients, began_s) if plan.arrivals_s else _ask_again(plan, clients, began_s))
    for client in clients:
        await client.close()
    return heard


async def _come(plan: ListenerPlan, clients: Sequence[AsyncClient], began_s: float) -> list[StreamHeard]:
    async def one(index: int, due_s: float) -> StreamHeard:
        await asyncio.sleep(max(0.0, began_s + due_s - time.monotonic()))
        return await hear(clients[index % len(clients)], plan, plan.first_seed + index, due_s, began_s)

    return list(await asyncio.gather(*(one(index, due_s) for index, due_s in enumerate(plan.arrivals_s))))


async def _ask_again(plan: ListenerPlan, clients: Sequence[AsyncClient], began_s: float) -> list[StreamHeard]:
    async def user(index: int) -> list[StreamHeard]:
        heard: list[StreamHeard] = []
        while (now_s := time.monotonic() - began_s) < plan.duration_s:
            number = plan.first_seed + index + plan.users * len(heard)
            heard.append(await hear(clients[index], plan, number, now_s, began_s))
            if heard[-1].error:
                await asyncio.sleep(0.1)
        return heard

    return [one for each in await asyncio.gather(*(user(index) for index in range(plan.users))) for one in each]


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    told = json.loads(sys.stdin.readline())
    _say(json.dumps([asdict(each) for each in asyncio.run(listen(ListenerPlan(**told)))]))
