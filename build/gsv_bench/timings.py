"""When words are said: in six languages, in streams as in whole answers, and what it costs to tell.

`python -m gsv_bench --only timings --json`. One server with the demo voice, two parts:

- languages: 50 texts each, as users write them. Every word is to have its time, in order and inside of the audio, and
  every letter and figure its word. Each text is said whole and streamed with one seed; words are to begin alike.
- cost: first audio and time of one stream, and many streams at once, with times and without, by turns.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from tqdm import tqdm

from gsv_bench.concurrency import register
from gsv_bench.stages import lay_out
from gsv_bench.timed_words import LANGUAGES, drawn_texts, faults_of_times, start_differences_s
from gsv_build.build_repository import build
from gsv_build.deployment import PRESETS
from gsv_client import Audio, Client
from gsv_demo.data import held_out
from gsv_runtime.server import local_server
from gsv_runtime.server.triton_process import Ports

_AT_ONCE = 4
_WARM_UP_ROUNDS = 2
_RESAMPLES = 2_000
_PATIENCE_S = 600.0
WAYS = ("off", "word")

Say = Callable[[str, int, str], Audio]  # text, seed and timestamps


@dataclass(frozen=True)
class LanguageTimes:
    """Words of one language's texts; `texts_at_fault` says of each such text what is wrong."""

    texts: int
    words: int
    texts_at_fault: dict[str, list[str]]
    largest_difference_ms: float  # of a word's start, streamed beside whole
    of_another_length: int  # streams that have not the samples of the whole


@dataclass(frozen=True)
class Ratio:
    """With times over without, median of pairs, and where the median lies with 95 % confidence."""

    pairs: int
    off: float  # medians
    word: float
    ratio: float
    low: float
    high: float

    @classmethod
    def of(cls, pairs: Sequence[tuple[float, float]]) -> Ratio:
        """Of values without times and with them."""
        values = np.array(pairs)
        ratios = values[:, 1] / values[:, 0]
        drawn = np.random.default_rng(0).integers(0, len(ratios), (_RESAMPLES, len(ratios)))
        low, high = np.quantile(np.median(ratios[drawn], axis=1), [0.025, 0.975])
        off, word = np.median(values, axis=0)
        return cls(len(pairs), *(round(float(each), 4) for each in (off, word, np.median(ratios), low, high)))


def language_times(client: Client, voices: Sequence[str], language: str, count: int) -> LanguageTimes:
    """Say texts of a language whole and streamed, and look at the times of their words."""

    def both(numbered: tuple[int, tuple[str, str]]) -> tuple[str, Audio, Audio]:
        number, (text, voice) = numbered
        said = [
            client.synthesize(
                text, voice=voice, language=language, seed=number, streaming=streaming,
                timestamps="word", retries=0, cache="off",
            )
            for streaming in ("off", "chunk")
        ]  # fmt: skip
        return text, said[0], said[1]

    texts = list(enumerate(zip(drawn_texts(language, count), cycle(voices), strict=False)))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(tqdm(pool.map(both, texts), total=count, desc=language, unit="text"))
    faults = {
        text: [
            fault for said in both_ways for fault in faults_of_times(text, said.words, said.dropped, said.duration_s)
        ]
        for text, *both_ways in answers
    }
    pairs = [(whole.words, streamed.words) for _, whole, streamed in answers]
    differences_s = [each for whole, streamed in pairs for each in start_differences_s(whole, streamed)]
    return LanguageTimes(
        count,
        sum(len(whole.words) for _, whole, _ in answers),
        {text: found for text, found in faults.items() if found},
        round(1e3 * max(differences_s), 1),
        sum(whole.samples.size != streamed.samples.size for _, whole, streamed in answers),
    )


def one_stream(say: Say, texts: Sequence[str], rounds: int) -> dict[str, Ratio]:
    """Ask with times and without by turns, each first in half of the rounds, one stream at a time."""
    first_s: list[tuple[float, float]] = []
    whole_s: list[tuple[float, float]] = []
    for number in tqdm(range(rounds + _WARM_UP_ROUNDS), desc="one stream", unit="round"):
        text = texts[number % len(texts)]
        heard = {way: say(text, number, way) for way in (WAYS if number % 2 else WAYS[::-1])}
        if number >= _WARM_UP_ROUNDS:
            first_s.append((heard["off"].ttfa_s, heard["word"].ttfa_s))
            whole_s.append((heard["off"].elapsed_s, heard["word"].elapsed_s))
    return {"first_audio_s": Ratio.of(first_s), "last_audio_s": Ratio.of(whole_s)}


