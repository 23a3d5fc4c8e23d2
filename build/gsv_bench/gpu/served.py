"""Part `served`: listeners at a Triton of preset cuda: arrivals that wait for nobody, and users who ask again.

Every sentence is some 3 s of speech. First audio counts from when a request was due, so that a late generator of load
hides nothing.
"""

from __future__ import annotations

import io
import shutil
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from gsv_bench.gpu.figures import Figures
from gsv_bench.gpu.machine import memory_used_mib
from gsv_bench.gpu.options import Options
from gsv_bench.gpu.prepare import SERVED, SERVED_SET, wait_for
from gsv_bench.gpu.recorded_texts import FILE, PROMPT_TEXT, TEXTS, record
from gsv_client import Client
from gsv_loadtest.crowd import CrowdPlan, StreamHeard, hear_all
from gsv_loadtest.shapes import poisson_arrivals
from gsv_loadtest.summary import percentiles
from gsv_runtime import contract
from gsv_runtime.contract import SAMPLE_RATE_HZ
from gsv_runtime.model_files import CONFIG_FILE
from gsv_runtime.server import local_server
from gsv_runtime.server.local_server import ServerState
from gsv_runtime.server.triton_process import Ports, ServerFailed

VOICE = "bench"
SEEDS = (1, 2, 3)
_PROCESSES = 4
_REFERENCE_S = 3.42
_TEXT_MODEL = 'from gsv_bench.gpu.recorded_frontend import TritonPythonModel\n\n__all__ = ["TritonPythonModel"]\n'
_CAPTURE = tuple(f'key: "cuda_graph"\n    value {{ string_value: "{text}" }}' for text in ("true", "false"))
_STAGE_SECONDS = ("gsv_stage_seconds_sum", "gsv_stage_seconds_count", "gsv_t2s_tokens_total", "gsv_t2s_rounds_total")


def run(options: Options, figures: Figures) -> None:
    """Serve and listen: one alone, then closed loops, then open ones, the busiest last."""
    wait_for(options, SERVED_SET)
    _place_texts(options)
    duration_s = 2.0 if options.short else 5.0
    began_s = time.perf_counter()
    with _served(options, figures, _start(options, figures)) as state:
        figures.put("seconds_to_ready_and_voice", round(time.perf_counter() - began_s, 1))
        with figures.attempt("one sentence"):
            figures.put("one_sentence", _one_sentence(state, options))
        url = f"127.0.0.1:{state.ports.grpc}"
        for users in (1, 2) if options.short else (1, 10, 32, 64):
            with figures.attempt(f"{users} users"):
                before = _counters(state)
                heard = _closed(url, users, duration_s)
                figures.put(f"closed loop, {users} streams", summary(heard, duration_s, state, before))
        for rate in (1,) if options.short else (10, 20, 50) if options.brief else (1, 4, 10, 20, 50):
            for seed in SEEDS[:1] if options.short or options.brief else SEEDS:
                with figures.attempt(f"{rate}/s seed {seed}"):
                    before = _counters(state)
                    heard = _open(url, rate, duration_s, seed)
                    figures.put(f"open loop, {rate}/s, seed {seed}", summary(heard, duration_s, state, before))


def _place_texts(options: Options) -> None:
    """Make the repository's `text_frontend` answer from the recorded texts."""
    folder = options.repository(SERVED) / contract.TEXT_FRONTEND.name / "1"
    (folder / "model.py").write_text(_TEXT_MODEL, encoding="utf-8")
    if options.texts is not None:
        shutil.copyfile(options.texts, folder / FILE)
    elif not (folder / FILE).exists():
        record(folder / FILE)


def _start(options: Options, figures: Figures) -> ServerState:
    """Start the server as it is built; where it cannot, say why and start it with T2S launched kernel by kernel.

    Raises:
        ServerFailed: it cannot do that either.
    """
    with figures.attempt("server as built"):
        return _up(options, figures)
    config = options.repository(SERVED) / contract.T2S.name / CONFIG_FILE
    config.write_text(config.read_text(encoding="utf-8").replace(_CAPTURE[0], _CAPTURE[1]), encoding="utf-8")
    figures.put("t2s", "launched kernel by kernel")
    return _up(options, figures)


def _up(options: Options, figures: Figures) -> ServerState:
    directory = options.work / "state"
    try:
        return local_server.up(options.repository(SERVED), directory, Ports.free())
    except ServerFailed:
        _keep_log(directory, figures, "log of a start that failed")
        raise


def _keep_log(directory: Path, figures: Figures, name: str) -> None:
    """Keep what the server said of its preparation, its errors and its last lines."""
    log = directory / "server.log"
    if log.exists():
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        wanted = [line for line in lines if "prepared" in line or "captured" in line or " E " in line[:40]]
        figures.put(name, [*(line[:300] for line in wanted[:40]), *(line[:300] for line in lines[-25:])])


