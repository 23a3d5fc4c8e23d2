"""What it costs to decode a sentence in windows instead of at once, by its length; and a text, sentence by sentence.

Graphs with random weights, run by ONNX Runtime as they are served.
"""

from __future__ import annotations

import logging
import resource
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gsv_build.checks.module_stages import SeededWeights
from gsv_build.export import export_graph
from gsv_build.receptive_field import receptive_field
from gsv_build.size_presets import network_sizes
from gsv_runtime import contract
from gsv_runtime.contract import TOKENS_PER_SECOND
from gsv_runtime.graphs.stage import OnnxStage
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.stages import SequenceCall
from gsv_runtime.tensors import NUMPY_DTYPES, Arrays
from gsv_runtime.tts.synthesis.chunking import WHOLE_SENTENCE, ChunkSchedule
from gsv_runtime.tts.synthesis.decoding import Noise, SentenceDecoder
from gsv_runtime.versions import ModelVersion

logger = logging.getLogger("gsv.bench")

_TOKENS_PER_PHONE = 2.5
STREAMED, OFFLINE = "streamed", "offline"


@dataclass(frozen=True)
class Cost:
    """Decoding one sentence of a length, streamed and at once."""

    seconds: float
    milliseconds: Mapping[str, float]  # side to median of processor time
    frames: Mapping[str, Mapping[str, int]]  # side to stage to frames that it worked on

    @property
    def ratio(self) -> float:
        """Streamed over offline."""
        return self.milliseconds[STREAMED] / self.milliseconds[OFFLINE]

    @property
    def vocoder_ratio(self) -> float:
        """Frames vocoded, streamed over offline: free of noise."""
        return self.frames[STREAMED]["vocoder"] / self.frames[OFFLINE]["vocoder"]


@dataclass(frozen=True)
class TextCost:
    """Streaming a short and a long text, each sentence of it by itself, as `tts` does."""

    num_sentences: int  # of the long text
    short_s: float
    long_s: float
    short_ms: float  # medians of processor time
    long_ms: float

    @property
    def ratio(self) -> float:
        """Cost of a second of the long text over that of the short one."""
        return (self.long_ms / self.long_s) / (self.short_ms / self.short_s)


@dataclass(frozen=True)
class Memory:
    """Growth of the largest resident memory, MiB; a stage keeps what its largest call took."""

    after_short_mib: float
    streamed_growth_mib: float  # by then streaming the longest sentence
    offline_growth_mib: float  # by then decoding it at once


