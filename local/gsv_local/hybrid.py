"""A device that finishes speech itself: the server makes tokens, this process makes audio of them.

The tokens are a few hundred bytes for a sentence. Acoustic model and vocoder come from a bundle of the same weights and
run the server's own code, so that the audio is the server's (docs/edge.md).
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gsv_client import errors as client_errors
from gsv_client.protocol import TTS_MODEL, Response, Tensors
from gsv_client.transport import Arrival, Transport
from gsv_local.bundle import Bundle, chosen_bundle, open_bundle
from gsv_runtime.contract import AS_TOKENS, SAMPLE_RATE_HZ
from gsv_runtime.errors import SynthesisError
from gsv_runtime.inprocess.models import DecodingModels, read_settings
from gsv_runtime.inprocess.stages import InProcessStages
from gsv_runtime.tensors import Array
from gsv_runtime.tts.synthesis.chunking import ChunkSchedule
from gsv_runtime.tts.synthesis.decoding import Noise, SentenceDecoder
from gsv_runtime.tts.synthesis.loudness import amplified

_LARGEST_VOICES = 16  # conditions that are kept


class DeviceDecoder:
    """Acoustic model and vocoder of a bundle, and the voices that servers have sent."""

    def __init__(self, bundle: Bundle, threads: int = 0) -> None:
        """Open the two graphs; `threads` of one operator, 0: as the bundle says."""
        self.facts = bundle.facts
        self._models = DecodingModels(bundle.folder, read_settings(bundle.parameters, threads))
        self._voices: dict[str, Array] = {}
        self.last_voice = ""
        self.decoding_s = 0.0  # spent so far

    def keep_voice(self, content: str, condition: Array) -> None:
        """Keep a voice's condition, [G] float32, under its content."""
        self._voices[content] = condition[np.newaxis]
        while len(self._voices) > _LARGEST_VOICES:
            del self._voices[next(iter(self._voices))]

    def sentence(self, phones: Array, decoding: Mapping[str, Any]) -> SentenceDecoder:
        """Begin a sentence.

        Args:
            phones: [P] int32.
            decoding: as the server's output of that name.

        Raises:
            InternalError: The server was built from other weights than the bundle.
        """
        if decoding["weights"] != self.facts.weights_digest:
            message = "the server was built from other weights than this device's bundle; make a bundle of the server's"
            raise client_errors.InternalError(message)
        self.last_voice = str(decoding["voice"])
        return SentenceDecoder(
            phones.astype(np.int64),
            self._voices[self.last_voice],
            Noise(int(decoding["seed"]), float(decoding["noise_scale"])),
            float(decoding["speed"]),
            self.facts,
            InProcessStages(self._models),
            ChunkSchedule(*decoding["schedule"]),
        )


class HybridTransport:
    """`gsv_client.transport.Transport` that asks a server for tokens and makes their audio here."""

    encoding = "float32"

    def __init__(self, remote: Transport, decoder: DeviceDecoder) -> None:
        self._remote = remote
        self._decoder = decoder

    def stream(self, model: str, inputs: Tensors) -> Generator[Arrival, None, None]:
        """Send one request and yield its answers with the audio made here; closing the generator cancels it."""
        if model != TTS_MODEL:
            yield from self._remote.stream(model, inputs)
            return
        asked = {"answer": np.array([AS_TOKENS.encode()], dtype=np.object_)}
        if self._decoder.last_voice:
            asked["known_voice"] = np.array([self._decoder.last_voice.encode()], dtype=np.object_)
        answers = self._remote.stream(model, {**inputs, **asked})
        try:
            yield from self._spoken(answers)
        except SynthesisError as failure:
            raise client_errors.error_from_wire(failure.wire_message()) from None
        finally:
            answers.close()

    def _spoken(self, answers: Iterator[Arrival]) -> Iterator[Arrival]:
        decoder: SentenceDecoder | None = None
        pause_s, gain, number = 0.0, 1.0, 0
        for arrival in answers:
            response = arrival.response
            if decoding := _text(response, "decoding"):
                facts = json.loads(decoding)
                condition = np.asarray(response["global_condition"], dtype=np.float32).reshape(-1)
                if condition.size:
                    self._decoder.keep_voice(facts["voice"], condition)
                decoder = self._decoder.sentence(np.asarray(response["phones"]).reshape(-1), facts)
                pause_s, gain = float(facts["pause_s"]), float(facts["gain"])
            if decoder is None:
                raise client_errors.InternalError("the server sent tokens of a sentence that it did not begin")
            tokens = np.asarray(response["semantic_tokens"], dtype=np.int64).reshape(-1)
            reason = _text(response, "finish_reason")
            for waveform in self._timed(decoder.push(tokens, finished=reason != "")):
                ended = reason if decoder.is_complete else ""
                pause = np.zeros(round(pause_s * SAMPLE_RATE_HZ) if ended else 0, dtype=np.float32)
                yield _answer(response, np.concatenate([amplified(waveform, gain), pause]), number, ended)
                number += 1

    def _timed(self, waveforms: Iterator[Array]) -> Iterator[Array]:
        while True:
            began_s = time.perf_counter()
            waveform = next(waveforms, None)
            self._decoder.decoding_s += time.perf_counter() - began_s
            if waveform is None:
                return
            yield waveform

    def infer(self, model: str, inputs: Tensors, dtypes: Mapping[str, str]) -> Response:
        """Send one request and return its only answer."""
        return self._remote.infer(model, inputs, dtypes)

    def is_ready(self, model: str = "") -> bool:
        """Whether the server, or one of its models, takes requests."""
        return self._remote.is_ready(model)

    def server_version(self) -> tuple[str, str]:
        """The server's name and version."""
        return self._remote.server_version()

    def model_states(self) -> dict[str, str]:
        """State of each model at the server."""
        return self._remote.model_states()

    def model_inputs(self, model: str) -> tuple[str, ...]:
        """Names of a model's inputs."""
        return self._remote.model_inputs(model)

    def close(self) -> None:
        """Let the connection go."""
        self._remote.close()


def _answer(response: Response, waveform: Array, number: int, finish_reason: str) -> Arrival:
    """A server's answer with audio instead of tokens."""
    is_last = bool(np.asarray(response["final"]).reshape(-1)[0]) and finish_reason != ""
    spoken = {
        **response,
        "waveform": waveform,
        "chunk_index": np.array([number]),
        "finish_reason": np.array([finish_reason.encode()], dtype=np.object_),
        "final": np.array([is_last]),
    }
    return Arrival(spoken, time.perf_counter())


def _text(response: Response, name: str) -> str:
    value = np.asarray(response[name], dtype=object).reshape(-1)
    first = value[0] if value.size else b""
    return first.decode("utf-8") if isinstance(first, bytes) else str(first)


def decoding_transport(remote: Transport, bundle: str | Path | None) -> Transport:
    """Put a device behind a server; `gsv_client.Client(decode="device")` finds this by its entry point.

    Args:
        remote: The way to the server.
        bundle: Of the server's weights; None: the one that `gsv-local use` chose.
    """
    opened = chosen_bundle() if bundle is None else open_bundle(Path(bundle))
    return HybridTransport(remote, DeviceDecoder(opened))
