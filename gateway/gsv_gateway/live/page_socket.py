"""`/live`: the page's WebSocket. Text goes in as it is written, 16-bit samples come out, and what happens is told.

→ start {voice, model, language, speed, sample_rate, seed, …, key}    first, within 10 s; as of /v1/audio/speech
→ text {text} · flush · interrupt · close
← started {request_id, sample_rate} · speaking {text} · binary samples · spoken {text, seconds}
← words {words, word_faults}    with timestamp_granularities; seconds and characters are those of the text being spoken
← flushed · interrupted · error {message, code, fatal}
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.websockets import WebSocket

from gsv_client import InvalidRequest, SynthesisError
from gsv_gateway.access import Caller
from gsv_gateway.bodies import checked
from gsv_gateway.gateway import AnswerRecord, Gateway
from gsv_gateway.live.session import Session
from gsv_gateway.live.socket import POLICY, JsonSocket, accept, unless_client_left
from gsv_gateway.models import OWN_MODEL
from gsv_gateway.openai.fields import SpeechBody
from gsv_gateway.problems import RequestRefused, problem_of

_START_WITHIN_S = 10.0
_USUALLY = {"model": OWN_MODEL}
# A session is no single answer; messages beside the sound have room for words, as server-sent events have.
_ALWAYS = {"input": "…", "response_format": "pcm", "stream_format": "sse", "skip_samples": 0}


def router(gateway: Gateway) -> APIRouter:
    """The route of one gateway."""
    routes = APIRouter()

    @routes.websocket("/live")
    async def live(socket: WebSocket) -> None:
        """Speak what is written."""
        await accept(socket)
        connection = JsonSocket(socket, gateway.settings.limits, gateway.stalls)
        listener, told = PageListener(connection), gateway.record("live")
        session: Session | None = None
        try:
            with unless_client_left():
                async for message in connection.messages(_START_WITHIN_S):
                    try:
                        if isinstance(message, RequestRefused):
                            raise message
                        if session is None:
                            session = await _started(gateway, socket, connection, listener, message)
                        elif not await _obeyed(message, session, connection, told):
                            break
                    except (SynthesisError, RequestRefused) as error:
                        await listener.failed(error, fatal=session is None)
                        if session is None:
                            await connection.close(POLICY, str(error))
                            return
                await connection.close()
        finally:
            if session is not None:
                outcome = session.outcome
                await session.close()
                told.ended(session.audio_s, outcome)

    return routes


async def _started(
    gateway: Gateway, socket: WebSocket, connection: JsonSocket, listener: PageListener, message: dict[str, Any]
) -> Session:
    """Open the session that the first message asks for."""
    if message.get("type") != "start":
        raise RequestRefused(400, "the first message must be of type start", code="not_started")
    secret = message.pop("key", None)
    caller = await gateway.caller(socket, secret if isinstance(secret, str) else None)
    body = checked(SpeechBody, {**_USUALLY, **message, **_ALWAYS})
    wanted = body.wanted()
    model = await gateway.models.resolve(body.model, caller.caller_id)
    options = body.options(await gateway.voices.resolve(body.voice_name, caller), model)

    def speak(text: str, caller: Caller = caller) -> Any:
        return gateway.speak(text, options, caller)

    session = Session(speak, wanted, listener, gateway.settings.limits.text_characters)
    session.ended.add_done_callback(connection.hang_up)
    request_id = socket.scope["state"]["notes"]["request_id"]
    await connection.send(type="started", request_id=request_id, sample_rate=wanted.rate_hz)
    return session


async def _obeyed(message: dict[str, Any], session: Session, connection: JsonSocket, told: AnswerRecord) -> bool:
    """Do what a message says; False where it was the last."""
    kind = message.get("type")
    if kind == "text":
        text = message.get("text")
        if not isinstance(text, str):
            raise InvalidRequest("text must be a string")
        session.write(text)
    elif kind == "flush":
        session.flush()
    elif kind == "interrupt":
        if await session.interrupt():
            told.interrupted()
        await connection.send(type="interrupted")
    elif kind == "close":
        await session.finished()
        return False
    else:
        raise InvalidRequest(f"type is {str(kind)[:40]!r}; need text, flush, interrupt or close")
    return True


class PageListener:
    """Tells the page."""

    def __init__(self, connection: JsonSocket) -> None:
        self._connection = connection

    async def speaking(self, text: str) -> None:
        """Tell what comes next."""
        await self._connection.send(type="speaking", text=text)

    async def audio(self, data: bytes, seconds: float) -> None:
        """Send sound."""
        await self._connection.send_audio(data, seconds)

    async def words(self, told: dict[str, list[dict[str, Any]]]) -> None:
        """Tell when words are said, and which were not, or twice."""
        await self._connection.send(type="words", **told)

    async def spoken(self, text: str, seconds: float) -> None:
        """Tell that it was sent to its end."""
        await self._connection.send(type="spoken", text=text, seconds=round(seconds, 3))

    async def flushed(self) -> None:
        """Tell that all was spoken."""
        await self._connection.send(type="flushed")

    async def failed(self, error: Exception, *, fatal: bool = False) -> None:
        """Tell why a piece was not spoken."""
        problem = problem_of(error)
        await self._connection.send(type="error", message=problem.message, code=problem.code, fatal=fatal)
