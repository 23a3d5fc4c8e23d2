"""A device that finishes speech itself: the server makes tokens or latents, this process makes audio of them.

Tokens are a few hundred bytes for a sentence, latents 4 to 12 kbit/s. Graphs come from a bundle of the same weights and
run the server's own code, so that the audio is the server's, but for what the codec of latents loses (docs/edge.md).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping
from os import PathLike, fspath
from pathlib import Path

import numpy as np

from gsv_client import errors as client_errors
from gsv_client.protocol import TTS_MODEL, Response, Tensors, texts_of
from gsv_client.transport import Arrival, AsyncTransport, Transport
from gsv_local.bundle import Bundle, BundleUnreadable, chosen_bundle, open_bundle
from gsv_local.device import DeviceDecoder, Sentence, decoding_of, text_of
from gsv_local.fetching import fetched_bundle, is_address
from gsv_runtime.contract import AS_LATENTS, LATENT_KBIT_S, SAMPLE_RATE_HZ
from gsv_runtime.errors import SynthesisError
from gsv_runtime.tensors import Array
from gsv_runtime.tts.synthesis.loudness import amplified


class _Words:
    """Words that a server told, each handed on with the audio it ends in: answers of tokens become several pieces."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, object]] = []  # when each ends, and what is told
        self._heard_s = 0.0

    def told(self, response: Response) -> None:
        """Take what one answer tells."""
        self._waiting += [(float(json.loads(told)["end_s"]), told) for told in texts_of(response.get("words", ()))]

    def ended(self, seconds: float, sentence_ended: bool) -> Array:
        """Those that end in the next seconds, or with their sentence; [W] as the server sends them."""
        self._heard_s += seconds
        count = sum(sentence_ended or end_s <= self._heard_s for end_s, _ in self._waiting)
        ended, self._waiting = self._waiting[:count], self._waiting[count:]
        return np.array([told for _, told in ended], dtype=np.object_)


class _Speech:
    """Answers of one request, turned into audio one after the other."""

    def __init__(self, decoder: DeviceDecoder) -> None:
        self._decoder = decoder
        self._voice = decoder.voice  # of this request, whoever else speaks meanwhile
        self._words = _Words()
        self._sentence: Sentence | None = None
        self._pause_s, self._gain, self._number = 0.0, 1.0, 0

    def asked(self, inputs: Tensors) -> Tensors:
        """The inputs of a request that asks for what the device finishes."""
        decoder = self._decoder
        asked = {**inputs, "answer": np.array([decoder.answer.encode()], dtype=np.object_)}
        if decoder.answer == AS_LATENTS:
            asked["latent_kbit_s"] = np.array([decoder.latent_kbit_s], dtype=np.float32)
        if self._voice is not None:
            asked["known_voice"] = np.array([self._voice[0].encode()], dtype=np.object_)
        return asked

    def audio(self, response: Response) -> Iterator[Arrival]:
        """Make audio of one answer.

        Raises:
            SynthesisError: One of `gsv_client.errors`.
        """
        try:
            yield from self._audio(response)
        except SynthesisError as failure:
            raise client_errors.error_from_wire(failure.wire_message()) from None

    def _audio(self, response: Response) -> Iterator[Arrival]:
        if (facts := decoding_of(response)) is not None:
            self._sentence = self._decoder.sentence(response, facts, self._condition(str(facts["voice"]), response))
            self._pause_s, self._gain = float(facts["pause_s"]), float(facts["gain"])
        if self._sentence is None:
            raise client_errors.InternalError("the server sent a part of a sentence that it did not begin")
        reason = text_of(response, "finish_reason")
        self._words.told(response)
        for waveform in self._decoder.timed(self._sentence.push(response, finished=reason != "")):
            ended = reason if self._sentence.is_complete else ""
            pause = np.zeros(round(self._pause_s * SAMPLE_RATE_HZ) if ended else 0, dtype=np.float32)
            words = self._words.ended((waveform.size + pause.size) / SAMPLE_RATE_HZ, ended != "")
            whole = np.concatenate([amplified(waveform, self._gain), pause])
            yield _answer(response, whole, self._number, ended, words)
            self._number += 1

    def _condition(self, voice: str, response: Response) -> Array:
        """[1, G] of the voice that speaks: sent with the first answer, or what the server was told is here."""
        sent = np.asarray(response["global_condition"], dtype=np.float32).reshape(1, -1)
        if sent.size:
            self._voice = voice, sent
        if self._voice is None or self._voice[0] != voice:
            raise client_errors.InternalError("the server did not send the voice that speaks, and it is not here")
        self._decoder.voice = self._voice
        return self._voice[1]


