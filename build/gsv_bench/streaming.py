"""Decoding in windows as tokens arrive, against decoding whole sentences: closeness, seams, cost, memory, first audio.

Closeness on a trained voice (PyTorch modules), cost at official sizes (random weights, ONNX Runtime graphs as served).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gsv_bench import streaming_cost, streaming_quality
from gsv_bench.streaming_cost import OFFLINE, STREAMED, Cost, Memory, TextCost
from gsv_bench.streaming_quality import Quality, Voices
from gsv_build.deployment import PRESETS
from gsv_demo.data import held_out
from gsv_runtime import contract
from gsv_runtime.contract import SAMPLE_RATE_HZ
from gsv_runtime.speech_request import Sampling, SpeechRequest
from gsv_runtime.text.frontend import TextFrontend
from gsv_runtime.tts.synthesis.chunking import ChunkSchedule, chunk_schedule
from gsv_runtime.tts.synthesis.pipeline import Pipeline
from gsv_runtime.versions import ModelVersion

DEMO_WEIGHTS = Path(__file__).parents[1] / "gsv_demo" / "weights"
SHORT_SENTENCES, LONG_SENTENCES = 2, 17  # about 7 s and 60 s of the demo voice


@dataclass(frozen=True)
class FirstAudio:
    """Seconds of work before the first chunk of a short and of a long text, and how long their speech is."""

    short_s: float
    long_s: float
    short_audio_s: float
    long_audio_s: float


def first_audio(voices: Voices, schedule: ChunkSchedule, tokens_per_call: int, rounds: int) -> FirstAudio:
    """Time the first chunk through the whole pipeline, in one process: processor time, alternately, medians."""
    pipeline = Pipeline(voices.facts, tokens_per_call, schedule)
    _, voice = next(voices.voices())
    texts = {count: " ".join(held_out()[:count]) for count in (SHORT_SENTENCES, LONG_SENTENCES)}
    times: dict[int, list[float]] = {count: [] for count in texts}
    audio_s: dict[int, float] = {}

    def request(text: str) -> SpeechRequest:
        sampling = Sampling(top_k=15, top_p=1.0, temperature=1.0, repetition_penalty=1.35, seed=1)
        return SpeechRequest(text, "en", "v", None, 1.0, sampling, 0.5, 0.3, "cut5", "float32", streaming="chunk")

    for count, text in texts.items():
        whole = pipeline.speak(request(text), voice, voices.stages)
        audio_s[count] = sum(chunk.waveform.size for chunk in whole) / SAMPLE_RATE_HZ
    for _ in tqdm(range(rounds), desc="first audio", unit="round"):
        for count, text in texts.items():
            started = time.process_time()
            chunks = pipeline.speak(request(text), voice, voices.stages)
            next(iter(chunks))
            times[count].append(time.process_time() - started)
            chunks.close()
    medians = [statistics.median(times[count]) for count in texts]
    return FirstAudio(*medians, *audio_s.values())


def table(schedule: ChunkSchedule, found: Sequence[Quality]) -> str:
    """Closeness, as Markdown."""
    lines = [
        f"Chunks of {schedule.first_tokens} tokens, doubling to {schedule.max_tokens}; "
        f"lookahead {schedule.lookahead_tokens}; the text encoder sees {schedule.encoder_tokens} before a chunk.",
        "",
        "| sentence | tokens | whole, dB | by chunk | windows alone | so cut | another seed | seam steps / others |",
        "|---|---:|---:|---|---:|---:|---:|---:|",
    ]
    for each in found:
        chunks = " ".join(f"{snr:.0f}" for snr in each.chunk_snr_db)
        step = f"{max(each.seam_steps):.2f} / {each.other_step:.2f}" if each.seam_steps else "no seam"
        lines.append(
            f"| {each.name} | {each.num_tokens} | {each.whole_snr_db:.1f} | {chunks} | {each.windows_snr_db:.0f} | "
            f"{each.same_grid_snr_db:.1f} | {each.other_noise_snr_db:.1f} | {step} |"
        )
    return "\n".join(lines)


def cost_table(version: ModelVersion, costs: Sequence[Cost], memory: Memory) -> str:
    """Cost by length, as Markdown."""
    lines = [
        f"**{version.value}**, one sentence of each length, processor time of acoustic model and vocoder:",
        "",
        "| speech | offline | streamed | ratio | vocoder frames, ratio |",
        "|---:|---:|---:|---:|---:|",
    ]
    for cost in costs:
        lines.append(
            f"| {cost.seconds:g} s | {cost.milliseconds[OFFLINE]:.0f} ms | {cost.milliseconds[STREAMED]:.0f} ms | "
            f"{cost.ratio:.2f} | {cost.vocoder_ratio:.2f} |"
        )
    return "\n".join(
        [
            *lines,
            "",
            f"Peak memory after 5 s streamed: {memory.after_short_mib:.0f} MiB; 60 s streamed adds "
            f"{memory.streamed_growth_mib:.0f} MiB, 60 s at once {memory.offline_growth_mib:.0f} MiB.",
        ]
    )


def _text_sentence(cost: TextCost) -> str:
    return (
        f"A text of {cost.long_s:.0f} s in {cost.num_sentences} sentences cost {cost.long_ms:.0f} ms, one of "
        f"{cost.short_s:.1f} s {cost.short_ms:.0f} ms: {cost.ratio:.2f} × as much for each second."
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this benchmark."""
    parser.add_argument(
        "--weights", type=Path, default=DEMO_WEIGHTS, help="trained voice with references, for closeness"
    )
    parser.add_argument("--version", default="v2", help="whose sizes to measure the cost at")
    parser.add_argument("--cost-size", choices=("official", "small"), default="official")
    parser.add_argument("--lengths", default="2.5,5,15,60", help="seconds; with 5 and 60")
    parser.add_argument("--streaming-rounds", type=int, default=3)
    parser.add_argument("--quality-only", action="store_true", help="measure no cost")
    parser.add_argument("--streaming-plot", type=Path, help="draw a picture here")


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return Markdown for people and values for machines."""
    settings = PRESETS["cpu"].model(contract.TTS).settings
    threads = PRESETS["cpu"].model(contract.VOCODER).settings.intra_op_threads
    schedule, costs, memory = chunk_schedule(settings), [], Memory(0, 0, 0)
    text: list[str] = []
    values: dict[str, Any] = {"schedule": vars(schedule)}
    if not arguments.quality_only:
        version = ModelVersion(arguments.version)
        lengths_s = [float(length) for length in arguments.lengths.split(",")]
        with tempfile.TemporaryDirectory(prefix="gsv-bench-streaming-") as folder:
            graphs = streaming_cost.DecoderGraphs(version, arguments.cost_size, Path(folder), threads)
            memory = streaming_cost.measure_memory(graphs, schedule, 5, 60)
            costs = streaming_cost.measure(graphs, schedule, lengths_s, arguments.streaming_rounds)
            phones = TextFrontend(version.symbols, None).process(" ".join(held_out()[:40]), "en").phone_counts.tolist()
            of_text = streaming_cost.measure_text(graphs, schedule, phones, 5, 60, arguments.streaming_rounds)
        text += [cost_table(version, costs, memory), _text_sentence(of_text)]
        values |= {"cost": [_cost_json(cost) for cost in costs], "memory": vars(memory)}
        values["text"] = vars(of_text) | {"ratio": round(of_text.ratio, 3)}
        by_length = {cost.seconds: cost.milliseconds[STREAMED] for cost in costs}
        if {5.0, 60.0} <= by_length.keys():
            values["cost_60_s_over_12_times_5_s"] = round(by_length[60.0] / (12 * by_length[5.0]), 3)
            text.append(f"60 s cost {values['cost_60_s_over_12_times_5_s']:.2f} × 12 × that of 5 s.")
    voices = Voices(arguments.weights)
    found = [streaming_quality.measure(sentence, schedule, voices) for sentence in voices.sentences()]
    audio = first_audio(voices, schedule, settings.tokens_per_call, arguments.streaming_rounds)
    snr = [each.whole_snr_db for each in found]
    values |= {
        "quality": [_quality_json(each) for each in found],
        "snr_to_whole_db": {"lowest": round(min(snr), 1), "median": round(statistics.median(snr), 1)},
        "same_grid_snr_db": round(min(each.same_grid_snr_db for each in found), 1),
        "largest_step_at_a_seam": round(max(step for each in found for step in each.seam_steps), 3),
        "largest_step_elsewhere": round(max(each.other_step for each in found), 3),
        "first_audio": {name: round(value, 3) for name, value in vars(audio).items()},
        "first_audio_long_over_short": round(audio.long_s / audio.short_s, 3),
    }
    text += [
        table(schedule, found),
        f"First audio of {audio.long_audio_s:.0f} s of speech after {audio.long_s:.3f} s of work, "
        f"of {audio.short_audio_s:.0f} s after {audio.short_s:.3f} s: {audio.long_s / audio.short_s:.2f} ×.",
    ]
    if arguments.streaming_plot and costs:
        from gsv_bench.streaming_plot import plot

        plot(max(found, key=lambda each: len(each.seams_at)), costs, arguments.streaming_plot)
    return "\n\n".join(text), {"streaming": values}


def _cost_json(cost: Cost) -> dict[str, Any]:
    return {
        "seconds": cost.seconds,
        "offline_ms": round(cost.milliseconds[OFFLINE], 1),
        "streamed_ms": round(cost.milliseconds[STREAMED], 1),
        "ratio": round(cost.ratio, 3),
        "vocoder_frames_ratio": round(cost.vocoder_ratio, 3),
    }


def _quality_json(each: Quality) -> dict[str, Any]:
    return {
        "name": each.name,
        "tokens": each.num_tokens,
        "snr_to_whole_db": round(each.whole_snr_db, 1),
        "chunk_snr_db": [round(snr, 1) for snr in each.chunk_snr_db],
        "windows_alone_snr_db": round(each.windows_snr_db, 1),
        "same_grid_snr_db": round(each.same_grid_snr_db, 1),
        "other_noise_snr_db": round(each.other_noise_snr_db, 1),
        "step_elsewhere": round(each.other_step, 3),
        "seam_steps": [round(step, 3) for step in each.seam_steps],
    }
