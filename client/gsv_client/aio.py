"""The client for asyncio: the same names as `gsv_client.client`, awaited."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any

from gsv_client import fine_tunes, latents, phones, protocol
from gsv_client.audio import Audio, Chunk, Playback, join_chunks
from gsv_client.client import DEFAULT_TIMEOUT_S, DEFAULT_URL, NO_AUDIO, registered
from gsv_client.decoders import SERVER, open_decoder
from gsv_client.errors import ConnectionFailed, InternalError, SynthesisError
from gsv_client.fine_tunes import FineTune
from gsv_client.latents import LatentPart
from gsv_client.long_texts import Parts, parts_of
from gsv_client.protocol import ReferenceAudio, Voice
from gsv_client.retries import async_retrying
from gsv_client.server_info import KNOWN_MODELS, NOT_READY, READY, ServerInfo
from gsv_client.transport import Address, Arrival, AsyncTransport, Headers, no_headers, open_async_transport, parse_url

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from gsv_client.protocol import Options


AsyncSend = Callable[[str], AsyncGenerator["Arrival", None]]


class AsyncSpeechStream:
    """The chunks of one request, as they arrive; see `gsv_client.SpeechStream`.

    Leave it through ``async with`` or `aclose`: an abandoned one is cancelled only when the event loop gets to it.
    """

    def __init__(self, send: AsyncSend, parts: Parts) -> None:
        self.playback = Playback()
        self.parts = parts
        self._chunks = _receive(send, self.playback, parts)

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self

    async def __anext__(self) -> Chunk:
        return await anext(self._chunks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop listening; a request that has not ended is cancelled."""
        await self._chunks.aclose()

    async def collect(self) -> Audio:
        """Wait for the end and join the chunks that were not taken yet."""
        return join_chunks([chunk async for chunk in self._chunks], self.playback)


async def _receive(send: AsyncSend, playback: Playback, parts: Parts) -> AsyncGenerator[Chunk, None]:
    """Send, then yield chunks."""
    playback.request_sent(time.perf_counter())
    for text in parts.texts:
        responses = send(text)
        try:
            async for arrival in responses:
                chunk = parts.placed(protocol.parse_chunk(arrival.response))
                playback.chunk_arrived(arrival.at_s, chunk.duration_s)
                yield chunk
        except SynthesisError as error:
            raise parts.failed(error) from error.__cause__
        finally:
            await responses.aclose()
        parts.part_done()
    if playback.ttfa_s is None:
        raise InternalError(NO_AUDIO)


