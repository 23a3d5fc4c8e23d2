"""What 8-bit weights change in T2S: logits, the likeliest token, and whole greedy sentences, against float32.

Both engines read the same tokens, drawn from the float32 logits as a request would draw them; every step compares the
two distributions. Then each speaks on its own, always taking the likeliest token. Two networks: random weights at
official size, and a trained voice.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gsv_bench.t2s_cases import T2SSide, open_engine, random_prompt, spoken_prompts
from gsv_build.checks.module_stages import SeededWeights
from gsv_build.graphs.graph_quantisation import T2SPrecision
from gsv_build.modules.t2s import T2S
from gsv_build.size_presets import network_sizes
from gsv_runtime.t2s.engine import LogitsEngine, StepRow
from gsv_runtime.t2s.request import Prompt
from gsv_runtime.t2s.sampling import draw, gumbel_noise, token_generator
from gsv_runtime.tensors import Array
from gsv_runtime.versions import ModelVersion

NUM_TOKENS = 75
NUM_RANDOM_PROMPTS = 8


@dataclass(frozen=True)
class Difference:
    """What int8 changes in one network, over some prompts of `NUM_TOKENS` tokens each."""

    network: str
    prompts: int
    logit_deviation: float  # standard deviation of the float32 logits: the scale of the next two
    rms_logit_error: float
    largest_logit_error: float
    likeliest_changed: float  # share of steps, same tokens before
    divergence_nats: float  # mean Kullback-Leibler divergence of the distributions at temperature 1
    greedy_same_tokens: float  # mean number of tokens until the two greedy sentences part, of NUM_TOKENS

    def to_json(self) -> dict[str, Any]:
        """Everything, rounded."""
        return {
            name: float(f"{value:.3g}") if isinstance(value, float) else value for name, value in vars(self).items()
        }


class _Speaker:
    """One engine speaking one prompt in slot 0."""

    def __init__(self, engine: LogitsEngine, prompt: Prompt) -> None:
        self._engine, self._prompt, self._count = engine, prompt, 0
        self.logits = engine.prefill(0, prompt).copy()

    def take(self, token: int) -> None:
        """Append a token."""
        place = StepRow(token, self._prompt.prompt_tokens.size + self._count, self._prompt.rows + self._count)
        self.logits = self._engine.decode_step([place])[0].copy()
        self._count += 1


def drawn_path(engines: Sequence[LogitsEngine], prompt: Prompt, seed: int) -> tuple[Array, Array]:
    """Logits `[NUM_TOKENS, V]` of two engines that read the same tokens, drawn from those of the first."""
    speakers = [_Speaker(engine, prompt) for engine in engines]
    generator, size = token_generator(seed), speakers[0].logits.size
    present = np.zeros((1, size), dtype=np.bool_)
    present[0, prompt.prompt_tokens] = True
    seen: list[tuple[Array, Array]] = []
    for count in range(NUM_TOKENS):
        seen.append((speakers[0].logits, speakers[1].logits))
        logits = speakers[0].logits.copy()
        logits[-1] = -np.inf  # EOS: paths of one length
        noise = gumbel_noise(generator, size)[np.newaxis]
        token = int(draw(logits[np.newaxis], present, np.array([count]), [prompt.sampling], noise).tokens[0])
        present[0, token] = True
        for speaker in speakers:
            speaker.take(token)
    return np.stack([first for first, _ in seen]), np.stack([second for _, second in seen])


def greedy_path(engine: LogitsEngine, prompt: Prompt) -> list[int]:
    """The likeliest tokens, EOS left out."""
    speaker, tokens = _Speaker(engine, prompt), []
    for _ in range(NUM_TOKENS):
        tokens.append(int(speaker.logits[:-1].argmax()))
        speaker.take(tokens[-1])
    return tokens


def compare(network: str, module: T2S, prompts: Sequence[Prompt], threads: int) -> Difference:
    """Measure one network."""
    engines = [
        open_engine(module, T2SSide(precision), 1, threads) for precision in (T2SPrecision.FP32, T2SPrecision.INT8)
    ]
    exact, rounded, same = [], [], []
    for seed, prompt in enumerate(tqdm(prompts, desc=network, unit="prompt")):
        first, second = drawn_path(engines, prompt, seed)
        exact.append(first)
        rounded.append(second)
        first_path, second_path = (greedy_path(engine, prompt) for engine in engines)
        parted = [a != b for a, b in zip(first_path, second_path, strict=True)]
        same.append(parted.index(True) if any(parted) else NUM_TOKENS)
    return difference(network, np.concatenate(exact), np.concatenate(rounded), same)


def difference(network: str, exact: Array, rounded: Array, same: Sequence[int]) -> Difference:
    """Sum up: logits `[steps, V]` of both, and the tokens until each greedy sentence parted."""
    error = rounded - exact
    first, second = _probabilities(exact), _probabilities(rounded)
    tiny = np.finfo(np.float32).tiny
    divergence = (first * (np.log(first + tiny) - np.log(second + tiny))).sum(axis=1)
    return Difference(
        network=network,
        prompts=len(same),
        logit_deviation=float(exact.std()),
        rms_logit_error=float(np.sqrt((error**2).mean())),
        largest_logit_error=float(np.abs(error).max()),
        likeliest_changed=float((exact.argmax(axis=1) != rounded.argmax(axis=1)).mean()),
        divergence_nats=float(divergence.mean()),
        greedy_same_tokens=float(np.mean(same)),
    )


def _probabilities(logits: Array) -> Array:
    """Of each row of `[steps, V]`."""
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def table(differences: Sequence[Difference]) -> str:
    """As Markdown."""
    lines = [
        "| network | prompts | deviation of logits | rms error | largest error | likeliest token changed | "
        "divergence, nats | greedy tokens until they part |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {d.network} | {d.prompts} | {d.logit_deviation:.2f} | {d.rms_logit_error:.4f} | "
        f"{d.largest_logit_error:.3f} | {d.likeliest_changed:.1%} | {d.divergence_nats:.1e} | "
        f"{d.greedy_same_tokens:.0f} of {NUM_TOKENS} |"
        for d in differences
    ]
    return "\n".join(lines)


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--voice-weights", type=Path, default=Path("build/gsv_demo/weights"), help="a trained voice")
    parser.add_argument("--precision-threads", type=int, default=2)


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return Markdown for people and values for machines."""
    sizes = network_sizes(ModelVersion.V2, "official")
    prompts = [random_prompt(sizes.t2s, seed) for seed in range(NUM_RANDOM_PROMPTS)]
    threads = arguments.precision_threads
    found = [compare("random weights, official size", SeededWeights(sizes).t2s(), prompts, threads)]
    module, prompts = spoken_prompts(arguments.voice_weights)
    found.append(compare(str(arguments.voice_weights), module, prompts, threads))
    return table(found), {"t2s_precision": [each.to_json() for each in found]}
