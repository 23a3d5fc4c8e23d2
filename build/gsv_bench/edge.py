"""A small device: how soon it speaks, in how much memory, how fast; and what tokens or latents instead of audio save.

`python -m gsv_bench --only edge --json`, with a bundle of `make bundle`. Everything runs in processes of this machine:
one that only speaks, for start and memory; then a server and a device, and the processor time of each is counted.
Each request is sent twice: once as it is used, for the first audio; once so that the device begins when the server has
ended, for the times: two cores of one machine slow each other.
Audio, tokens and latents take turns; medians. What is made of them is compared with the server's own audio.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import av
import numpy as np

from gsv_bench.edge_server import ServerProcess
from gsv_client import Client
from gsv_client.protocol import Tensors
from gsv_client.transport import Arrival
from gsv_gateway.audio.encodec import Encodec
from gsv_gateway.audio.encoders import opus_encoder
from gsv_gateway.audio.samples import Resampler, Samples
from gsv_local.bundle import Bundle, open_bundle
from gsv_local.clients import ADDRESS
from gsv_local.device import CODEC_FILE, DeviceDecoder
from gsv_local.hybrid import HybridTransport
from gsv_runtime.model_files import DEFAULT_REPOSITORY

TEXT = "The young woman found a good book on the table, and the children laughed."
_OPUS_HZ = 48_000
_OPUS_KBIT_S = (6.0, 8.0, 12.0, 16.0, 24.0, 64.0)
_RATES_KBIT_S = (4.0, 6.0, 8.0, 12.0)
_ENCODEC_KBIT_S = (4.5, 6.0, 9.0, 12.0)
_SAME_DB = 200.0  # of what is the same to the last bit
_ALONE = """
import json, resource, sys, time
began_s = time.perf_counter()
from pathlib import Path
import gsv_local
bundle, home = Path(sys.argv[1]), Path(sys.argv[2])
client = gsv_local.open_client(bundle, home=home, threads=int(sys.argv[4]))
voice = gsv_local.open_bundle(bundle, home).default_voice
opened_s = time.perf_counter() - began_s
heard, times = [], []
for seed in range(4):
    asked_s = time.perf_counter()
    audio = client.synthesize(sys.argv[3], voice=voice, seed=seed, streaming="chunk", cache="off", retries=0)
    times.append((time.perf_counter() - asked_s, audio.ttfa_s, audio.duration_s))
rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
first, rest = times[0], times[1:]
print(json.dumps({"open_s": opened_s, "first_audio_s": opened_s + first[1], "rss_mb": rss_mb,
                  "rtf": sorted(taken / audio_s for taken, _, audio_s in rest)[len(rest) // 2]}))
"""


def _alone(bundle: Path, home: Path, threads: int, rounds: int) -> dict[str, float]:
    """Medians of processes that open the bundle and speak."""
    found: list[dict[str, float]] = []
    for _ in range(rounds):
        command = [sys.executable, "-c", _ALONE, str(bundle), str(home), TEXT, str(threads)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(json.loads(run.stdout.splitlines()[-1]))
    return {name: statistics.median(each[name] for each in found) for name in found[0]}


class _OneAfterTheOther:
    """`Transport` that hands on answers when all have come.

    Attributes:
        came_s: Processor time of this process when they had.
    """

    encoding = "float32"

    def __init__(self, remote: ServerProcess) -> None:
        self._remote = remote
        self.came_s = 0.0

    def stream(self, model: str, inputs: Tensors) -> Generator[Arrival, None, None]:
        """Send one request and yield its answers."""
        answers = list(self._remote.stream(model, inputs))
        self.came_s = time.process_time()
        yield from answers

    def close(self) -> None:
        """Nothing: whoever started the server ends it."""


def _ways(bundle: Bundle, threads: int) -> dict[str, Callable[[Any], Any]]:
    """What may be sent, by name: what puts itself before a transport to the server."""
    rates: tuple[float, ...] = (*_RATES_KBIT_S, 0.0) if bundle.has_file(CODEC_FILE) else (0.0,)
    decoders = {"tokens": DeviceDecoder(bundle, threads)}
    for kbit_s in rates:
        name = f"latents, {kbit_s:g} kbit/s" if kbit_s else "latents, as they are"
        decoders[name] = DeviceDecoder(bundle, threads, kbit_s)
    hybrids = {name: functools.partial(HybridTransport, decoder=decoder) for name, decoder in decoders.items()}
    return {"audio": lambda remote: remote, **hybrids}


def _by_turns(arguments: argparse.Namespace, bundle: Bundle, home: Path) -> dict[str, dict[str, float]]:
    """Of a second of speech: bytes, processor seconds of both sides, seconds to the first audio, and how near it is."""
    rounds, threads = arguments.edge_rounds, arguments.edge_threads
    remote = ServerProcess(arguments.bundle, arguments.edge_repository, home, threads)
    alone, ways = _OneAfterTheOther(remote), _ways(bundle, threads)
    values: dict[str, list[tuple[float, ...]]] = {name: [] for name in ways}
    say: dict[str, Any] = {"text": TEXT, "voice": bundle.default_voice, "streaming": "chunk"}
    say |= {"cache": "off", "retries": 0}
    try:
        for seed in range(rounds + 1):  # the first warms up, and brings the voice
            own: Any = None
            for name, way in ways.items():
                audio = Client(ADDRESS, transport=way(remote)).synthesize(**say, seed=seed)
                Client(ADDRESS, transport=way(alone)).synthesize(**say, seed=seed)
                device_s = time.process_time() - alone.came_s
                own = audio if own is None else own
                near_db = spectral_nearness_db(audio.samples, own.samples)
                seconds, pesq = audio.duration_s, pesq_of(audio.samples, own.samples, audio.sample_rate)
                row = (remote.answered_bytes / seconds, remote.work_s / seconds, device_s / seconds)
                values[name].append((*row, audio.ttfa_s, near_db, pesq))
    finally:
        remote.end()
    found = {name: _medians(rows[1:]) for name, rows in values.items()}
    return {**found, **_opus_rows(own), **_encodec_rows(own, arguments.encodec)}


def _medians(rows: list[tuple[float, ...]]) -> dict[str, float]:
    names = ("bytes_per_s", "server_s_per_s", "device_s_per_s", "first_audio_s", "nearness_db", "pesq")
    return {name: statistics.median(row[place] for row in rows) for place, name in enumerate(names)}


def spectral_nearness_db(samples: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> float:
    """How far the difference of magnitudes lies below what was expected; windows of 32 ms, hops of 8 ms."""
    ours, theirs = (_magnitudes(each) for each in (samples, expected))
    error = np.square(ours - theirs).sum()
    return float(10 * np.log10(np.square(theirs).sum() / error)) if error else _SAME_DB


def pesq_of(samples: np.ndarray[Any, Any], expected: np.ndarray[Any, Any], rate_hz: int) -> float:
    """Wide-band PESQ, 1 to 4.64, where the package pesq is installed (requirements-judges.txt); else 0."""
    try:
        import pesq
    except ImportError:
        return 0.0
    ours, theirs = (_at_16_khz(each, rate_hz) for each in (samples, expected))
    return float(pesq.pesq(16_000, theirs, ours, "wb"))


def _at_16_khz(samples: np.ndarray[Any, Any], rate_hz: int) -> np.ndarray[Any, Any]:
    resampler = Resampler(rate_hz, 16_000)
    return np.concatenate([resampler.feed(samples.astype(np.float32)), resampler.finish()])


def _magnitudes(samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    windows = np.lib.stride_tricks.sliding_window_view(samples, 1024)[::256]
    return np.abs(np.fft.rfft(windows * np.hanning(1024)))


def _opus(samples: Samples, rate_hz: int, kbit_s: float) -> tuple[bytes, Samples]:
    """Opus of samples as the gateway writes it, and what is heard of it at the same rate."""
    resampler, encoder = Resampler(rate_hz, _OPUS_HZ), opus_encoder(_OPUS_HZ, round(1000 * kbit_s))
    resampled = np.concatenate([resampler.feed(samples), resampler.finish()])
    data = encoder.encode(resampled) + encoder.finish()
    with av.open(io.BytesIO(data), "r") as file:
        frames = [frame.to_ndarray().reshape(-1) for frame in file.decode(audio=0)]
    back = Resampler(_OPUS_HZ, rate_hz)
    heard = np.concatenate([back.feed(np.concatenate(frames).astype(np.float32)), back.finish()])
    return data, _fitted(heard, samples.size)


def _opus_rows(audio: Any) -> dict[str, dict[str, float]]:
    """Rates of Opus beside those of the codec of latents."""
    return {
        f"Opus, {kbit_s:g} kbit/s": _row(audio, *_opus(audio.samples, audio.sample_rate, kbit_s))
        for kbit_s in _OPUS_KBIT_S
    }


def _encodec_rows(audio: Any, folder: Path | None) -> dict[str, dict[str, float]]:
    """Rates of EnCodec, if the user has its weights."""
    if folder is None:
        return {}
    model, found = Encodec.open(folder), {}
    there, back = Resampler(audio.sample_rate, model.rate_hz), Resampler(model.rate_hz, audio.sample_rate)
    resampled = np.concatenate([there.feed(audio.samples), there.finish()])
    for kbit_s in _ENCODEC_KBIT_S:
        data = model.whole(resampled, round(1000 * kbit_s))
        heard = np.concatenate([back.feed(model.decode(data)), back.finish()])
        found[f"EnCodec, {kbit_s:g} kbit/s"] = _row(audio, data, _fitted(heard, audio.samples.size))
        back = Resampler(model.rate_hz, audio.sample_rate)
    return found


def _row(audio: Any, data: bytes, heard: Samples) -> dict[str, float]:
    return {
        "bytes_per_s": len(data) / audio.duration_s,
        "nearness_db": spectral_nearness_db(heard, audio.samples),
        "pesq": pesq_of(heard, audio.samples, audio.sample_rate),
    }


def _fitted(samples: Samples, size: int) -> Samples:
    """As many samples, silence at the end."""
    return np.pad(samples, (0, max(0, size - samples.size)))[:size]


def add_arguments(group: argparse._ArgumentGroup) -> None:
    """Arguments of this benchmark."""
    group.add_argument("--bundle", type=Path, default=Path("var/bundle/voice.gsv"), help="of `make bundle`")
    group.add_argument("--edge-repository", type=Path, default=DEFAULT_REPOSITORY, help="what the bundle was made of")
    group.add_argument("--edge-rounds", type=int, default=5)
    group.add_argument("--edge-threads", type=int, default=2)
    group.add_argument("--encodec", type=Path, help="folder of `python -m gsv_build encodec`, judged beside Opus")


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return a table and the values."""
    home = Path("var/bundle/bench")
    bundle = open_bundle(arguments.bundle, home)
    alone = _alone(arguments.bundle, home, arguments.edge_threads, arguments.edge_rounds)
    sent = _by_turns(arguments, bundle, home)
    audio_s = sent["audio"]["server_s_per_s"]
    lines = [
        f"A process of `gsv-local`: open after {alone['open_s']:.2f} s, first audio after",
        f"{alone['first_audio_s']:.2f} s, {alone['rss_mb']:.0f} MB, RTF {alone['rtf']:.3f}.",
        "",
        "| what is sent | kbit/s | server's processor time for 1 s | beside audio | device's | first audio | near |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in sent.items():
        times = [
            f"{row[key]:.4f} s" if key in row else "" for key in ("server_s_per_s", "device_s_per_s", "first_audio_s")
        ]
        times.insert(1, f"{row['server_s_per_s'] / audio_s:.2f}" if "server_s_per_s" in row else "")
        near = f"{row['nearness_db']:.1f} dB" if "nearness_db" in row else ""
        lines.append(f"| {name} | {row['bytes_per_s'] * 8 / 1000:.2f} | {' | '.join(times)} | {near} |")
    return "\n".join(lines), {"edge": {"alone": alone, "sent": sent}}
