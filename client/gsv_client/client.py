"""The client for threads."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from gsv_client import fine_tunes, latents, phones, protocol
from gsv_client.audio import Audio, Chunk, Playback, join_chunks
from gsv_client.decoders import SERVER, open_decoder
from gsv_client.errors import ConnectionFailed, InternalError, SynthesisError, VoiceNotFound
from gsv_client.fine_tunes import FineTune
from gsv_client.latents import LatentPart
from gsv_client.long_texts import Parts, parts_of
from gsv_client.protocol import ReferenceAudio, Voice
from gsv_client.retries import retrying
from gsv_client.server_info import KNOWN_MODELS, NOT_READY, READY, ServerInfo
from gsv_client.transport import Arrival, Transport, open_transport, parse_url

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from gsv_client.protocol import Options

DEFAULT_URL = "localhost:8001"
DEFAULT_TIMEOUT_S = 60.0
NO_AUDIO = "the server ended the request without audio and without an error; see its log"

T = TypeVar("T")
Send = Callable[[str], Generator["Arrival", None, None]]


class SpeechStream:
    """The chunks of one request, as they arrive.

    Iterate it once. The request is sent when the first chunk is asked for, and cancelled on the server when the
    stream is closed before its end: by `close`, by leaving its ``with`` block, or by letting go of it.

    Attributes:
        playback: What a listener has noticed so far: ``ttfa_s``, ``underrun_s``, ``elapsed_s``.
        parts: How far a text has come that is longer than a request may be; it is sent part after part.
    """

    def __init__(self, send: Send, parts: Parts) -> None:
        self.playback = Playback()
        self.parts = parts
        self._chunks = _receive(send, self.playback, parts)

    def __iter__(self) -> Iterator[Chunk]:
        return self

    def __next__(self) -> Chunk:
        return next(self._chunks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; a request that has not ended is cancelled."""
        self._chunks.close()

    def collect(self) -> Audio:
        """Wait for the end and join the chunks that were not taken yet."""
        return join_chunks(list(self._chunks), self.playback)


def _receive(send: Send, playback: Playback, parts: Parts) -> Generator[Chunk, None, None]:
    """Send, then yield chunks; no method, so that no cycle keeps a stream alive that was let go of."""
    playback.request_sent(time.perf_counter())
    for text in parts.texts:
        responses = send(text)
        try:
            for arrival in responses:
                chunk = parts.placed(protocol.parse_chunk(arrival.response))
                playback.chunk_arrived(arrival.at_s, chunk.duration_s)
                yield chunk
        except SynthesisError as error:
            raise parts.failed(error) from error.__cause__
        finally:
            responses.close()
        parts.part_done()
    if playback.ttfa_s is None:
        raise InternalError(NO_AUDIO)


