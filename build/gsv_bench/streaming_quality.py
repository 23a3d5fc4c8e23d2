"""How close streamed audio comes to the whole sentence decoded at once, on a voice that was trained.

Three comparisons, each with the same seed and so the same noise:

- *whole*: streamed against the sentence decoded at once, as upstream does. The sum of all that differs.
- *windows*: streamed, but with the text encoder given every token: what windows and cross-fades alone change.
- *same schedule*: streamed against flow and vocoder run over the whole sentence, on what the text encoder said of each
  chunk when it was decoded: what streaming changes beyond the text encoder's not knowing the future.

For scale, a fourth: the sentence decoded at once, against the same with the noise of another seed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from gsv_build import checkpoints
from gsv_build.checks.module_stages import ModuleStages, Networks
from gsv_build.modules.acoustic import Acoustic
from gsv_build.modules.vocoder import Vocoder
from gsv_build.stage_builds import Weights
from gsv_build.weights import find_weights
from gsv_demo.data import held_out
from gsv_runtime import contract
from gsv_runtime.contract import FRAMES_PER_TOKEN, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME, SAMPLES_PER_TOKEN
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.speech_request import ReferenceRequest, Sampling, SpeechRequest
from gsv_runtime.stages import SequenceCall, Stages
from gsv_runtime.tensors import Array, Arrays
from gsv_runtime.text.frontend import TextFrontend
from gsv_runtime.tts.synthesis.chunking import WHOLE_SENTENCE, ChunkSchedule
from gsv_runtime.tts.synthesis.decoding import Noise, NoiseFrames, SentenceDecoder
from gsv_runtime.tts.synthesis.pipeline import Pipeline
from gsv_runtime.voices.cloning import derive_voice
from gsv_runtime.voices.store import Voice

NOISE, OTHER_NOISE = Noise(seed=3, scale=0.5), Noise(seed=4, scale=0.5)
_FADE_SAMPLES = SAMPLES_PER_FRAME
_NEAR_SAMPLES = SAMPLE_RATE_HZ // 20  # 50 ms to each side of a seam: the signal's own steps


@dataclass(frozen=True)
class Sentence:
    """Tokens to decode."""

    name: str
    tokens: Array  # [T] int64
    phones: Array  # [P] int64
    global_condition: Array  # [1, global_dim] float32


@dataclass(frozen=True)
class Quality:
    """One sentence streamed."""

    name: str
    num_tokens: int
    whole_snr_db: float
    windows_snr_db: float
    same_grid_snr_db: float
    other_noise_snr_db: float
    chunk_snr_db: tuple[float, ...]  # against the whole, chunk by chunk
    seam_steps: tuple[float, ...]  # largest step in each cross-fade over the largest of the whole signal near it
    other_step: float  # the largest such ratio of any other 20 ms
    seams_at: tuple[int, ...]  # samples
    whole: Array  # [N]
    streamed: Array  # [N]


def snr_db(signal: Array, other: Array) -> float:
    """Level of `signal` over that of the difference; 200 dB stands for equality."""
    power, error = float(np.square(signal).sum()), float(np.square(signal - other).sum())
    return min(200.0, 10 * float(np.log10(max(power, 1e-20) / max(error, 1e-40))))


class Voices:
    """The trained networks, and sentences in their voices."""

    def __init__(self, weights_directory: Path) -> None:
        weights = Weights(find_weights(weights_directory))
        hubert = checkpoints.load_hubert(weights.files.hubert).module
        networks = Networks(weights.t2s.module, weights.sovits.module, hubert)
        frontend = TextFrontend(weights.sovits.sizes.version.symbols, None)
        self.facts = weights.facts
        self.acoustic: Acoustic = weights.sovits.module.acoustic
        self.vocoder: Vocoder = weights.sovits.module.vocoder
        self.stages = ModuleStages(
            networks, lambda text, language, split_method: vars(frontend.process(text, language, split_method))
        )
        self._references = weights_directory / "references"

    def sentences(self) -> Iterator[Sentence]:
        """The four recordings, resynthesised from their tokens; and for each voice two texts that it speaks."""
        texts = held_out()
        for index, (name, voice) in enumerate(self.voices()):
            yield Sentence(f"{name}, recording", voice.prompt_tokens, voice.prompt_phones, voice.global_condition)
            long_text = ", ".join(text.rstrip(".?!") for text in texts[4 + 3 * index : 7 + 3 * index]) + "."
            for kind, text in (("one clause", texts[index]), ("three clauses", long_text)):
                yield self._spoken(f"{name}, {kind}", text, voice, seed=index)

    def voices(self) -> Iterator[tuple[str, Voice]]:
        """Every voice with its name."""
        for entry in json.loads((self._references / "references.json").read_text(encoding="utf-8")):
            audio = (self._references / entry["audio"]).read_bytes()
            request = ReferenceRequest(audio, entry["prompt_text"], entry["prompt_language"], trim=False)
            yield entry["voice"], derive_voice(request, self.stages, self.facts)

    def _spoken(self, name: str, text: str, voice: Voice, seed: int) -> Sentence:
        """Tokens of a text as `t2s` draws them, taken on their way to the acoustic model."""
        sampling = Sampling(top_k=15, top_p=1.0, temperature=1.0, repetition_penalty=1.35, seed=seed)
        request = SpeechRequest(text, "en", "v", None, 1.0, sampling, 0.5, 0.0, "cut0", "float32", streaming="sentence")
        listener = _Listener(self.stages)
        for _ in Pipeline(self.facts, tokens_per_call=25).speak(request, voice, listener):
            pass
        (heard,) = listener.heard
        return Sentence(name, heard["semantic_tokens"][0], heard["phones"][0], voice.global_condition)


class _Listener:
    """Passes calls on, but keeps what the acoustic model was asked and makes no audio."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self.heard: list[dict[str, Any]] = []

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        if model is contract.ACOUSTIC:
            self.heard.append(inputs)
            return {"latents": np.asarray(inputs["noise"])}
        if model is contract.VOCODER:
            frames = np.asarray(inputs["latents"]).shape[2]
            return {"waveform": np.zeros((1, frames * SAMPLES_PER_FRAME), dtype=np.float32)}
        return self._stages.call(model, sequence=sequence, **inputs)

    def new_sequence_id(self) -> int:
        return self._stages.new_sequence_id()

    def take_times_ms(self) -> dict[str, float]:
        return {}


