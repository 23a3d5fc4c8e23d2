"""What a device is sent that has the vocoder: latent frames, as they are or from the codec. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.speech_request import SpeechRequest
from gsv_runtime.tensors import Array, Arrays
from gsv_runtime.tts.synthesis.chunking import ChunkSchedule, Span, Window
from gsv_runtime.tts.synthesis.device_answers import device_outputs
from gsv_runtime.tts.synthesis.latent_codec import LatentCodec
from gsv_runtime.tts.synthesis.pieces import SentenceTask
from gsv_runtime.tts.synthesis.word_times import NOTHING_TOLD, Told
from gsv_runtime.voices.store import Voice


@dataclass(frozen=True)
class LatentPiece:
    """Latent frames of one chunk of a sentence, before they are numbered; see `LatentChunk`."""

    task: SentenceTask
    frames: Array  # [latent_dim, F] float32
    heard_frames: int
    finish_reason: str
    timing_ms: dict[str, float]
    told: Told = NOTHING_TOLD


@dataclass(frozen=True)
class LatentChunk:
    """Latent frames of one chunk of a sentence, with those after it that the vocoder sees.

    The frames before it the device has, from the chunk before.
    """

    task: SentenceTask
    frames: Array  # [latent_dim, F] float32
    heard_frames: int  # of them, which are the chunk's
    number: int
    first: bool  # of its sentence
    finish_reason: str  # why its sentence ended with it; empty if that goes on
    timing_ms: dict[str, float]
    told: Told = NOTHING_TOLD

    @property
    def last(self) -> bool:
        """Whether the request's speech ends with it."""
        return self.finish_reason != "" and self.task.last


def sent_frames(found: Window, latents: Array) -> tuple[Array, int]:
    """Leave out what the device has.

    Args:
        found: the window.
        latents: [latent_dim, V] float32 of its `vocoded` frames.

    Returns:
        [latent_dim, F] from the chunk's first frame on, and how many are the chunk's.
    """
    sent = Span(found.chunk.start, found.vocoded.stop)
    return latents[:, sent.within(found.vocoded)], len(found.chunk)


def latent_outputs(
    chunk: LatentChunk,
    request: SpeechRequest,
    voice: Voice,
    schedule: ChunkSchedule,
    gain: float,
    codec: LatentCodec | None,
) -> Arrays:
    """Outputs of contract.TTS for latents; arguments as `device_outputs`.

    Args:
        codec: writes the frames; None: they are sent as they are.
    """
    no_codes = np.zeros((chunk.frames.shape[1], 0), dtype=np.uint8)
    return {
        **device_outputs(chunk, request, voice, schedule, gain, codec.digest if codec else ""),
        "latents": chunk.frames.T if codec is None else np.zeros((0, chunk.frames.shape[0]), dtype=np.float32),
        "latent_codes": codec.encode(chunk.frames, codec.stages_for(request.latent_kbit_s)) if codec else no_codes,
        "heard_frames": np.array([chunk.heard_frames], dtype=np.int32),
    }


def codec_for(request: SpeechRequest, codec: LatentCodec | None, weights_digest: str) -> LatentCodec | None:
    """Choose what writes the latents of a request; None: they are sent as they are.

    Args:
        request: says at what rate.
        codec: the server's; None: it has none.
        weights_digest: of the fine-tune that speaks.

    Raises:
        InvalidRequest: the server has no codec of that fine-tune.
    """
    if request.latent_kbit_s == 0:
        return None
    if codec is None or codec.weights_digest != weights_digest:
        raise InvalidRequest(
            "this server has no codec of these latents; ask for latent_kbit_s 0, or let its operator run `make codec`"
        )
    return codec


class LatentReader:
    """Puts the frames of one sentence's chunks together with those before, as the vocoder wants them."""

    def __init__(self, vocoder_frames: int) -> None:
        """Prepare; `vocoder_frames` to each side decide a frame's samples."""
        self._vocoder_frames = vocoder_frames
        self._before: Array | None = None

    def take(self, frames: Array, heard_frames: int) -> tuple[Array, slice]:
        """Take what was sent of one chunk.

        Args:
            frames: [latent_dim, F] float32.
            heard_frames: of them, which are the chunk's.

        Returns:
            [latent_dim, V] for the vocoder, and the frames of the chunk among them.
        """
        before = frames[:, :0] if self._before is None else self._before
        whole = np.concatenate([before, frames], axis=1)
        heard = slice(before.shape[1], before.shape[1] + heard_frames)
        self._before = whole[:, max(0, heard.stop - self._vocoder_frames) : heard.stop]
        return whole, heard


def numbered(pieces: Iterator[LatentPiece]) -> Iterator[LatentChunk]:
    """Number what follows one another, and say where sentences begin."""
    begins = True
    for number, piece in enumerate(pieces):
        task, frames, heard_frames, reason = piece.task, piece.frames, piece.heard_frames, piece.finish_reason
        yield LatentChunk(task, frames, heard_frames, number, begins, reason, piece.timing_ms, piece.told)
        begins = reason != ""