class Client:
    """Speaks with one server; safe to share between threads.

    Args:
        url: ``host:port`` or ``grpc://host:port`` for gRPC (``grpcs://`` with TLS), ``http://host:port`` for HTTP.
        timeout_s: Longest silence of the server: to connect, before the first chunk and between chunks, in seconds.
        retries: How often a request is repeated that cannot have run, because the server was not reached or stopping.
        busy_wait_s: How long a request waits for a busy server in all, coming back when the server says; 0: not at all.
        decode: Who makes the audio: "server", or "device": this machine, which needs the package gsv-local.
        bundle: File with what a device needs (docs/bundle.md), or the address of a gateway that offers it; None: the
            one that `gsv-local use` chose.
        latent_kbit_s: A device asks for latents at 4 to 12 kbit/s, or 0 as they are, and runs the vocoder only; None:
            for tokens, where its bundle has the acoustic model.
        transport: Another way to the server, for tests.

    Raises:
        InvalidRequest: Nobody here decodes as `decode` says.
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
        transport: Transport | None = None,
    ) -> None:
        address = parse_url(url)
        self.url = address.url
        decoder = open_decoder(decode, bundle, latent_kbit_s)
        reached = transport or open_transport(address, timeout_s)
        self._transport = decoder.transport(reached) if decoder else reached
        self._retrying = retrying(retries, busy_wait_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connection go."""
        self._transport.close()

    def synthesize(self, text: str, **options: Unpack[Options]) -> Audio:
        """Say `text` and wait for all of it.

        Args:
            text: What to say.
            **options: See `gsv_client.Options`; the most used are `voice`, or `reference_audio` and `prompt_text`.
                `streaming` is "sentence" unless given: smaller chunks cost more and gain nothing here.

        Raises:
            SynthesisError: Any leaf of `gsv_client.errors`.
        """
        options.setdefault("streaming", "sentence")
        with self.stream(text, **options) as chunks:
            return chunks.collect()

    def stream(self, text: str, **options: Unpack[Options]) -> SpeechStream:
        """Say `text` and hand over the audio as it arrives.

        Args:
            text: What to say. One that is longer than a request may be is sent in parts, cut at paragraphs and
                sentences, each with the same options; `SpeechStream.parts` says how far it is.
            **options: See `gsv_client.Options`.

        Raises:
            InvalidRequest: A value cannot be put on the wire. Other errors rise while iterating.
        """
        inputs = protocol.tts_inputs(text, options, self._transport.encoding)
        parts = Parts(parts_of(text), protocol.pause_between_s(options), text)
        return SpeechStream(lambda part: self._send(protocol.with_text(inputs, part, parts.at_last)), parts)

    def latents(
        self, text: str, kbit_s: float = 8.0, known_voice: str = "", **options: Unpack[Options]
    ) -> Generator[LatentPart, None, None]:
        """Say `text` and hand over latents instead of audio, for a device that has the vocoder.

        Args:
            text: What to say, at most as long as one request may be.
            kbit_s: Of the server's codec; 0: latents as they are.
            known_voice: Content of the voice that the device has, of an earlier `LatentPart.decoding`.
            **options: See `gsv_client.Options`.
        """
        inputs = latents.latent_inputs(protocol.tts_inputs(text, options, "float32"), kbit_s, known_voice)
        answers = self._send(inputs)
        try:
            for arrival in answers:
                yield latents.parse_part(arrival.response)
        finally:
            answers.close()

    def _send(self, inputs: protocol.Tensors) -> Generator[Arrival, None, None]:
        """Yield the answers of one synthesis; until the first has come, the request may be repeated."""
        first, rest = self._retrying(self._first_answer, inputs)
        try:
            if first is not None:
                yield first
                yield from rest
        finally:
            rest.close()

    def _first_answer(self, inputs: protocol.Tensors) -> tuple[Arrival | None, Generator[Arrival, None, None]]:
        answers = self._transport.stream(protocol.TTS_MODEL, inputs)
        return next(answers, None), answers

    def register_voice(
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
        """Register a voice under an id of 1 to 64 of a-z A-Z 0-9 _ -.

        Args:
            voice: The id.
            reference_audio: 3 to 10 s of speech: a path, a file's bytes, or (samples, sample rate).
            prompt_text: What is said in it; without it only the timbre is copied, not the way of speaking.
            prompt_language: Its language; found out by the server when left out.
            trim_reference: Cut a longer reference at a silence.
            aux_reference_audio: More clips of the same speaker, 1 to 30 s each; the timbre is the mean of all.
            loudness: LUFS that its speech is brought to, such as -16; left out or 0: as the model speaks.
            model: Fine-tune that it is for; the server's first when left out.
        """
        answer = self._voices(
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

    def list_voices(self) -> list[Voice]:
        """Every registered voice."""
        found: list[Voice] = []
        while True:
            page = protocol.parse_voices(self._voices("list", after=found[-1].voice if found else None))
            found += page
            if len(page) != protocol.VOICES_PER_LIST:
                return found

    def delete_voice(self, voice: str) -> None:
        """Delete a voice.

        Raises:
            VoiceNotFound: There is none of that id.
        """
        self._voices("delete", voice=voice)

    def _voices(self, action: str, **values: Any) -> protocol.Response:
        inputs = protocol.voices_inputs(action, **values)
        return self._retrying(self._transport.infer, protocol.VOICES_MODEL, inputs, protocol.VOICES_INPUTS)

    def list_models(self) -> list[FineTune]:
        """Every fine-tuned model of the server, the first one first."""
        return fine_tunes.parse_fine_tunes(self._fine_tunes("list"))

    def load_model(self, model: str, *, pin: bool = False) -> FineTune:
        """Load a fine-tune and wait for it; `pin` keeps it loaded until the server's end.

        Raises:
            InvalidRequest: There is none of that name.
        """
        return fine_tunes.parse_fine_tunes(self._fine_tunes("pin" if pin else "load", model))[0]

    def unload_model(self, model: str) -> FineTune:
        """Unload a fine-tune; one that is pinned is so no longer.

        Raises:
            InvalidRequest: There is none of that name, or it is the first.
            ServerBusy: It is in use.
        """
        return fine_tunes.parse_fine_tunes(self._fine_tunes("unload", model))[0]

    def unpin_model(self, model: str) -> FineTune:
        """Let a pinned fine-tune go when others need its room."""
        return fine_tunes.parse_fine_tunes(self._fine_tunes("unpin", model))[0]

    def _fine_tunes(self, action: str, model: str | None = None) -> protocol.Response:
        inputs = fine_tunes.fine_tunes_inputs(action, model)
        return self._retrying(self._transport.infer, fine_tunes.MODEL, inputs, fine_tunes.INPUTS)

    def phones(
        self, text: str, language: str = "auto", *, split_method: str = "cut5", lexicon: str | None = None
    ) -> phones.Sentences:
        """What becomes of a text: sentences, languages, and the phones of each word.

        Args:
            text: Plain text or SSML.
            language: "auto", or one of the server's languages.
            split_method: How text is cut into sentences, "cut0" to "cut5".
            lexicon: Your own pronunciations, see `gsv_client.Options`.
        """
        found = phones.Sentences()
        for part in parts_of(text):
            inputs = phones.phones_inputs(part, language, split_method, lexicon)
            answer = self._retrying(self._transport.infer, phones.PHONES_MODEL, inputs, phones.PHONES_INPUTS)
            found = found.joined(phones.parse_sentences(answer))
        return found

    def is_ready(self) -> bool:
        """Whether the server takes requests; False as well where none answers."""
        return self._transport.is_ready()

    def server_info(self) -> ServerInfo:
        """What the server says of itself and of its models.

        Raises:
            ConnectionFailed: Nothing answers.
        """
        name, version = self._transport.server_version()
        return ServerInfo(self.url, name, version, self._transport.is_ready(), model_states(self._transport))


def model_states(transport: Transport) -> dict[str, str]:
    """State of each model: the server's list, or where that is not open to us, what each model says itself."""
    try:
        return transport.model_states()
    except ConnectionFailed:
        raise
    except SynthesisError:
        return {model: READY if transport.is_ready(model) else NOT_READY for model in KNOWN_MODELS}


def registered(voice: str, voices: list[Voice]) -> Voice:
    """The voice just registered, out of the server's answer."""
    for candidate in voices:
        if candidate.voice == voice:
            return candidate
    raise VoiceNotFound(f"the server answered {len(voices)} voices without {voice!r}; see its log")