class AsyncClient:
    """Speaks with one server from one event loop; arguments as `gsv_client.Client`.

    Args:
        headers: Asked at each stream for what goes with it, such as a ``traceparent``.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        *,
        retries: int = 2,
        busy_wait_s: float = 0.0,
        decode: str = SERVER,
        bundle: str | os.PathLike[str] | None = None,
        latent_kbit_s: float | None = None,
        headers: Headers = no_headers,
        transport: AsyncTransport | None = None,
    ) -> None:
        self._address: Address = parse_url(url)
        self.url = self._address.url
        self._timeout_s = timeout_s
        self._headers = headers
        self._decoder = open_decoder(decode, bundle, latent_kbit_s)
        self._opened = transport and self._decoded(transport)
        self._retrying = async_retrying(retries, busy_wait_s)

    @property
    def _transport(self) -> AsyncTransport:
        """Opened at the first request, because it belongs to the event loop that is running then."""
        if self._opened is None:
            self._opened = self._decoded(open_async_transport(self._address, self._timeout_s, self._headers))
        return self._opened

    def _decoded(self, reached: AsyncTransport) -> AsyncTransport:
        return self._decoder.async_transport(reached) if self._decoder else reached

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let the connection go."""
        if self._opened is not None:
            await self._opened.close()

    async def synthesize(self, text: str, **options: Unpack[Options]) -> Audio:
        """Say `text` and wait for all of it; see `gsv_client.Client.synthesize`."""
        options.setdefault("streaming", "sentence")
        async with self.stream(text, **options) as chunks:
            return await chunks.collect()

    def stream(self, text: str, **options: Unpack[Options]) -> AsyncSpeechStream:
        """Say `text` and hand over the audio as it arrives; see `gsv_client.Client.stream`."""
        inputs = protocol.tts_inputs(text, options, self._transport.encoding)
        parts = Parts(parts_of(text), protocol.pause_between_s(options), text)
        return AsyncSpeechStream(lambda part: self._send(protocol.with_text(inputs, part, parts.at_last)), parts)

    async def latents(
        self, text: str, kbit_s: float = 8.0, known_voice: str = "", **options: Unpack[Options]
    ) -> AsyncGenerator[LatentPart, None]:
        """Say `text` and hand over latents instead of audio; see `gsv_client.Client.latents`."""
        inputs = latents.latent_inputs(protocol.tts_inputs(text, options, "float32"), kbit_s, known_voice)
        answers = self._send(inputs)
        try:
            async for arrival in answers:
                yield latents.parse_part(arrival.response)
        finally:
            await answers.aclose()

    async def _send(self, inputs: protocol.Tensors) -> AsyncGenerator[Arrival, None]:
        """Yield the answers of one synthesis; until the first has come, the request may be repeated."""
        answer: tuple[Arrival | None, AsyncGenerator[Arrival, None]] = await self._retrying(self._first_answer, inputs)
        first, rest = answer
        try:
            if first is not None:
                yield first
                async for arrival in rest:
                    yield arrival
        finally:
            await rest.aclose()

    async def _first_answer(self, inputs: protocol.Tensors) -> tuple[Arrival | None, AsyncGenerator[Arrival, None]]:
        answers = self._transport.stream(protocol.TTS_MODEL, inputs)
        try:
            return await anext(answers), answers
        except StopAsyncIteration:
            return None, answers

    async def register_voice(
        self,
        voice: str,
        reference_audio: ReferenceAudio,
        prompt_text: str | None = None,
        prompt_language: str | None = None,
        *,
        trim_reference: bool | None = None,
        aux_reference_audio: Sequence[ReferenceAudio] | None = None,
        loudness: float | None = None,
        model: str | None = None,
    ) -> Voice:
        """Register a voice; see `gsv_client.Client.register_voice`."""
        answer = await self._voices(
            "register",
            voice=voice,
            reference_audio=reference_audio,
            prompt_text=prompt_text,
            prompt_language=prompt_language,
            trim_reference=trim_reference,
            aux_reference_audio=aux_reference_audio or None,
            loudness=loudness,
            model=model,
        )
        return registered(voice, protocol.parse_voices(answer))

    async def list_voices(self) -> list[Voice]:
        """Every registered voice."""
        found: list[Voice] = []
        while True:
            page = protocol.parse_voices(await self._voices("list", after=found[-1].voice if found else None))
            found += page
            if len(page) != protocol.VOICES_PER_LIST:
                return found

    async def delete_voice(self, voice: str) -> None:
        """Delete a voice; see `gsv_client.Client.delete_voice`."""
        await self._voices("delete", voice=voice)

    async def _voices(self, action: str, **values: Any) -> protocol.Response:
        inputs = protocol.voices_inputs(action, **values)
        return await self._retrying(self._transport.infer, protocol.VOICES_MODEL, inputs, protocol.VOICES_INPUTS)

    async def list_models(self) -> list[FineTune]:
        """Every fine-tuned model of the server, the first one first."""
        return fine_tunes.parse_fine_tunes(await self._fine_tunes("list"))

    async def load_model(self, model: str, *, pin: bool = False) -> FineTune:
        """Load a fine-tune and wait for it; `pin` keeps it loaded until the server's end.

        Raises:
            InvalidRequest: There is none of that name.
        """
        return fine_tunes.parse_fine_tunes(await self._fine_tunes("pin" if pin else "load", model))[0]

    async def unload_model(self, model: str) -> FineTune:
        """Unload a fine-tune; one that is pinned is so no longer.

        Raises:
            InvalidRequest: There is none of that name, or it is the first.
            ServerBusy: It is in use.
        """
        return fine_tunes.parse_fine_tunes(await self._fine_tunes("unload", model))[0]

    async def unpin_model(self, model: str) -> FineTune:
        """Let a pinned fine-tune go when others need its room."""
        return fine_tunes.parse_fine_tunes(await self._fine_tunes("unpin", model))[0]

    async def _fine_tunes(self, action: str, model: str | None = None) -> protocol.Response:
        inputs = fine_tunes.fine_tunes_inputs(action, model)
        return await self._retrying(self._transport.infer, fine_tunes.MODEL, inputs, fine_tunes.INPUTS)

    async def phones(
        self, text: str, language: str = "auto", *, split_method: str = "cut5", lexicon: str | None = None
    ) -> phones.Sentences:
        """What becomes of a text; see `gsv_client.Client.phones`."""
        found = phones.Sentences()
        for part in parts_of(text):
            inputs = phones.phones_inputs(part, language, split_method, lexicon)
            answer: protocol.Response = await self._retrying(
                self._transport.infer, phones.PHONES_MODEL, inputs, phones.PHONES_INPUTS
            )
            found = found.joined(phones.parse_sentences(answer))
        return found

    async def is_ready(self) -> bool:
        """Whether the server takes requests; False as well where none answers."""
        return await self._transport.is_ready()

    async def server_info(self) -> ServerInfo:
        """What the server says of itself and of its models; see `gsv_client.Client.server_info`."""
        name, version = await self._transport.server_version()
        return ServerInfo(self.url, name, version, await self._transport.is_ready(), await self._model_states())

    async def _model_states(self) -> dict[str, str]:
        """As `gsv_client.client.model_states`."""
        try:
            return await self._transport.model_states()
        except ConnectionFailed:
            raise
        except SynthesisError:
            ready = await asyncio.gather(*(self._transport.is_ready(model) for model in KNOWN_MODELS))
            return {
                model: READY if is_ready else NOT_READY for model, is_ready in zip(KNOWN_MODELS, ready, strict=True)
            }
