"""The sentence that a bundle carries with its tokens and its audio, for whoever loads it to compare with."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gsv_runtime import contract
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.speech_request import Sampling, parse_speech_request
from gsv_runtime.stages import SequenceCall, Stages
from gsv_runtime.tensors import Array, Arrays
from gsv_runtime.tts.synthesis.pipeline import Pipeline
from gsv_runtime.voices.store import Voice

# Nothing is drawn: the likeliest token, and latents without noise. So no loader needs our generator of random numbers.
SAMPLE_SAMPLING = Sampling(top_k=1, top_p=1.0, temperature=1.0, repetition_penalty=1.35, seed=0)
SAMPLE_OPTIONS = {
    **asdict(SAMPLE_SAMPLING),
    "noise_scale": 0.0,
    "retries": 0,  # another seed would change nothing
    "streaming": contract.NOT_STREAMED,
    "split_method": "cut0",
    "cache": contract.OFF,
}
_TOKENS_PER_CALL = 1_500  # all of a sentence


@dataclass(frozen=True)
class Sample:
    """What was said, and what became of it on the way."""

    text: str
    phones: Array  # [P] int64
    tokens: Array  # [T] int64
    waveform: Array  # [N] float32 at 32 kHz


class _Overheard:
    """Stages that keep the tokens and the phones which pass."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self.tokens: list[Array] = []
        self.phones: list[Array] = []

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Run one stage; see `Stages.call`."""
        answer = self._stages.call(model, sequence=sequence, **inputs)
        if model is contract.T2S:
            self.tokens.append(answer["semantic_tokens"])
        if model is contract.TEXT_FRONTEND:
            if answer["phone_counts"].size != 1 or answer["bert_token_ids"].size:
                raise InvalidRequest("the sample text must be one sentence without Chinese characters")
            self.phones.append(answer["phones"])
        return answer

    def new_sequence_id(self) -> int:
        """An id that no other running sequence has."""
        return self._stages.new_sequence_id()

    def take_times_ms(self) -> dict[str, float]:
        """Milliseconds spent in each stage since this was last asked."""
        return self._stages.take_times_ms()


def speak_sample(text: str, voice: Voice, stages: Stages, facts: CheckpointFacts) -> Sample:
    """Say a sentence in the way that anybody can repeat.

    Args:
        text: one sentence that needs no contextual features.
        voice: who speaks.
        stages: the stages.
        facts: of the checkpoint.

    Raises:
        InvalidRequest: the text is not such a sentence.
    """
    options = {
        name: np.array([value], dtype=np.object_ if isinstance(value, str) else None)
        for name, value in {"text": text, "voice": "sample", **SAMPLE_OPTIONS}.items()
    }
    overheard = _Overheard(stages)
    (chunk,) = Pipeline(facts, _TOKENS_PER_CALL).speak(parse_speech_request(options), voice, overheard)
    return Sample(text, np.concatenate(overheard.phones), np.concatenate(overheard.tokens), chunk.waveform)