class _AllKnowing:
    """Gives the text encoder the whole sentence in every window; its frames keep their places."""

    def __init__(self, stages: Stages, sentence: Sentence) -> None:
        self._stages = stages
        self._tokens = sentence.tokens

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        if model is contract.ACOUSTIC:
            inputs |= {"semantic_tokens": self._tokens[np.newaxis], "token_lengths": [[self._tokens.size]]}
        return self._stages.call(model, sequence=sequence, **inputs)

    def new_sequence_id(self) -> int:
        return self._stages.new_sequence_id()

    def take_times_ms(self) -> dict[str, float]:
        return {}


def decode(
    sentence: Sentence, schedule: ChunkSchedule, stages: Stages, facts: CheckpointFacts, noise: Noise = NOISE
) -> list[Array]:
    """Pieces of a sentence whose tokens come one by one."""
    decoder = SentenceDecoder(sentence.phones, sentence.global_condition, noise, 1.0, facts, stages, schedule)
    pieces: list[Array] = []
    for index in range(sentence.tokens.size):
        pieces += decoder.push(sentence.tokens[index : index + 1], finished=index + 1 == sentence.tokens.size)
    return pieces


@torch.no_grad()
def on_the_same_grid(sentence: Sentence, schedule: ChunkSchedule, voices: Voices) -> Array:
    """Flow and vocoder over the whole sentence, on what the text encoder said of each chunk with what was known."""
    acoustic, frames = voices.acoustic, FRAMES_PER_TOKEN * sentence.tokens.size
    condition = torch.from_numpy(sentence.global_condition)
    parts, index, stop = [], 0, 0
    while stop < sentence.tokens.size:
        known = min(schedule.tokens_before_chunk(index), sentence.tokens.size)
        start, end = schedule.bounds(index)
        stop = end if known == schedule.tokens_before_chunk(index) else sentence.tokens.size
        first = max(start - schedule.encoder_tokens, 0)
        tokens = torch.from_numpy(sentence.tokens[first:known])[None]
        content = functional.embedding(tokens, acoustic.codebook)
        lengths = torch.tensor([[known - first]]), torch.tensor([[sentence.phones.size]])
        phones = torch.from_numpy(sentence.phones)[None]
        hidden = acoustic.encode(content, lengths[0], phones, lengths[1], condition)
        parts.append(hidden[:, :, FRAMES_PER_TOKEN * (start - first) : FRAMES_PER_TOKEN * (stop - first)])
        index += 1
    mask = torch.ones(1, 1, frames)
    mean, log_std = acoustic.statistics(torch.cat(parts, dim=2), mask)
    noise = torch.from_numpy(NoiseFrames(NOISE, mean.shape[1]).take(0, frames).copy())
    latents = acoustic.flow.reverse(mean + noise * torch.exp(log_std), mask, condition)
    waveform: Array = voices.vocoder(latents, torch.tensor([[frames]]), condition)[0].numpy()
    return waveform


