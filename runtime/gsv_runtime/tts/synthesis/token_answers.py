"""What a client is sent that finishes the speech itself: tokens, and what it needs to make audio of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gsv_runtime.speech_request import SpeechRequest
from gsv_runtime.tensors import Array, Arrays
from gsv_runtime.tts.synthesis.chunking import ChunkSchedule
from gsv_runtime.tts.synthesis.device_answers import device_outputs
from gsv_runtime.tts.synthesis.pieces import SentenceTask, TokenPiece
from gsv_runtime.tts.synthesis.responses import added
from gsv_runtime.tts.synthesis.word_times import NOTHING_TOLD, DeviceTimes, Told
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
    told: Told = NOTHING_TOLD

    @property
    def last(self) -> bool:
        """Whether the request's speech ends with it."""
        return self.finish_reason != "" and self.task.last


def join_tokens(
    pieces: Iterator[TokenPiece], schedule: ChunkSchedule, times: DeviceTimes | None = None
) -> Iterator[TokenChunk]:
    """Join tokens to what a device can decode: it needs those of a chunk and of its lookahead before it can begin.

    Args:
        pieces: in order, sentence after sentence.
        schedule: where the device cuts.
        times: tells when words are said; None: nobody asks.

    Yields:
        Chunks, numbered from 0.
    """
    number = cut = 0
    sent = np.zeros(0, dtype=np.int64)  # tokens of the sentence that went before
    waiting: list[Array] = []
    times_ms: dict[str, float] = {}
    for piece in pieces:
        waiting.append(piece.tokens)
        times_ms, reason = added(times_ms, piece.times_ms), piece.finish_reason
        known = sent.size + sum(tokens.size for tokens in waiting)
        if not reason and known < schedule.tokens_before_chunk(cut):
            continue
        fresh = np.concatenate(waiting)
        whole = np.concatenate([sent, fresh])
        told = times.take(piece.task, whole, reason, piece.faults) if times else NOTHING_TOLD
        yield TokenChunk(piece.task, fresh, number, sent.size == 0, reason, times_ms, told)
        number, waiting, times_ms = number + 1, [], {}
        sent = whole[:0] if reason else whole
        while sent.size and known >= schedule.tokens_before_chunk(cut):
            cut += 1
        cut = cut if sent.size else 0


def token_outputs(
    chunk: TokenChunk, request: SpeechRequest, voice: Voice, schedule: ChunkSchedule, gain: float
) -> Arrays:
    """Outputs of contract.TTS for tokens; arguments as `device_outputs`."""
    return {
        **device_outputs(chunk, request, voice, schedule, gain),
        "semantic_tokens": chunk.tokens.astype(np.int32),
        "phones": (chunk.task.sentence.phones if chunk.first else np.zeros(0)).astype(np.int32),
    }