class HybridTransport:
    """`gsv_client.transport.Transport` that asks a server for a part of the work and does the rest here."""

    encoding = "float32"

    def __init__(self, remote: Transport, decoder: DeviceDecoder) -> None:
        self._remote = remote
        self._decoder = decoder

    def stream(self, model: str, inputs: Tensors) -> Generator[Arrival, None, None]:
        """Send one request and yield its answers with the audio made here; closing the generator cancels it."""
        if model != TTS_MODEL:
            yield from self._remote.stream(model, inputs)
            return
        speech = _Speech(self._decoder)
        answers = self._remote.stream(model, speech.asked(inputs))
        try:
            for arrival in answers:
                yield from speech.audio(arrival.response)
        finally:
            answers.close()

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


class AsyncHybridTransport:
    """The same for asyncio; audio is made on threads, so that the event loop goes on."""

    encoding = "float32"

    def __init__(self, remote: AsyncTransport, decoder: DeviceDecoder) -> None:
        self._remote = remote
        self._decoder = decoder

    async def stream(self, model: str, inputs: Tensors) -> AsyncGenerator[Arrival, None]:
        """Send one request and yield its answers with the audio made here; closing the generator cancels it."""
        speech = _Speech(self._decoder)
        answers = self._remote.stream(model, speech.asked(inputs) if model == TTS_MODEL else inputs)
        try:
            async for arrival in answers:
                if model != TTS_MODEL:
                    yield arrival
                    continue
                made = speech.audio(arrival.response)
                while (audio := await asyncio.to_thread(next, made, None)) is not None:
                    yield audio
        finally:
            await answers.aclose()

    async def infer(self, model: str, inputs: Tensors, dtypes: Mapping[str, str]) -> Response:
        """Send one request and return its only answer."""
        return await self._remote.infer(model, inputs, dtypes)

    async def is_ready(self, model: str = "") -> bool:
        """Whether the server, or one of its models, takes requests."""
        return await self._remote.is_ready(model)

    async def server_version(self) -> tuple[str, str]:
        """The server's name and version."""
        return await self._remote.server_version()

    async def model_states(self) -> dict[str, str]:
        """State of each model at the server."""
        return await self._remote.model_states()

    async def close(self) -> None:
        """Let the connection go."""
        await self._remote.close()


def _answer(response: Response, waveform: Array, number: int, finish_reason: str, words: Array) -> Arrival:
    """A server's answer with audio."""
    faults = response.get("word_faults", ()) if finish_reason else ()  # come with a sentence's end
    is_last = bool(np.asarray(response["final"]).reshape(-1)[0]) and finish_reason != ""
    spoken = {
        **response,
        "waveform": waveform,
        "chunk_index": np.array([number]),
        "finish_reason": np.array([finish_reason.encode()], dtype=np.object_),
        "final": np.array([is_last]),
        "words": words,
        "word_faults": np.array(texts_of(faults), dtype=np.object_),
    }
    return Arrival(spoken, time.perf_counter())


class Device:
    """Puts itself behind servers; `gsv_client.decoders` finds it by the entry point of `open_device`."""

    def __init__(self, decoder: DeviceDecoder) -> None:
        self.decoder = decoder

    def transport(self, remote: Transport) -> Transport:
        """The way to a server, for threads."""
        return HybridTransport(remote, self.decoder)

    def async_transport(self, remote: AsyncTransport) -> AsyncTransport:
        """The way to a server, for asyncio."""
        return AsyncHybridTransport(remote, self.decoder)


def open_device(bundle: str | PathLike[str] | None, latent_kbit_s: float | None = None) -> Device:
    """Open what finishes speech here.

    Args:
        bundle: File of the server's weights, or the address of a gateway that offers one, from which the vocoder and
            the codec are fetched once; None: the one that `gsv-local use` chose.
        latent_kbit_s: See `DeviceDecoder`.

    Raises:
        InvalidRequest: The bundle cannot be read or fetched, or has no codec; the rate is no number from 0 to 12.
    """
    if latent_kbit_s is not None and not _is_rate(latent_kbit_s):
        message = f"latent_kbit_s is {latent_kbit_s!r}; need a number, {LATENT_KBIT_S}"
        raise client_errors.InvalidRequest(message)
    try:
        return Device(DeviceDecoder(_opened(bundle), latent_kbit_s=latent_kbit_s))
    except BundleUnreadable as failure:
        raise client_errors.InvalidRequest(str(failure)) from None
    except OSError as failure:
        raise client_errors.InvalidRequest(f"{bundle} cannot be read: {failure.strerror or failure}") from None


def _is_rate(value: object) -> bool:
    """Whether a device may ask for it; NaN is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and LATENT_KBIT_S.contains(value)


def _opened(bundle: str | PathLike[str] | None) -> Bundle:
    if bundle is None:
        return chosen_bundle()
    place = fspath(bundle)
    return fetched_bundle(place) if is_address(place) else open_bundle(Path(place))
