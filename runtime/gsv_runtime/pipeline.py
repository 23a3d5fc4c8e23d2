"""A speech request's path through the stages, sentence by sentence. No Triton inside.

Pure but for the injected stages: no file, no clock, no thread. Everything random comes from the request's seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

import numpy as np

from gsv_runtime import contract
from gsv_runtime.chunking import WHOLE_SENTENCE
from gsv_runtime.contract import SAMPLE_RATE_HZ
from gsv_runtime.decoding import Noise, SentenceDecoder
from gsv_runtime.errors import Cancelled, InvalidRequest, SynthesisError
from gsv_runtime.sentences import Sentence, bert_features, unflatten
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.speech_request import Sampling, SpeechRequest, sentence_seed
from gsv_runtime.stages import SequenceCall, Stages
from gsv_runtime.tensors import Array
from gsv_runtime.voices import Voice


@dataclass(frozen=True)
class Chunk:
    """A piece of speech as it leaves the pipeline."""

    waveform: Array  # [N] float32 in [-1, 1] at 32 kHz, the pause after it included
    chunk_index: int
    sentence_index: int
    sentence: str
    timing_ms: dict[str, float]
    last: bool


class Pipeline:
    """Turns requests into chunks; holds only what does not change between requests."""

    def __init__(self, facts: CheckpointFacts, tokens_per_call: int) -> None:
        self._facts = facts
        self._tokens_per_call = tokens_per_call

    def speak(
        self, request: SpeechRequest, voice: Voice, stages: Stages, is_cancelled: Callable[[], bool]
    ) -> Iterator[Chunk]:
        """Speaks a text.

        Args:
            request: what to say and how.
            voice: whose voice; everything derived from its reference.
            stages: the stages, for this request.
            is_cancelled: whether the client has left; asked between stage calls.

        Yields:
            One chunk per sentence, in order.

        Raises:
            InvalidRequest: the text has nothing to speak.
            Cancelled: the client has left.
        """
        answer = stages.call(
            contract.TEXT_FRONTEND, text=request.text, language=request.language, split_method=request.split_method
        )
        sentences = unflatten(answer)
        if not sentences:
            raise InvalidRequest("text has nothing that can be spoken; need words or numbers")
        for index, sentence in enumerate(sentences):
            last = index == len(sentences) - 1
            waveform = self._speak_sentence(index, sentence, request, voice, stages, is_cancelled)
            if not last:
                waveform = np.pad(waveform, (0, round(request.pause_s * SAMPLE_RATE_HZ)))
            yield Chunk(waveform, index, index, sentence.text, stages.take_times_ms(), last)

    def _speak_sentence(
        self,
        index: int,
        sentence: Sentence,
        request: SpeechRequest,
        voice: Voice,
        stages: Stages,
        is_cancelled: Callable[[], bool],
    ) -> Array:
        """Speaks one sentence; returns [N] float32."""
        seed = sentence_seed(request.sampling.seed, index)
        features = bert_features(sentence, stages, self._facts)
        sampling = replace(request.sampling, seed=seed)
        tokens = self._semantic_tokens(sentence.phones, features, voice, sampling, stages, is_cancelled)
        decoder = SentenceDecoder(
            sentence.phones,
            voice.global_condition,
            Noise(seed, request.noise_scale),
            request.speed,
            self._facts,
            stages,
            WHOLE_SENTENCE,
        )
        return np.concatenate(list(decoder.push(tokens, finished=True)))

    def _semantic_tokens(
        self,
        phones: Array,
        features: Array,
        voice: Voice,
        sampling: Sampling,
        stages: Stages,
        is_cancelled: Callable[[], bool],
    ) -> Array:
        """Pulls a sentence's tokens from `t2s` until it says that there are no more; returns [T] int64."""
        sequence_id = stages.new_sequence_id()
        opening = {
            "phones": np.concatenate([voice.prompt_phones, phones]),
            "bert_features": np.concatenate([voice.prompt_features, features], axis=1),
            "num_target_phones": phones.size,
            "prompt_tokens": voice.prompt_tokens,
            **asdict(sampling),
        }
        pieces: list[Array] = []
        finished = started = False
        try:
            while not finished:
                if is_cancelled():
                    raise Cancelled("the client has left")
                call = SequenceCall(sequence_id, start=not started)
                wanted = self._tokens_per_call
                first, started = ({} if started else opening), True
                answer = stages.call(contract.T2S, sequence=call, max_new_tokens=[wanted], **as_rows(first))
                pieces.append(answer["semantic_tokens"])
                finished = answer["finish_reason"][0] != ""
        finally:
            if started:
                _end_sequence(sequence_id, stages)
        return np.concatenate(pieces)


def _end_sequence(sequence_id: int, stages: Stages) -> None:
    """Frees a slot of `t2s`; if that fails the audio is still good, and t2s reaps the idle slot later."""
    with suppress(SynthesisError):
        stages.call(contract.T2S, sequence=SequenceCall(sequence_id, end=True), max_new_tokens=[0])


def as_rows(values: dict[str, object]) -> dict[str, object]:
    """Wraps scalars in lists: every scalar travels as a tensor [1]."""
    return {name: value if isinstance(value, np.ndarray) else [value] for name, value in values.items()}