def many_streams(say: Say, texts: Sequence[str], streams: int, rounds: int) -> Ratio:
    """Seconds of audio per second of many streams at once, by turns."""
    speeds: list[tuple[float, float]] = []
    with ThreadPoolExecutor(streams) as pool:
        for number in tqdm(range(rounds), desc=f"{streams} streams", unit="round"):
            found: dict[str, float] = {}
            for way in WAYS if number % 2 else WAYS[::-1]:
                seeds = range(number * streams, (number + 1) * streams)
                began_s = perf_counter()
                heard = list(pool.map(lambda seed, way=way: say(texts[seed % len(texts)], seed, way), seeds))
                found[way] = sum(audio.duration_s for audio in heard) / (perf_counter() - began_s)
            speeds.append((found["off"], found["word"]))
    return Ratio.of(speeds)


@contextmanager
def _served(arguments: argparse.Namespace) -> Iterator[str]:
    repository, state = arguments.timings_work / "model_repository", arguments.timings_work / "timings"
    lay_out(repository)
    build(repository, PRESETS["cpu"], arguments.timings_weights)
    running = local_server.up(repository, state, Ports.free())
    try:
        yield f"127.0.0.1:{running.ports.grpc}"
    finally:
        local_server.down(state)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--timings-weights", type=Path, default=Path("build/gsv_demo/weights"))
    parser.add_argument("--timings-work", type=Path, default=Path("var/bench/demo"), help="keeps the repository")
    parser.add_argument("--timings-texts", type=int, default=50, help="of each language; 0: leave this part out")
    parser.add_argument("--timings-rounds", type=int, default=100, help="of one stream; 0: leave the cost out")
    parser.add_argument("--timings-streams", type=int, default=8, help="at once, for throughput")
    parser.add_argument("--timings-throughput-rounds", type=int, default=10)


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return Markdown for people and values for machines."""
    arguments.timings_work = arguments.timings_work.resolve()
    values: dict[str, Any] = {}
    with _served(arguments) as url, Client(url, timeout_s=_PATIENCE_S, busy_wait_s=_PATIENCE_S) as client:
        voices = register(url)
        if arguments.timings_texts:
            values["languages"] = {
                language: asdict(language_times(client, voices, language, arguments.timings_texts))
                for language in LANGUAGES
            }
        if arguments.timings_rounds:
            sentences = held_out()
            texts = [f"{first} {second}" for first, second in zip(sentences[::2], sentences[1::2], strict=False)]

            def say(text: str, seed: int, timestamps: str) -> Audio:
                return client.synthesize(
                    text, voice=voices[seed % len(voices)], language="en", seed=seed, streaming="chunk",
                    timestamps=timestamps, retries=0, cache="off",
                )  # fmt: skip

            single = one_stream(say, texts, arguments.timings_rounds)
            many = many_streams(say, texts, arguments.timings_streams, arguments.timings_throughput_rounds)
            values["cost"] = {name: asdict(ratio) for name, ratio in {**single, "audio_s_per_s": many}.items()}
    return _tables(values), {"timings": values}


def _tables(values: dict[str, Any]) -> str:
    lines = []
    if "languages" in values:
        lines += [
            "| language | texts | words | texts at fault | a word begins elsewhere streamed, at most |",
            "|---|---:|---:|---:|---:|",
        ]
        for language, found in values["languages"].items():
            numbers = f"{found['texts']} | {found['words']} | {len(found['texts_at_fault'])}"
            lines.append(f"| {language} | {numbers} | {found['largest_difference_ms']:.0f} ms |")
    if "cost" in values:
        lines += ["", "| | without times | with | ratio, 95 % interval |", "|---|---:|---:|---|"]
        for name, found in values["cost"].items():
            interval = f"{found['ratio']:.3f} ({found['low']:.3f} to {found['high']:.3f}), {found['pairs']} pairs"
            lines.append(f"| {name} | {found['off']:.3f} | {found['word']:.3f} | {interval} |")
    return "\n".join(lines) or json.dumps(values)