def measure(sentence: Sentence, schedule: ChunkSchedule, voices: Voices) -> Quality:
    """Decode a sentence in every way and compare."""
    (whole,) = decode(sentence, WHOLE_SENTENCE, voices.stages, voices.facts)
    pieces = decode(sentence, schedule, voices.stages, voices.facts)
    from_the_start = replace(schedule, encoder_tokens=sentence.tokens.size)  # places count from the first token
    told = _AllKnowing(voices.stages, sentence)
    exact = np.concatenate(decode(sentence, from_the_start, told, voices.facts))
    (other,) = decode(sentence, WHOLE_SENTENCE, voices.stages, voices.facts, OTHER_NOISE)
    streamed = np.concatenate(pieces)
    ends = np.cumsum([0, *(piece.size for piece in pieces)])
    seams = tuple(int(end) for end in ends[1:-1])
    return Quality(
        sentence.name,
        streamed.size // SAMPLES_PER_TOKEN,
        snr_db(whole, streamed),
        snr_db(whole, exact),
        snr_db(on_the_same_grid(sentence, schedule, voices), streamed),
        snr_db(whole, other),
        tuple(snr_db(whole[a:b], streamed[a:b]) for a, b in pairwise(ends)),
        tuple(_step(whole, streamed, seam) for seam in seams),
        max(_step(whole, streamed, place) for place in _away_from(seams, streamed.size)),
        seams,
        whole,
        streamed,
    )


def _step(whole: Array, streamed: Array, place: int) -> float:
    """Largest step from sample to sample in 20 ms of the streamed signal, over the largest of the whole one near it."""
    found = np.abs(np.diff(streamed[max(place - 1, 0) : place + _FADE_SAMPLES + 1])).max()
    own = np.abs(np.diff(whole[max(place - _NEAR_SAMPLES, 0) : place + _FADE_SAMPLES + _NEAR_SAMPLES])).max()
    return float(found / own)


def _away_from(seams: tuple[int, ...], size: int) -> Iterator[int]:
    """Starts of all 20 ms that no cross-fade touches."""
    for place in range(0, size - _FADE_SAMPLES, _FADE_SAMPLES):
        if all(abs(place - seam) > _FADE_SAMPLES for seam in seams):
            yield place
