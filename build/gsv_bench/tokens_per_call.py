"""How many tokens `tts` should ask from `t2s` at once: first audio, and tokens per second of ten streams.

`python -m gsv_bench --only tokens-per-call --json`. One server of the demo voice, whose `tts` is loaded again with
each value by turns; the stages stay. What is asked at once is what a client that leaves still costs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gsv_bench.burst import TEXTS
from gsv_bench.concurrency import register
from gsv_bench.stages import lay_out
from gsv_build.build_repository import build
from gsv_build.deployment import PRESETS
from gsv_client.aio import AsyncClient
from gsv_runtime.contract import TOKENS_PER_SECOND, TTS
from gsv_runtime.server import local_server
from gsv_runtime.server.local_server import ServerState
from gsv_runtime.server.model_reloader import ModelControl
from gsv_runtime.server.triton_process import Ports

STREAMS = 10
_PARAMETER = re.compile(r'(key: "tokens_per_call"\s*value \{\s*string_value: ")\d+(")')
_PATIENCE_S = 600.0


@dataclass
class CallTimings:
    """Of one number of tokens; one value for each round."""

    alone_ttfa_s: list[float] = field(default_factory=list)
    together_ttfa_s: list[float] = field(default_factory=list)  # median of the streams
    tokens_per_s: list[float] = field(default_factory=list)  # of all streams together

    def to_json(self) -> dict[str, float]:
        """Medians of the rounds."""
        return {name: round(statistics.median(values), 3) for name, values in vars(self).items()}


async def _hear(client: AsyncClient, text: str, voice: str, seed: int) -> tuple[float, float]:
    """Seconds to first audio, and of audio."""
    async with client.stream(text, voice=voice, language="en", seed=seed, cache="off", retries=0) as chunks:
        audio = await chunks.collect()
    return chunks.playback.ttfa_s or 0.0, audio.duration_s


async def _turn(url: str, voices: Sequence[str], timings: CallTimings) -> None:
    """One stream alone, then ten at once; the first of a loaded model does not count."""
    async with AsyncClient(url, timeout_s=_PATIENCE_S, busy_wait_s=_PATIENCE_S) as client:
        await _hear(client, TEXTS[0], voices[0], 0)
        timings.alone_ttfa_s.append((await _hear(client, TEXTS[0], voices[0], 0))[0])
        began_s = time.perf_counter()
        heard = await asyncio.gather(
            *(_hear(client, TEXTS[seed % len(TEXTS)], voices[seed % len(voices)], seed) for seed in range(STREAMS))
        )
        elapsed_s = time.perf_counter() - began_s
    timings.together_ttfa_s.append(statistics.median(ttfa_s for ttfa_s, _ in heard))
    timings.tokens_per_s.append(TOKENS_PER_SECOND * sum(audio_s for _, audio_s in heard) / elapsed_s)


def _ask_for(tokens: int, repository: Path, control: ModelControl) -> None:
    """Load `tts` again with another number.

    Raises:
        RuntimeError: it cannot be set.
    """
    path = repository / TTS.name / "config.pbtxt"
    text, found = _PARAMETER.subn(rf"\g<1>{tokens}\g<2>", path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    if not (found and control.unload(TTS.name) and control.load(TTS.name)):
        raise RuntimeError(f"{TTS.name} cannot be loaded with tokens_per_call={tokens}")


def measure(repository: Path, running: ServerState, candidates: Sequence[int], rounds: int) -> dict[int, CallTimings]:
    """Let each number have its turn in each round."""
    found = {tokens: CallTimings() for tokens in candidates}
    url, ports = f"{running.ports.host}:{running.ports.grpc}", running.ports
    control, voices = ModelControl(f"{ports.host}:{ports.http}", running.admin_key), register(url)
    for number in tqdm(range(rounds), desc="rounds"):
        for tokens in candidates if number % 2 else reversed(candidates):
            _ask_for(tokens, repository, control)
            asyncio.run(_turn(url, voices, found[tokens]))
    return found


@contextmanager
def _served(work: Path) -> Iterator[tuple[Path, ServerState]]:
    repository, state = work / "model_repository", work / "tokens-per-call"
    lay_out(repository)
    build(repository, PRESETS["cpu"], Path("build/gsv_demo/weights"))
    try:
        yield repository, local_server.up(repository, state, Ports.free())
    finally:
        local_server.down(state)


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--tokens-per-call", type=int, nargs="+", default=[5, 10, 25], help="candidates")
    parser.add_argument("--tokens-rounds", type=int, default=5, help="in each of which every candidate has a turn")
    parser.add_argument("--tokens-work", type=Path, default=Path("var/bench/demo"), help="keeps the repository")


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return Markdown for people and values for machines."""
    load = os.getloadavg()[0]
    with _served(arguments.tokens_work.resolve()) as (repository, running):
        found = measure(repository, running, arguments.tokens_per_call, arguments.tokens_rounds)
    values = {str(tokens): timings.to_json() for tokens, timings in found.items()}
    lines = [
        "| tokens per call | TTFA alone s | TTFA of ten, median s | tokens/s of ten |",
        "|---:|---:|---:|---:|",
        *(
            f"| {tokens} | {of['alone_ttfa_s']:.3f} | {of['together_ttfa_s']:.3f} | {of['tokens_per_s']:.0f} |"
            for tokens, of in values.items()
        ),
        f"Load average at the start {load:.1f}; {arguments.tokens_rounds} rounds.",
    ]
    return "\n".join(lines), {"tokens_per_call": {"load_average_at_start": round(load, 2), **values}}
