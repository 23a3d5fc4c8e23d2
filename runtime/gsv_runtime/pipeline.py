"""A speech request's path through the stages, sentence by sentence. No Triton inside.

Pure but for the injected stages: no file, no clock, no thread. Everything random comes from the request's seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

import numpy as np

from gsv_runtime import contract
from gsv_runtime.contract import FRAMES_PER_TOKEN, SAMPLE_RATE_HZ
from gsv_runtime.errors import Cancelled, InternalError, InvalidRequest, SynthesisError
from gsv_runtime.sentences import Sentence, bert_features, unflatten
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.speech_request import Sampling, SpeechRequest, sentence_seed
from gsv_runtime.stages import SequenceCall, Stages
from gsv_runtime.tensors import Array
from gsv_runtime.voices import Voice

_NOISE_STREAM = 1  # second word of the Philox key; keeps the noise apart from t2s's own draws


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
        noise = request.noise_scale * standard_noise(
            seed, self._facts.latent_dim, num_frames(tokens.size, request.speed)
        )
        return decode_tokens(tokens, sentence.phones, noise, voice.global_condition, stages)

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
        tokens = np.concatenate(pieces)
        if tokens.size == 0:
            raise InternalError("stage t2s ended a sentence without a token")
        return tokens


def _end_sequence(sequence_id: int, stages: Stages) -> None:
    """Frees a slot of `t2s`; if that fails the audio is still good, and t2s reaps the idle slot later."""
    with suppress(SynthesisError):
        stages.call(contract.T2S, sequence=SequenceCall(sequence_id, end=True), max_new_tokens=[0])


def as_rows(values: dict[str, object]) -> dict[str, object]:
    """Wraps scalars in lists: every scalar travels as a tensor [1]."""
    return {name: value if isinstance(value, np.ndarray) else [value] for name, value in values.items()}


def num_frames(num_tokens: int, speed: float) -> int:
    """Latent frames for `num_tokens` tokens: two each, or as many as upstream interpolates to at another speed."""
    frames = FRAMES_PER_TOKEN * num_tokens
    return frames if speed == 1.0 else int(frames / speed) + 1


def standard_noise(seed: int, latent_dim: int, frames: int) -> Array:
    """Standard normal noise [latent_dim, frames] float32; a frame's values do not depend on how many follow."""
    generator = np.random.Generator(np.random.Philox(key=[seed, _NOISE_STREAM]))
    return generator.standard_normal((frames, latent_dim), dtype=np.float32).T


def decode_tokens(tokens: Array, phones: Array, noise: Array, global_condition: Array, stages: Stages) -> Array:
    """Decodes semantic tokens to a waveform through the acoustic model and the vocoder.

    Args:
        tokens: [T] int64.
        phones: [P] int64, of the target only.
        noise: [latent_dim, F] float32, already scaled; F decides the length.
        global_condition: [1, global_dim] float32.
        stages: the stages.

    Returns:
        [640 F] float32 in [-1, 1].

    Raises:
        InternalError: the audio is not finite (never silence instead of an error).
    """
    frame_lengths = np.array([[noise.shape[1]]], dtype=np.int64)
    latents = stages.call(
        contract.ACOUSTIC,
        semantic_tokens=tokens[np.newaxis],
        token_lengths=[[tokens.size]],
        phones=phones[np.newaxis],
        phone_lengths=[[phones.size]],
        global_condition=global_condition,
        noise=noise[np.newaxis],
        frame_lengths=frame_lengths,
    )["latents"]
    waveform = stages.call(
        contract.VOCODER, latents=latents, frame_lengths=frame_lengths, global_condition=global_condition
    )["waveform"][0]
    if not np.isfinite(waveform).all():
        raise InternalError("stage vocoder answered with samples that are not finite")
    peak = float(np.abs(waveform).max(initial=0.0))
    return waveform / peak if peak > 1 else waveform
