"""What a client is sent that finishes the speech itself: tokens, and what it needs to make audio of them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from gsv_runtime.contract import COMPUTED, SAMPLE_RATE_HZ
from gsv_runtime.speech_request import SpeechRequest
from gsv_runtime.tensors import Array, Arrays
from gsv_runtime.tts.synthesis.chunking import ChunkSchedule
from gsv_runtime.tts.synthesis.pieces import SentenceTask, TokenPiece, spoken_speed
from gsv_runtime.tts.synthesis.responses import added
from gsv_runtime.voices.store import Voice


@dataclass(frozen=True)
class TokenChunk:
    """Tokens of one sentence that travel together; `task` says of which."""

    task: SentenceTask
    tokens: Array  # [T] int64
    number: int
    first: bool  # of its sentence
    finish_reason: str  # why its sentence ended with it; empty if that goes on
    timing_ms: dict[str, float]

    @property
    def last(self) -> bool:
        """Whether the request's speech ends with it."""
        return self.finish_reason != "" and self.task.last


def join_tokens(pieces: Iterator[TokenPiece], schedule: ChunkSchedule) -> Iterator[TokenChunk]:
    """Join tokens to what a device can decode: it needs those of a chunk and of its lookahead before it can begin.

    Args:
        pieces: in order, sentence after sentence.
        schedule: where the device cuts.
        gain: what the speech is multiplied by, see `loudness.amplified`.

    Yields:
        Chunks, numbered from 0.
    """
    number = cut = 0
    sent = 0  # tokens of the sentence that went before
    waiting: list[Array] = []
    times_ms: dict[str, float] = {}
    for piece in pieces:
        waiting.append(piece.tokens)
        times_ms = added(times_ms, piece.times_ms)
        known = sent + sum(tokens.size for tokens in waiting)
        if not piece.finish_reason and known < schedule.tokens_before_chunk(cut):
            continue
        yield TokenChunk(piece.task, np.concatenate(waiting), number, sent == 0, piece.finish_reason, times_ms)
        number, waiting, times_ms = number + 1, [], {}
        sent = 0 if piece.finish_reason else known
        while sent and known >= schedule.tokens_before_chunk(cut):
            cut += 1
        cut = cut if sent else 0


def token_outputs(
    chunk: TokenChunk, request: SpeechRequest, voice: Voice, schedule: ChunkSchedule, gain: float
) -> Arrays:
    """Outputs of contract.TTS for tokens.

    Args:
        chunk: the tokens.
        request: how they are to be spoken.
        voice: who speaks; sent with the first chunk, unless the device has it.
        schedule: where the device cuts.
    """
    sentence = chunk.task.sentence
    sends_voice = chunk.number == 0 and request.known_voice != voice.content
    return {
        "waveform": np.zeros(0, dtype=np.float32),
        "audio_base64": np.array([""], dtype=np.object_),
        "sample_rate_hz": np.array([SAMPLE_RATE_HZ], dtype=np.int32),
        "chunk_index": np.array([chunk.number], dtype=np.int32),
        "sentence_index": np.array([chunk.task.index], dtype=np.int32),
        "sentence": np.array([sentence.text if chunk.first else ""], dtype=np.object_),
        "timing_ms": np.array([json.dumps({name: round(ms, 3) for name, ms in chunk.timing_ms.items()})], np.object_),
        "finish_reason": np.array([chunk.finish_reason], dtype=np.object_),
        "final": np.array([chunk.last], dtype=np.bool_),
        "source": np.array([COMPUTED], dtype=np.object_),
        "dropped": np.array(sentence.dropped if chunk.number == 0 else (), dtype=np.object_),
        "words": np.array((), dtype=np.object_),
        "word_faults": np.array((), dtype=np.object_),
        "warnings": np.array(voice.report.get("warnings", ()) if chunk.number == 0 else (), dtype=np.object_),
        "semantic_tokens": chunk.tokens.astype(np.int32),
        "phones": (sentence.phones if chunk.first else np.zeros(0)).astype(np.int32),
        "decoding": np.array(
            [_decoding(chunk, request, voice, schedule, gain) if chunk.first else ""], dtype=np.object_
        ),
        "global_condition": voice.global_condition[0] if sends_voice else np.zeros(0, dtype=np.float32),
    }


def _decoding(chunk: TokenChunk, request: SpeechRequest, voice: Voice, schedule: ChunkSchedule, gain: float) -> str:
    """What a device needs for a sentence beside tokens, phones and voice, as JSON."""
    sentence = chunk.task.sentence
    default_pause_s = 0.0 if chunk.task.last else request.pause_s
    facts: dict[str, Any] = {
        "seed": chunk.task.seed,
        "noise_scale": request.noise_scale,
        "speed": spoken_speed(request, sentence),
        "pause_s": default_pause_s if sentence.pause_after_s is None else sentence.pause_after_s,
        "gain": gain,
        "schedule": list(astuple(schedule)),
        "voice": voice.content,
        "weights": voice.weights_digest,
    }
    return json.dumps(facts)
