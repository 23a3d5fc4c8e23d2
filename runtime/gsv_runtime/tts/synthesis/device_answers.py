"""What is sent to a device that finishes the speech itself, beside tokens or latents. Pure."""

from __future__ import annotations

import json
from dataclasses import astuple
from typing import Any, Protocol

import numpy as np

from gsv_runtime.contract import COMPUTED, SAMPLE_RATE_HZ
from gsv_runtime.speech_request import SpeechRequest
from gsv_runtime.tensors import Arrays
from gsv_runtime.tts.synthesis.chunking import ChunkSchedule
from gsv_runtime.tts.synthesis.pieces import SentenceTask, pause_after_s, spoken_speed
from gsv_runtime.tts.synthesis.responses import word_outputs
from gsv_runtime.tts.synthesis.word_times import Told
from gsv_runtime.voices.store import Voice


class DeviceChunk(Protocol):
    """A part of one sentence that travels together."""

    @property
    def task(self) -> SentenceTask:
        """Which sentence."""
        ...

    @property
    def number(self) -> int:
        """Its place in the answer."""
        ...

    @property
    def first(self) -> bool:
        """Whether its sentence begins with it."""
        ...

    @property
    def finish_reason(self) -> str:
        """Why its sentence ended with it; empty if that goes on."""
        ...

    @property
    def timing_ms(self) -> dict[str, float]:
        """By stage."""
        ...

    @property
    def told(self) -> Told:
        """Words that end in it."""
        ...


def device_outputs(
    chunk: DeviceChunk, request: SpeechRequest, voice: Voice, schedule: ChunkSchedule, gain: float, codec: str = ""
) -> Arrays:
    """Outputs of contract.TTS that tokens and latents have in common.

    Args:
        chunk: what is sent.
        request: how it is to be spoken.
        voice: who speaks; sent with the first chunk, unless the device has it.
        schedule: where the device cuts.
        gain: what the speech is multiplied by, see `loudness.amplified`.
        codec: digest of the codec of latents; empty: none.
    """
    sentence = chunk.task.sentence
    sends_voice = chunk.number == 0 and request.known_voice != voice.content
    decoding = json.dumps(_decoding(chunk.task, request, voice, schedule, gain, codec)) if chunk.first else ""
    return {
        "waveform": np.zeros(0, dtype=np.float32),
        "audio_base64": np.array([""], dtype=np.object_),
        "sample_rate_hz": np.array([SAMPLE_RATE_HZ], dtype=np.int32),
        "chunk_index": np.array([chunk.number], dtype=np.int32),
        "sentence_index": np.array([chunk.task.index], dtype=np.int32),
        "sentence": np.array([sentence.text if chunk.first else ""], dtype=np.object_),
        "timing_ms": np.array([json.dumps({name: round(ms, 3) for name, ms in chunk.timing_ms.items()})], np.object_),
        "finish_reason": np.array([chunk.finish_reason], dtype=np.object_),
        "final": np.array([chunk.finish_reason != "" and chunk.task.last], dtype=np.bool_),
        "source": np.array([COMPUTED], dtype=np.object_),
        "dropped": np.array(sentence.dropped if chunk.number == 0 else (), dtype=np.object_),
        **word_outputs(*chunk.told),
        "warnings": np.array(voice.report.get("warnings", ()) if chunk.number == 0 else (), dtype=np.object_),
        "decoding": np.array([decoding], dtype=np.object_),
        "global_condition": voice.global_condition[0] if sends_voice else np.zeros(0, dtype=np.float32),
    }


def _decoding(
    task: SentenceTask, request: SpeechRequest, voice: Voice, schedule: ChunkSchedule, gain: float, codec: str
) -> dict[str, Any]:
    """What a device needs for a sentence."""
    return {
        "seed": task.seed,
        "noise_scale": request.noise_scale,
        "speed": spoken_speed(request, task.sentence),
        "pause_s": pause_after_s(request, task),
        "gain": gain,
        "schedule": list(astuple(schedule)),
        "voice": voice.content,
        "weights": voice.weights_digest,
        "codec": codec,
    }
