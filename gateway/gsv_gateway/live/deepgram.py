"""Deepgram's `/v1/speak`: a WebSocket that takes text as it is written, and a POST that takes it whole.

Source: Deepgram's SDK for Python 7.17 and its documentation, as the spec of the HTTP APIs has them (D.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from gsv_client import InvalidRequest, Options, SynthesisError
from gsv_gateway.audio.formats import DEEPGRAM_FORMATS, HIGHEST_HZ, LOWEST_HZ, OPENAI_FORMATS, Format
from gsv_gateway.audio.samples import split_speed
from gsv_gateway.bodies import read_json
from gsv_gateway.gateway import AnswerRecord, Gateway
from gsv_gateway.live.session import Session
from gsv_gateway.live.socket import JsonSocket, accept, refuse, unless_client_left
from gsv_gateway.problems import Family, RequestRefused, problem_of
from gsv_gateway.speech_response import SpeechResponse, Wanted

_MAX_SPEAK = 2_000  # characters of one message, as at Deepgram
_SLOWEST, _FASTEST = 0.25, 4.0


def router(gateway: Gateway) -> APIRouter:
    """The routes of one gateway."""
    routes = APIRouter(tags=["Deepgram"])

    @routes.post("/v1/speak", response_class=Response)
    async def speak(request: Request) -> Response:
        """Say a text."""
        caller = await gateway.caller(request)
        body = await read_json(request, gateway.settings.limits)
        text = gateway.check_text(str(body.get("text", "")), "text")
        query = request.query_params
        wanted = wanted_of(query, "mp3")
        voice_id = await gateway.voices.resolve(query.get("model", ""), caller)
        options: Options = {**_options(query, voice_id), **await gateway.own_model(caller)}
        notes = request.scope["state"]["notes"]
        return SpeechResponse(
            gateway.speak(text, options, caller),
            wanted,
            gateway.record("deepgram"),
            headers={"dg-model-name": query.get("model", "gpt-sovits"), "dg-request-id": notes["request_id"]},
            stalls=gateway.stalls,
        )

    @routes.websocket("/v1/speak")
    async def speak_live(socket: WebSocket) -> None:
        """Speak what is written."""
        try:
            caller = await gateway.caller(socket)
            wanted = wanted_of(socket.query_params, "linear16", live=True)
            voice_id = await gateway.voices.resolve(socket.query_params.get("model", ""), caller)
            model = await gateway.own_model(caller)
        except (SynthesisError, RequestRefused) as error:
            await refuse(socket, error, Family.DEEPGRAM)
            return
        await accept(socket)
        connection = JsonSocket(socket, gateway.settings.limits, gateway.stalls)
        listener = DeepgramListener(connection)
        options: Options = {**_options(socket.query_params, voice_id), **model}
        told = gateway.record("deepgram-live")
        session = Session(
            lambda text: gateway.speak(text, options, caller),
            wanted,
            listener,
            gateway.settings.limits.text_characters,
        )
        session.ended.add_done_callback(connection.hang_up)
        try:
            with unless_client_left():
                await _converse(connection, session, listener, socket, told)
        finally:
            outcome = session.outcome
            await session.close()
            told.ended(session.audio_s, outcome)

    return routes


async def _converse(
    connection: JsonSocket, session: Session, listener: DeepgramListener, socket: WebSocket, told: AnswerRecord
) -> None:
    request_id = socket.scope["state"]["notes"]["request_id"]
    name = socket.query_params.get("model", "gpt-sovits")
    await connection.send(
        type="Metadata", request_id=request_id, model_name=name, model_version="1", model_uuid=request_id
    )
    async for message in connection.messages():
        if isinstance(message, RequestRefused):
            await listener.warn(str(message), "DATA-0000")
        elif message.get("type") == "Speak":
            await _write(session, listener, message.get("text"))
        elif message.get("type") == "Flush":
            session.flush()
        elif message.get("type") in ("Clear", "Reset"):
            if await session.interrupt():
                told.interrupted()
            await connection.send(type="Cleared", sequence_id=listener.next_id())
        elif message.get("type") == "Close":
            await session.finished()
            await connection.close()
            return
        elif message.get("type") != "KeepAlive":
            await listener.warn(
                f"type is {str(message.get('type'))[:40]!r}; need Speak, Flush, Clear, Close", "DATA-0001"
            )


async def _write(session: Session, listener: DeepgramListener, text: Any) -> None:
    if not isinstance(text, str) or len(text) > _MAX_SPEAK:
        await listener.warn(f"text must be a string of at most {_MAX_SPEAK} characters", "DATA-0002")
        return
    try:
        session.write(text)
    except InvalidRequest as error:
        await listener.warn(str(error), "TEXT-0001")


class DeepgramListener:
    """Tells Deepgram's clients; a piece of text that fails is a warning, as the connection goes on."""

    def __init__(self, connection: JsonSocket) -> None:
        self._connection, self._id = connection, -1

    def next_id(self) -> int:
        """Number what was flushed or cleared."""
        self._id += 1
        return self._id

    async def warn(self, description: str, code: str) -> None:
        """Tell of something that was not done."""
        await self._connection.send(type="Warning", description=description, code=code)

    async def speaking(self, text: str) -> None:
        """Their clients are not told."""

    async def audio(self, data: bytes, seconds: float) -> None:
        """Send sound."""
        await self._connection.send_audio(data, seconds)

    async def words(self, told: dict[str, list[dict[str, Any]]]) -> None:
        """Their clients are not told."""

    async def spoken(self, text: str, seconds: float) -> None:
        """Their clients are not told."""

    async def flushed(self) -> None:
        """Tell that all was spoken."""
        await self._connection.send(type="Flushed", sequence_id=self.next_id())

    async def failed(self, error: Exception) -> None:
        """Tell why a piece was not spoken."""
        problem = problem_of(error)
        await self.warn(problem.message, problem.code.upper())


