"""One process of listeners that all ask at the same moment: `python -m gsv_bench.burst_clients URL SEED NUMBER VOICE…`.

Each has a connection of its own, opened before. The process prints `ready`, waits for a line, and ends with one line of
JSON, a list of `Heard`. Of asyncio, so that a hundred listeners do not cost a hundred threads.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from gsv_client import ServerBusy, SynthesisError
from gsv_client.aio import AsyncClient

TEXTS = (
    "The old man put the book on the table. Then he left.",
    "Good morning.",
    "Where did you leave the children? They are hungry, and so am I!",
    "It is a fine day, and the water is warm.",
    "One. Two. Three.",
)
_PATIENCE_S = 600.0


@dataclass(frozen=True)
class Heard:
    """What became of one request; times are seconds of the machine's monotonic clock."""

    sent_s: float
    first_s: float  # of its first audio, or of its refusal
    whole: bool
    refused: bool
    error: str = ""


async def hear(client: AsyncClient, text: str, voice: str, seed: int) -> Heard:
    """Speak, and say what became of it."""
    sent_s, first_s, whole = time.monotonic(), 0.0, False
    try:
        async for chunk in client.stream(text, voice=voice, language="en", seed=seed, cache="off"):
            first_s, whole = first_s or time.monotonic(), chunk.final
    except SynthesisError as error:
        refused = isinstance(error, ServerBusy) and not first_s
        return Heard(sent_s, first_s or time.monotonic(), False, refused, repr(error))
    return Heard(sent_s, first_s, whole, False)


async def hear_at_once(url: str, first_seed: int, number: int, voices: Sequence[str]) -> list[Heard]:
    """Connect `number` clients, wait for a line on stdin, and let all ask at once."""
    clients = [AsyncClient(url, timeout_s=_PATIENCE_S) for _ in range(number)]
    await asyncio.gather(*(client.is_ready() for client in clients))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    seeds = range(first_seed, first_seed + number)
    heard = await asyncio.gather(
        *(
            hear(client, TEXTS[seed % len(TEXTS)], voices[seed % len(voices)], seed)
            for client, seed in zip(clients, seeds, strict=True)
        )
    )
    for client in clients:
        await client.close()
    return list(heard)


if __name__ == "__main__":
    url, first_seed, number, *voices = sys.argv[1:]
    found = asyncio.run(hear_at_once(url, int(first_seed), int(number), voices))
    sys.stdout.write(json.dumps([asdict(each) for each in found]) + "\n")
