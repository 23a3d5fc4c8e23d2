"""A crowd of listeners in processes of its own, so that it is not what is measured: `hear_all` starts one for a plan.

A process reads its plan as one line of JSON, opens its connections, prints `ready`, and begins at the next line. It
ends with one line of JSON, a list of `StreamHeard`. It runs on asyncio: a hundred listeners need no hundred threads.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from gsv_client import ServerBusy, SynthesisError
from gsv_client.aio import AsyncClient
from gsv_loadtest.outcome import underruns

_AFTER_AN_ERROR_S = 0.1


@dataclass(frozen=True)
class CrowdPlan:
    """What one process's listeners do; seconds count from the line to begin.

    Attributes:
        url: The server's gRPC address.
        texts: Request `n` asks for text `n` modulo their number.
        voices: The same of voices.
        arrivals_s: Open loop: one listener each, whatever became of those before.
        users: Closed loop: so many, and each asks again when it has heard all.
        duration_s: Of the closed loop.
        first_seed: Request `n` has this seed plus `n`.
        connections: So many are opened before, and shared by turns; a closed loop has one for each user.
        patience_s: A stream that sends nothing for so long has failed.
    """

    url: str
    texts: tuple[str, ...]
    voices: tuple[str, ...]
    arrivals_s: tuple[float, ...] = ()
    users: int = 0
    duration_s: float = 0.0
    first_seed: int = 0
    connections: int = 4
    patience_s: float = 60.0


@dataclass(frozen=True)
class StreamHeard:
    """What became of one request; `first_s` and `whole_s` count from when it was due.

    Attributes:
        due_s: Seconds since the line to begin.
        late_s: Sent so much later.
        first_s: Until its first audio; 0 where there was none.
        whole_s: Until its end, its refusal or its error.
        audio_s: Seconds of audio received.
        underruns_s: Each wait for a chunk beyond the audio already buffered.
        sent_at_s: When it was sent, by the machine's monotonic clock.
        refused: For lack of room, before its first audio.
        error: Why it is not whole.
    """

    due_s: float
    late_s: float
    first_s: float
    whole_s: float
    audio_s: float
    underruns_s: tuple[float, ...]
    sent_at_s: float = 0.0
    refused: bool = False
    error: str = ""


async def hear(client: AsyncClient, plan: CrowdPlan, seed: int, due_s: float, began_s: float) -> StreamHeard:
    """Speak, and say what became of it.

    Args:
        client: Of this listener.
        plan: Texts and voices.
        seed: Of the request.
        due_s: When it was to be sent, in seconds since `began_s`.
        began_s: When the crowd began, by the machine's monotonic clock.
    """
    sent_at_s = time.monotonic()
    arrivals: list[tuple[float, float]] = []
    error, refused = "", False
    text, voice = plan.texts[seed % len(plan.texts)], plan.voices[seed % len(plan.voices)]
    try:
        async for chunk in client.stream(text, voice=voice, language="en", seed=seed, cache="off", retries=0):
            arrivals.append((time.monotonic() - began_s - due_s, chunk.duration_s))
    except SynthesisError as failure:
        refused, error = isinstance(failure, ServerBusy) and not arrivals, repr(failure)[:300]
    return StreamHeard(
        due_s=due_s,
        late_s=sent_at_s - began_s - due_s,
        first_s=arrivals[0][0] if arrivals else 0.0,
        whole_s=time.monotonic() - began_s - due_s,
        audio_s=sum(duration_s for _, duration_s in arrivals),
        underruns_s=underruns(arrivals),
        sent_at_s=sent_at_s,
        refused=refused,
        error=error,
    )


async def listen(plan: CrowdPlan) -> list[StreamHeard]:
    """Connect, wait for a line on stdin, and let the listeners come."""
    clients = [AsyncClient(plan.url, timeout_s=plan.patience_s) for _ in range(max(plan.users, plan.connections))]
    await asyncio.gather(*(client.is_ready() for client in clients))
    _say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    began_s = time.monotonic()
    heard = await (_come(plan, clients, began_s) if plan.arrivals_s else _ask_again(plan, clients, began_s))
    for client in clients:
        await client.close()
    return heard


async def _come(plan: CrowdPlan, clients: Sequence[AsyncClient], began_s: float) -> list[StreamHeard]:
    async def one(index: int, due_s: float) -> StreamHeard:
        await asyncio.sleep(max(0.0, began_s + due_s - time.monotonic()))
        return await hear(clients[index % len(clients)], plan, plan.first_seed + index, due_s, began_s)

    return list(await asyncio.gather(*(one(index, due_s) for index, due_s in enumerate(plan.arrivals_s))))


async def _ask_again(plan: CrowdPlan, clients: Sequence[AsyncClient], began_s: float) -> list[StreamHeard]:
    async def user(index: int) -> list[StreamHeard]:
        heard: list[StreamHeard] = []
        while (now_s := time.monotonic() - began_s) < plan.duration_s:
            seed = plan.first_seed + index + plan.users * len(heard)
            heard.append(await hear(clients[index], plan, seed, now_s, began_s))
            if heard[-1].error:
                await asyncio.sleep(_AFTER_AN_ERROR_S)
        return heard

    return [one for each in await asyncio.gather(*(user(index) for index in range(plan.users))) for one in each]


def hear_all(plans: Sequence[CrowdPlan]) -> list[StreamHeard]:
    """Run a process for each plan; all begin at once, when every one is connected.

    Raises:
        RuntimeError: a process ended before it said what it heard.
    """
    command = [sys.executable, "-m", __name__]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) for _ in plans
    ]
    try:
        for process, plan in zip(processes, plans, strict=True):
            _tell(process, json.dumps(asdict(plan)))
        for process in processes:
            _line(process)
        for process in processes:
            _tell(process, "go")
        return [StreamHeard(**each) for process in processes for each in json.loads(_line(process))]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None  # it is a pipe
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None  # it is a pipe
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"listeners ended with {process.wait()}; their words are above")
    return line.strip()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    told = CrowdPlan(**json.loads(sys.stdin.readline()))
    _say(json.dumps([asdict(each) for each in asyncio.run(listen(told))]))