def wanted_of(query: Mapping[str, str], default: str, *, live: bool = False) -> Wanted:
    """How an answer is to sound.

    Args:
        query: The parameters of the request.
        default: The encoding where none is named.
        live: Whether only bare samples may be asked for, as over a WebSocket.

    Raises:
        InvalidRequest: No such encoding or rate.
    """
    encoding, container = query.get("encoding", default), query.get("container", "none" if live else "wav")
    found = _format(encoding, container)
    if found is None or (live and (encoding not in ("linear16", "mulaw", "alaw") or container != "none")):
        needed = "linear16, mulaw or alaw in container none" if live else "such as linear16 in container wav or none"
        raise InvalidRequest(f"encoding is {encoding[:40]!r} in container {container[:40]!r}; need {needed}")
    text = query.get("sample_rate", "")
    rate_hz = int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0 if text else found.default_hz
    if not LOWEST_HZ <= rate_hz <= HIGHEST_HZ or (found.rates_hz and rate_hz not in found.rates_hz):
        raise InvalidRequest(f"sample_rate is {text[:20]!r}; {encoding} cannot have it")
    return Wanted(found, rate_hz, split_speed(_speed(query))[1])


def _format(encoding: str, container: str) -> Format | None:
    if encoding == "linear16":
        return {"wav": OPENAI_FORMATS["wav"], "none": OPENAI_FORMATS["pcm"]}.get(container)
    if encoding in ("mulaw", "alaw"):
        return DEEPGRAM_FORMATS.get((encoding, container))
    return OPENAI_FORMATS.get(encoding) if encoding not in ("wav", "pcm") else None


def _speed(query: Mapping[str, str]) -> float:
    try:
        speed = float(query.get("speed", "1"))
    except ValueError:
        speed = 0.0
    if not _SLOWEST <= speed <= _FASTEST:
        raise InvalidRequest(f"speed is {query.get('speed', '')[:20]!r}; need {_SLOWEST} to {_FASTEST:g}")
    return speed


def _options(query: Mapping[str, str], voice_id: str) -> Options:
    language = query.get("language")
    return Options(voice=voice_id, language=language, speed=split_speed(_speed(query))[0], streaming="chunk")
