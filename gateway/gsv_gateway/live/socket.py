"""A WebSocket with limits: what comes is JSON, what goes must be taken in time."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, TypeVar

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from gsv_gateway.bodies import json_object
from gsv_gateway.problems import Family, RequestRefused, answer, problem_of
from gsv_gateway.settings import Limits
from gsv_gateway.stalls import ClientStalled, Stalls

T = TypeVar("T")

_IDLE_S = 600.0
POLICY, INTERNAL = 1008, 1011

logger = logging.getLogger("gsv.gateway")


def unless_client_left() -> AbstractContextManager[None]:
    """End what is done here quietly when the client has hung up or takes nothing."""
    return suppress(WebSocketDisconnect, ClientStalled)


class JsonSocket:
    """One connection.

    Args:
        socket: Accepted or not.
        limits: What may come.
        stalls: How long the other side may take nothing.
    """

    def __init__(self, socket: WebSocket, limits: Limits, stalls: Stalls) -> None:
        self._socket, self._limits, self._taking = socket, limits, stalls.of(socket.scope.get("state", {}))
        self._sent_s = 0.0

    async def messages(self, first_within_s: float = _IDLE_S) -> AsyncIterator[dict[str, Any] | RequestRefused]:
        """Yield the objects that come, and what is wrong with a message that is none; end when nobody is there."""
        patience_s = first_within_s
        while True:
            try:
                async with asyncio.timeout(patience_s):
                    message = await self._socket.receive()
            except TimeoutError:
                await self.close(POLICY, f"nothing came for {patience_s:g} s")
                return
            if message["type"] == "websocket.disconnect":
                return
            patience_s = _IDLE_S
            await asyncio.sleep(0)  # many messages that wait are no reason for others to
            try:
                yield json_object(message.get("text") or message.get("bytes") or b"", self._limits.json_depth)
            except RequestRefused as refusal:
                yield refusal

    async def send(self, **message: Any) -> None:
        """Send an object."""
        text = json.dumps(message, ensure_ascii=False)
        await self._hand(self._socket.send_text, text, len(text))

    async def send_audio(self, data: bytes, seconds: float) -> None:
        """Send so many seconds of sound."""
        self._sent_s += seconds
        await self._hand(self._socket.send_bytes, data, len(data))

    async def _hand(self, send: Callable[[T], Awaitable[None]], message: T, num_bytes: int) -> None:
        try:
            await self._taking.hand(send, message, num_bytes, self._sent_s)
        except RuntimeError as error:  # the connection failed at a frame that is none, and is being closed
            raise WebSocketDisconnect(1006) from error

    def hang_up(self, ended: asyncio.Future[None]) -> None:
        """Close, because what spoke here has ended; that it was told to is no reason."""
        if not ended.cancelled():
            logger.warning("session ended error=%r", ended.exception())
            self._closing = asyncio.ensure_future(self.close(INTERNAL, "the session ended"))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Hang up, where the other side has not."""
        if self._socket.application_state is WebSocketState.CONNECTED:
            try:
                await self._socket.close(code, reason[:100])
            except (RuntimeError, WebSocketDisconnect):  # it hung up meanwhile
                return


async def accept(socket: WebSocket) -> None:
    """Take a connection, by the protocol that was offered first: a browser that offered one hangs up without it."""
    offered = socket.headers.get("sec-websocket-protocol", "").split(",")[0].strip()
    await socket.accept(offered or None)


async def refuse(socket: WebSocket, error: Exception, family: Family) -> None:
    """Answer a handshake with an HTTP error."""
    await socket.send_denial_response(answer(problem_of(error), family))
