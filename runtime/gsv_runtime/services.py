"""What the public models do with a request: `tts` speaks, `voices` keeps voices. No Triton inside."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gsv_runtime.audio import pcm16
from gsv_runtime.cloning import derive_voice
from gsv_runtime.contract import SAMPLE_RATE_HZ
from gsv_runtime.pipeline import Chunk, Pipeline
from gsv_runtime.settings import CheckpointFacts, TtsSettings, VoicesSettings
from gsv_runtime.speech_request import parse_speech_request, parse_voice_request
from gsv_runtime.stages import Stages
from gsv_runtime.tensors import Arrays
from gsv_runtime.voices import VoiceStore


@dataclass(frozen=True)
class Reply:
    """One response of a stream; the one marked `last` ends it."""

    outputs: Arrays
    last: bool


class SpeechService:
    """Answers `tts` requests."""

    def __init__(self, settings: TtsSettings, facts: CheckpointFacts, repository: Path) -> None:
        self._facts = facts
        self._voices = VoiceStore(repository / settings.voices_directory)
        self._pipeline = Pipeline(facts, settings.tokens_per_call)

    def answer(self, inputs: Arrays, stages: Stages, is_cancelled: Callable[[], bool]) -> Iterator[Reply]:
        """Speaks a text, one reply per chunk.

        Args:
            inputs: decoded tensors of contract.TTS.
            stages: the stages, for this request.
            is_cancelled: whether the client has left.

        Raises:
            SynthesisError: before the first reply when the request is at fault.
        """
        request = parse_speech_request(inputs)
        if request.reference is not None:
            voice = derive_voice(request.reference, stages, self._facts)
        else:
            voice = self._voices.get(str(request.voice), self._facts.weights_digest)
        for chunk in self._pipeline.speak(request, voice, stages, is_cancelled):
            yield Reply(chunk_outputs(chunk, request.encoding), chunk.last)


def chunk_outputs(chunk: Chunk, encoding: str) -> Arrays:
    """Outputs of contract.TTS for a chunk, its audio as float32 or as base64 of PCM16."""
    as_text = encoding == "pcm16_base64"
    audio_base64 = base64.b64encode(pcm16(chunk.waveform)).decode() if as_text else ""
    timing = json.dumps({stage: round(ms, 3) for stage, ms in chunk.timing_ms.items()})
    return {
        "waveform": np.zeros(0, dtype=np.float32) if as_text else chunk.waveform,
        "audio_base64": np.array([audio_base64], dtype=np.object_),
        "sample_rate_hz": np.array([SAMPLE_RATE_HZ], dtype=np.int32),
        "chunk_index": np.array([chunk.chunk_index], dtype=np.int32),
        "sentence_index": np.array([chunk.sentence_index], dtype=np.int32),
        "sentence": np.array([chunk.sentence], dtype=np.object_),
        "timing_ms": np.array([timing], dtype=np.object_),
    }


class VoiceService:
    """Answers `voices` requests."""

    def __init__(self, settings: VoicesSettings, facts: CheckpointFacts, repository: Path) -> None:
        self._facts = facts
        self._voices = VoiceStore(repository / settings.voices_directory, settings.max_voices)

    def answer(self, inputs: Arrays, stages: Stages, is_cancelled: Callable[[], bool]) -> Iterator[Reply]:
        """Registers, lists or deletes; one reply with the voices that the action was about.

        Args:
            inputs: decoded tensors of contract.VOICES.
            stages: the stages, for this request.
            is_cancelled: not asked; a registration is short.

        Raises:
            SynthesisError: the request is at fault.
        """
        request = parse_voice_request(inputs)
        entries = []
        if request.action == "list":
            entries = self._voices.entries()
        elif request.action == "delete":
            self._voices.delete(str(request.voice))
        elif request.reference is not None:
            voice = derive_voice(request.reference, stages, self._facts)
            entries = [self._voices.add(str(request.voice), voice)]
        texts = np.empty(len(entries), dtype=np.object_)
        texts[:] = [entry.to_json() for entry in entries]
        yield Reply({"voices": texts}, last=True)
