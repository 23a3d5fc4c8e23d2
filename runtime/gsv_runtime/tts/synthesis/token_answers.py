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
    """Outputs of contract.TTS for tokens; arguments as `device_outputs`."""
    return {
        **device_outputs(chunk, request, voice, schedule, gain),
        "semantic_tokens": chunk.tokens.astype(np.int32),
        "phones": (chunk.task.sentence.phones if chunk.first else np.zeros(0)).astype(np.int32),
    }