class DecoderGraphs:
    """Acoustic model and vocoder with random weights, run as the server's models run them; counts frames."""

    def __init__(self, version: ModelVersion, size: str, folder: Path, threads: int) -> None:
        sizes = network_sizes(version, size)
        modules = SeededWeights(sizes).sovits()
        axes = {"latent_dim": sizes.sovits.latent, "global_dim": sizes.sovits.global_dim}
        self._stages = {}
        for model in (contract.ACOUSTIC, contract.VOCODER):
            path = export_graph(getattr(modules, model.name), model, folder / model.name / "model.onnx", axes)
            self._stages[model.name] = OnnxStage.open(model, path, threads)
        around = receptive_field(sizes.sovits)
        self.codebook, self.num_phones = sizes.sovits.codebook, sizes.sovits.num_phones
        self.facts = CheckpointFacts(
            version=version.value,
            weights_digest="seeded",
            latent_dim=sizes.sovits.latent,
            global_dim=sizes.sovits.global_dim,
            bert_dim=0,
            has_bert=False,
            bert_cls_id=0,
            bert_sep_id=0,
            flow_receptive_field_frames=around.flow_frames,
            vocoder_receptive_field_frames=around.vocoder_frames,
        )
        self.frames: dict[str, int] = {}

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Run one stage."""
        dtypes = {tensor.name: NUMPY_DTYPES[tensor.dtype] for tensor in model.inputs}
        arrays = {name: np.asarray(value, dtype=dtypes[name]) for name, value in inputs.items()}
        worked_on = "noise" if model is contract.ACOUSTIC else "latents"
        self.frames[model.name] = self.frames.get(model.name, 0) + arrays[worked_on].shape[2]
        return self._stages[model.name].run([arrays])[0]

    def new_sequence_id(self) -> int:
        """No sequence model is here."""
        raise NotImplementedError("acoustic model and vocoder only")

    def take_times_ms(self) -> dict[str, float]:
        """Nothing is timed here."""
        return {}

    def decode(self, num_tokens: int, schedule: ChunkSchedule) -> tuple[float, dict[str, int]]:
        """Decode a sentence of random tokens; return milliseconds of processor time, and frames by stage."""
        generator = np.random.default_rng(0)
        tokens = generator.integers(0, self.codebook, num_tokens)
        phones = generator.integers(0, self.num_phones, max(round(num_tokens / _TOKENS_PER_PHONE), 1))
        condition = generator.standard_normal((1, self.facts.global_dim)).astype(np.float32)
        self.frames = {}
        started = time.process_time()
        decoder = SentenceDecoder(phones, condition, Noise(1, 0.5), 1.0, self.facts, self, schedule)
        for _ in decoder.push(tokens, finished=True):
            pass
        return 1e3 * (time.process_time() - started), self.frames


def measure(graphs: DecoderGraphs, schedule: ChunkSchedule, lengths_s: list[float], rounds: int) -> list[Cost]:
    """Time both sides alternately, by processor time: other work on the machine stretches it little."""
    sides = {STREAMED: schedule, OFFLINE: WHOLE_SENTENCE}
    found = []
    for seconds in lengths_s:
        times: dict[str, list[float]] = {side: [] for side in sides}
        frames: dict[str, Mapping[str, int]] = {}
        for _ in tqdm(range(rounds), desc=f"{seconds:g} s alternate", unit="round"):
            for side, cut in sides.items():
                spent_ms, frames[side] = graphs.decode(tokens_of(seconds), cut)
                times[side].append(spent_ms)
        medians = {side: statistics.median(spent) for side, spent in times.items()}
        found.append(Cost(seconds, medians, frames))
        logger.info("decoded seconds=%g streamed_ms=%.0f offline_ms=%.0f", seconds, medians[STREAMED], medians[OFFLINE])
    return found


def tokens_of(seconds: float) -> int:
    """Semantic tokens of so much speech."""
    return round(seconds * TOKENS_PER_SECOND)


def measure_text(
    graphs: DecoderGraphs, schedule: ChunkSchedule, phones: Sequence[int], short_s: float, long_s: float, rounds: int
) -> TextCost:
    """Time a short and a long text alternately.

    Args:
        graphs: what decodes.
        schedule: where sentences are cut.
        phones: of the sentences of a text that is long enough; a text is as many of them, from the first on, as are
            at least as long as asked for.
        short_s: length of the short text.
        long_s: length of the long one.
        rounds: how often.
    """
    texts = {wanted_s: _sentences(phones, tokens_of(wanted_s)) for wanted_s in (short_s, long_s)}
    times: dict[float, list[float]] = {wanted_s: [] for wanted_s in texts}
    for _ in tqdm(range(rounds), desc="texts alternate", unit="round"):
        for wanted_s, sentences in texts.items():
            times[wanted_s].append(sum(graphs.decode(num_tokens, schedule)[0] for num_tokens in sentences))
    spoken_s = {wanted_s: sum(sentences) / TOKENS_PER_SECOND for wanted_s, sentences in texts.items()}
    medians = {wanted_s: statistics.median(spent) for wanted_s, spent in times.items()}
    return TextCost(len(texts[long_s]), spoken_s[short_s], spoken_s[long_s], medians[short_s], medians[long_s])


def _sentences(phones: Sequence[int], num_tokens: int) -> list[int]:
    """Tokens of the first sentences that are `num_tokens` long together."""
    found: list[int] = []
    for count in phones:
        if sum(found) >= num_tokens:
            return found
        found.append(round(count * _TOKENS_PER_PHONE))
    raise ValueError(f"the text has {sum(found)} tokens; need {num_tokens}; take a longer one")


def measure_memory(graphs: DecoderGraphs, schedule: ChunkSchedule, short_s: float, long_s: float) -> Memory:
    """Stream a short sentence, then a long one, then decode that at once; before anything else has run."""
    graphs.decode(tokens_of(short_s), schedule)
    short = _peak_mib()
    graphs.decode(tokens_of(long_s), schedule)
    streamed = _peak_mib()
    graphs.decode(tokens_of(long_s), WHOLE_SENTENCE)
    found = Memory(short, streamed - short, _peak_mib() - short)
    logger.info("peak memory %s", found)
    return found


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
