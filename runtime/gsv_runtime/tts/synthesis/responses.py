"""What a client is sent: decoded audio joined by chunk, by sentence or as a whole, numbered. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from gsv_runtime.contract import BY_CHUNK, BY_SENTENCE, EOS, PCM16_BASE64, SAMPLE_RATE_HZ
from gsv_runtime.tensors import Array, Arrays
from gsv_runtime.tts.synthesis.pieces import AudioPiece
from gsv_runtime.tts.synthesis.word_times import FaultyWord, SpokenWord, WordTimes


@dataclass(frozen=True)
class Chunk:
    """A piece of speech as it leaves the pipeline."""

    waveform: Array  # [N] float32 in [-1, 1] at 32 kHz
    chunk_index: int
    sentence_index: int  # of its first sample
    sentence: str
    timing_ms: dict[str, float]
    last: bool
    finish_reason: str = ""  # why its sentence ended with it; empty if that goes on
    source: str = ""  # of its audio; several by commas
    dropped: tuple[str, ...] = ()  # what of the text is not said, with the first chunk
    words: tuple[SpokenWord, ...] = ()  # that end in it, if timestamps are asked for
    word_faults: tuple[FaultyWord, ...] = ()  # of sentences that end in it, likewise


def join_pieces(pieces: Iterator[AudioPiece], streaming: str, times: WordTimes | None = None) -> Iterator[Chunk]:
    """Join pieces to what one response holds.

    Args:
        pieces: in order, the pause after its sentence included.
        streaming: "chunk": a response for each; "sentence"; or "off": one in all.
        times: tells when words are said; None: nobody asks.

    Yields:
        Chunks, numbered from 0.
    """
    number, joined = 0, _Joined()
    for piece in pieces:
        joined.add(piece, times.take(piece) if times else (), times.faults(piece) if times else ())
        if streaming == BY_CHUNK or piece.is_last or (streaming == BY_SENTENCE and piece.finish_reason):
            yield joined.chunk(number)
            number, joined = number + 1, _Joined()


class _Joined:
    """Pieces that travel together."""

    def __init__(self) -> None:
        self._waveforms: list[Array] = []
        self._sentences: dict[int, str] = {}
        self._reasons: list[str] = []
        self._sources: dict[str, None] = {}
        self._timing_ms: dict[str, float] = {}
        self._last = False
        self._dropped: tuple[str, ...] = ()
        self._words: tuple[SpokenWord, ...] = ()
        self._faults: tuple[FaultyWord, ...] = ()

    def add(self, piece: AudioPiece, words: tuple[SpokenWord, ...], faults: tuple[FaultyWord, ...]) -> None:
        self._words += words
        self._faults += faults
        self._waveforms.append(piece.waveform)
        self._sentences[piece.task.index] = piece.task.sentence.text
        self._reasons += [piece.finish_reason] if piece.finish_reason else []
        self._sources[piece.source] = None
        self._timing_ms = added(self._timing_ms, piece.times_ms)
        self._last = piece.is_last
        self._dropped += piece.task.sentence.dropped if not self._dropped else ()

    def chunk(self, number: int) -> Chunk:
        return Chunk(
            waveform=self._waveforms[0] if len(self._waveforms) == 1 else np.concatenate(self._waveforms),
            chunk_index=number,
            sentence_index=min(self._sentences),
            sentence=" ".join(self._sentences.values()),
            timing_ms=self._timing_ms,
            last=self._last,
            finish_reason=_worst(self._reasons),
            source=",".join(self._sources),
            dropped=self._dropped if number == 0 else (),
            words=self._words,
            word_faults=self._faults,
        )


def _worst(reasons: list[str]) -> str:
    """Of several sentences' ends, the first that was not the speaker's own."""
    return next((reason for reason in reasons if reason != EOS), reasons[0] if reasons else "")


def added(times_ms: dict[str, float], more_ms: dict[str, float]) -> dict[str, float]:
    """The sum, stage by stage."""
    return times_ms | {stage: times_ms.get(stage, 0.0) + ms for stage, ms in more_ms.items()}


def pcm16(samples: Array) -> bytes:
    """Little-endian 16-bit PCM of [N] float32 in [-1, 1]; +1.0 becomes 32767 (upstream wraps it to -32768)."""
    return np.clip(np.rint(samples * 32767.0), -32768, 32767).astype("<i2").tobytes()


def _told(word: SpokenWord) -> str:
    """A word as JSON; its phones only where there are any."""
    told = {name: value for name, value in asdict(word).items() if name != "phones" or value}
    return json.dumps(told, ensure_ascii=False)


def word_outputs(words: Sequence[SpokenWord], faults: Sequence[FaultyWord]) -> Arrays:
    """Outputs of contract.TTS that tell of words."""
    told_faults = [json.dumps(asdict(word), ensure_ascii=False) for word in faults]
    return {
        "words": np.array([_told(word) for word in words], dtype=np.object_),
        "word_faults": np.array(told_faults, dtype=np.object_),
    }


def chunk_outputs(chunk: Chunk, encoding: str, warnings: Sequence[str] = ()) -> Arrays:
    """Outputs of contract.TTS for a chunk, its audio as float32 or as base64 of PCM16.

    Args:
        chunk: the piece of speech.
        encoding: one of ENCODINGS.
        warnings: about the request's recording; they travel with the first chunk.
    """
    as_text = encoding == PCM16_BASE64
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
        "finish_reason": np.array([chunk.finish_reason], dtype=np.object_),
        "final": np.array([chunk.last], dtype=np.bool_),
        "source": np.array([chunk.source], dtype=np.object_),
        **word_outputs(chunk.words, chunk.word_faults),
        "dropped": np.array(chunk.dropped, dtype=np.object_),
        "warnings": np.array(warnings if chunk.chunk_index == 0 else (), dtype=np.object_),
    }