@contextmanager
def _served(options: Options, figures: Figures, state: ServerState) -> Iterator[ServerState]:
    directory = options.work / "state"
    try:
        try:
            with Client(f"127.0.0.1:{state.ports.grpc}", timeout_s=60) as client:
                client.register_voice(VOICE, _hum(), prompt_text=PROMPT_TEXT, prompt_language="en")
                for _ in range(3):
                    client.synthesize(TEXTS[0], voice=VOICE, language="en", cache="off", retries=0)
            yield state
        finally:
            figures.put("memory_mib_at_the_end", memory_used_mib())
            local_server.down(directory)
    finally:
        _keep_log(directory, figures, "log")


def _hum() -> bytes:
    """A WAV of a hummed note that breathes."""
    times = np.arange(round(_REFERENCE_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    note = sum(np.sin(2 * np.pi * 140 * harmonic * times) / harmonic for harmonic in range(1, 9))
    file = io.BytesIO()
    soundfile.write(file, 0.1 * note * (0.6 + 0.4 * np.sin(6 * np.pi * times)), SAMPLE_RATE_HZ, format="WAV")
    return file.getvalue()


def _one_sentence(state: ServerState, options: Options) -> dict[str, Any]:
    """Milliseconds of whole sentences and their stages, nobody else there."""
    totals, stages = [], []
    with Client(f"127.0.0.1:{state.ports.grpc}") as client:
        for seed in range(3 if options.short else 15):
            began_s = time.perf_counter()
            sentence = TEXTS[seed % len(TEXTS)]
            audio = client.synthesize(sentence, voice=VOICE, language="en", seed=seed, cache="off", retries=0)
            totals.append(1e3 * (time.perf_counter() - began_s))
            stages.append(dict(audio.timing_ms))
    names = sorted({name for each in stages for name in each})
    return {
        "whole_ms": round(float(np.median(totals)), 1),
        "stages_ms": {name: round(float(np.median([each.get(name, 0.0) for each in stages])), 2) for name in names},
    }


def _plan(url: str, **how: Any) -> CrowdPlan:
    return CrowdPlan(url, TEXTS, (VOICE,), **how)


def _open(url: str, rate: float, duration_s: float, seed: int) -> list[StreamHeard]:
    arrivals = list(poisson_arrivals(rate, duration_s, seed)) or [0.0]
    processes = min(_PROCESSES, len(arrivals))
    return hear_all(
        [
            _plan(url, arrivals_s=tuple(arrivals[index::processes]), first_seed=1000 * seed + 100 * index)
            for index in range(processes)
        ]
    )


def _closed(url: str, users: int, duration_s: float) -> list[StreamHeard]:
    processes = min(_PROCESSES, users)
    return hear_all(
        [
            _plan(url, users=len(range(index, users, processes)), duration_s=duration_s, first_seed=1000 * index)
            for index in range(processes)
        ]
    )


def summary(
    heard: Sequence[StreamHeard], duration_s: float, state: ServerState, before: dict[str, float]
) -> dict[str, Any]:
    """Figures of one load."""
    whole = [each for each in heard if not each.error]
    ended_s = max((each.due_s + each.whole_s for each in heard), default=duration_s)
    after = _counters(state)
    return {
        "requests": len(heard),
        "whole": len(whole),
        "refused": sum(each.refused for each in heard),
        "errors": sorted({each.error for each in heard if each.error and not each.refused})[:3],
        "first_audio_s": percentiles(each.first_s for each in whole),
        "whole_s": percentiles(each.whole_s for each in whole),
        "streams_with_underrun": sum(bool(each.underruns_s) for each in whole),
        "longest_underrun_s": round(max((wait for each in whole for wait in each.underruns_s), default=0.0), 3),
        "audio_s_per_s": round(sum(each.audio_s for each in whole) / ended_s, 2),
        "latest_send_s": round(max((each.late_s for each in heard), default=0.0), 4),
        "memory_mib": memory_used_mib(),
        "server": {name: round(after[name] - before.get(name, 0.0), 3) for name in sorted(after)},
    }


def _counters(state: ServerState) -> dict[str, float]:
    """Seconds and calls of each stage, tokens and rounds, as the server has counted them."""
    with urllib.request.urlopen(f"http://{state.ports.host}:{state.ports.metrics}/metrics", timeout=30) as reply:
        lines = reply.read().decode().splitlines()
    found = (line.rsplit(" ", 1) for line in lines if line.startswith(_STAGE_SECONDS))
    return {name: float(value) for name, value in found}
