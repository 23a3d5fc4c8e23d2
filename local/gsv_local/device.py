"""What a device has of a bundle to finish a server's speech: vocoder, codec and, for tokens, the acoustic model."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from gsv_client import errors as client_errors
from gsv_client.protocol import Response
from gsv_local.bundle import Bundle
from gsv_runtime import contract
from gsv_runtime.contract import AS_LATENTS, AS_TOKENS
from gsv_runtime.inprocess.models import DecodingModels, read_settings
from gsv_runtime.inprocess.stages import InProcessStages
from gsv_runtime.model_files import LATENT_CODEC_FILE
from gsv_runtime.tensors import Array
from gsv_runtime.tts.codec_file import read_codec
from gsv_runtime.tts.synthesis.chunking import ChunkSchedule
from gsv_runtime.tts.synthesis.decoding import ChunkVocoder, Noise, SentenceDecoder
from gsv_runtime.tts.synthesis.latent_answers import LatentReader
from gsv_runtime.tts.synthesis.latent_codec import LatentCodec

CODEC_FILE = f"{contract.TTS.name}/1/{LATENT_CODEC_FILE}"  # in a bundle


class Sentence(Protocol):
    """One sentence that is being finished here."""

    @property
    def is_complete(self) -> bool:
        """Whether the piece handed out last was its last."""
        ...

    def push(self, response: Response, finished: bool) -> Iterator[Array]:
        """Make audio of one answer of the server; [N] float32 each."""
        ...


class TokenSentence:
    """A sentence of which tokens come."""

    def __init__(self, decoder: SentenceDecoder) -> None:
        self._decoder = decoder

    @property
    def is_complete(self) -> bool:
        """Whether the piece handed out last was its last."""
        return self._decoder.is_complete

    def push(self, response: Response, finished: bool) -> Iterator[Array]:
        """Make audio of one answer of the server."""
        tokens = np.asarray(response["semantic_tokens"], dtype=np.int64).reshape(-1)
        return self._decoder.push(tokens, finished)


class LatentSentence:
    """A sentence of which latents come, from `codec` where there is one."""

    def __init__(self, vocoder: ChunkVocoder, reader: LatentReader, codec: LatentCodec | None, width: int) -> None:
        """Begin; `width` is what one frame has: bytes of the codec, or latents."""
        self._vocoder = vocoder
        self._reader = reader
        self._codec = codec
        self._width = width
        self.is_complete = False

    def push(self, response: Response, finished: bool) -> Iterator[Array]:
        """Make audio of one answer of the server."""
        heard_frames = int(np.asarray(response["heard_frames"]).reshape(-1)[0])
        window, heard = self._reader.take(self._frames(response), heard_frames)
        self.is_complete = finished
        yield self._vocoder.piece(window, heard)

    def _frames(self, response: Response) -> Array:
        """[latent_dim, F] float32; over HTTP arrays come flat."""
        if self._codec is None:
            return np.asarray(response["latents"], dtype=np.float32).reshape(-1, self._width).T
        return self._codec.decode(np.asarray(response["latent_codes"], dtype=np.uint8).reshape(-1, self._width))


class DeviceDecoder:
    """Graphs of a bundle, and the voice that spoke last.

    Attributes:
        answer: What servers are asked for: tokens or latents.
        latent_kbit_s: Of latents; 0: they come as they are.
        voice: Content and condition, [1, G] float32, of the voice that spoke last; None: none has.
        decoding_s: Seconds spent so far.
    """

    def __init__(self, bundle: Bundle, threads: int = 0, latent_kbit_s: float | None = None) -> None:
        """Open the graphs.

        Args:
            bundle: Of the server's weights.
            threads: Of one operator; 0: as the bundle says.
            latent_kbit_s: Ask for latents at this rate; None: for tokens, or where the bundle has no acoustic
                model, for latents at 8 kbit/s.

        Raises:
            InvalidRequest: The bundle has no codec.
        """
        self.facts = bundle.facts
        has_acoustic = bundle.has_file(f"{contract.ACOUSTIC.name}/")
        if latent_kbit_s is None and not has_acoustic:
            latent_kbit_s = contract.LATENT_KBIT_S.default
        self.answer = AS_TOKENS if latent_kbit_s is None else AS_LATENTS
        self.latent_kbit_s = latent_kbit_s or 0.0
        needed = (contract.VOCODER,) if self.answer == AS_LATENTS else (contract.ACOUSTIC, contract.VOCODER)
        self._models = DecodingModels(bundle.folder, read_settings(bundle.parameters, threads), needed)
        self._codec = _codec_of(bundle) if self.latent_kbit_s else None
        self.voice: tuple[str, Array] | None = None
        self.decoding_s = 0.0

    def sentence(self, response: Response, decoding: Mapping[str, Any], condition: Array) -> Sentence:
        """Begin a sentence.

        Args:
            response: The server's first answer of it.
            decoding: As the server's output of that name.
            condition: Of the voice, [1, G] float32.

        Raises:
            InternalError: The server was built from other weights than the bundle, or has another codec.
        """
        self._check(decoding)
        schedule = ChunkSchedule(*decoding["schedule"])
        stages = InProcessStages(self._models)
        if self.answer == AS_LATENTS:
            reader = LatentReader(self.facts.vocoder_receptive_field_frames)
            vocoder = ChunkVocoder(condition, stages, schedule.bucket)
            width = self._codec.stages_for(self.latent_kbit_s) if self._codec else self.facts.latent_dim
            return LatentSentence(vocoder, reader, self._codec, width)
        noise = Noise(int(decoding["seed"]), float(decoding["noise_scale"]))
        phones = np.asarray(response["phones"], dtype=np.int64).reshape(-1)
        speed = float(decoding["speed"])
        return TokenSentence(SentenceDecoder(phones, condition, noise, speed, self.facts, stages, schedule))

    def _check(self, decoding: Mapping[str, Any]) -> None:
        if decoding["weights"] != self.facts.weights_digest:
            message = "the server was built from other weights than this device's bundle; make a bundle of the server's"
            raise client_errors.InternalError(message)
        if self._codec is not None and decoding.get("codec") != self._codec.digest:
            message = "the server has another codec of latents than this device's bundle; make the bundle again"
            raise client_errors.InternalError(message)

    def timed(self, waveforms: Iterator[Array]) -> Iterator[Array]:
        """Hand on what is made here, and count how long that took."""
        while True:
            began_s = time.perf_counter()
            waveform = next(waveforms, None)
            self.decoding_s += time.perf_counter() - began_s
            if waveform is None:
                return
            yield waveform


def _codec_of(bundle: Bundle) -> LatentCodec:
    if not bundle.has_file(CODEC_FILE):
        message = "this bundle has no codec of latents; run `make codec` before `make bundle`, or give latent_kbit_s 0"
        raise client_errors.InvalidRequest(message)
    return read_codec(bundle.folder / CODEC_FILE)


def decoding_of(response: Response) -> Mapping[str, Any] | None:
    """What a sentence's first answer says of its audio; None at others."""
    text = text_of(response, "decoding")
    facts: Mapping[str, Any] | None = json.loads(text) if text else None
    return facts


def text_of(response: Response, name: str) -> str:
    """The first text of an output; empty where there is none."""
    value = np.asarray(response[name], dtype=object).reshape(-1)
    first = value[0] if value.size else b""
    return first.decode("utf-8") if isinstance(first, bytes) else str(first)
