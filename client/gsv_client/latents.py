"""Latents as they come from a server, for who makes the audio elsewhere: a gateway hands them on to browsers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gsv_client.audio import Word, WordFault, word_faults_of, words_of
from gsv_client.errors import InternalError
from gsv_client.protocol import (
    TTS_INPUTS,
    Response,
    Tensors,
    tensors_of,
    texts_of,
)

FRAMES_PER_SECOND = 50


@dataclass(frozen=True)
class LatentPart:
    """One answer: frames of a chunk, and those after it that the vocoder sees.

    Attributes:
        codes: [F, Q] uint8 of the codec, or [F, 0].
        latents: [F, D] float32 where there is no codec, else [0, D].
        heard_frames: Of F, which are the chunk's.
        decoding: With a sentence's first answer, what its audio needs; see docs/wire.md.
        condition: [G] float32 of the voice, once; else empty.
        sentence: Its text, with its first answer.
        finish_reason: Why its sentence ended here; else empty.
        final: Whether this is the last.
        sample_rate: Of the audio, in Hz.
        words: Those that end in this chunk, with their times; if `timestamps` were asked for.
        word_faults: Words swallowed or said twice, with the end of their sentence; likewise.
    """

    codes: np.ndarray[Any, Any]
    latents: np.ndarray[Any, Any]
    heard_frames: int
    decoding: Mapping[str, Any] | None
    condition: np.ndarray[Any, Any]
    sentence: str
    finish_reason: str
    final: bool
    sample_rate: int
    words: tuple[Word, ...] = ()
    word_faults: tuple[WordFault, ...] = ()

    @property
    def duration_s(self) -> float:
        """Of the audio that it becomes, without pauses."""
        return self.heard_frames / FRAMES_PER_SECOND


def latent_inputs(inputs: Tensors, kbit_s: float, known_voice: str) -> Tensors:
    """The inputs of a synthesis that is answered by latents.

    Args:
        inputs: Of `protocol.tts_inputs`.
        kbit_s: Of the codec; 0: latents as they are.
        known_voice: Content of the voice that the device has; empty: none.
    """
    asked = {"answer": "latents", "latent_kbit_s": kbit_s, "known_voice": known_voice or None}
    return {**inputs, **tensors_of(asked, TTS_INPUTS)}


def parse_part(response: Response) -> LatentPart:
    """One answer of `tts`, from gRPC arrays.

    Raises:
        InternalError: The answer is not what `tts` promises.
    """
    try:
        told = texts_of(response.get("decoding", ()))
        return LatentPart(
            codes=np.asarray(response["latent_codes"], dtype=np.uint8),
            latents=np.asarray(response["latents"], dtype=np.float32),
            heard_frames=int(np.asarray(response["heard_frames"]).reshape(-1)[0]),
            decoding=json.loads(told[0]) if told and told[0] else None,
            condition=np.asarray(response["global_condition"], dtype=np.float32).reshape(-1),
            sentence="".join(texts_of(response.get("sentence", ()))),
            finish_reason="".join(texts_of(response.get("finish_reason", ()))),
            final=bool(np.asarray(response["final"]).reshape(-1)[0]),
            sample_rate=int(np.asarray(response["sample_rate_hz"]).reshape(-1)[0]),
            words=words_of(texts_of(response.get("words", ()))),
            word_faults=word_faults_of(texts_of(response.get("word_faults", ()))),
        )
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise InternalError(f"the server's answer cannot be read: {error!r}; run `gsv doctor`") from error
