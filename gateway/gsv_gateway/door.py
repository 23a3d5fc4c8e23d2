"""Who is let in: the key of a request, and whether it has asked too often."""

from __future__ import annotations

import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from starlette.requests import HTTPConnection

from gsv_gateway.access import EVERYONE, Caller
from gsv_gateway.keys import KeyStore, KeysUnreadable
from gsv_gateway.problems import RequestRefused

_SCHEMES = ("bearer", "token")  # OpenAI's and Deepgram's


class Door:
    """Tells who asks.

    Args:
        keys: The keys; while there are none, everybody may do everything.
    """

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def caller(self, connection: HTTPConnection, secret: str | None = None) -> Caller:
        """Whose request this is.

        Args:
            connection: The request or WebSocket.
            secret: A key that came by another way, such as a first message.

        Raises:
            RequestRefused: 401 without a key that is known, 429 where it has asked too often.
        """
        try:
            keys = self._keys.all()
        except KeysUnreadable as error:
            raise RequestRefused(503, "the keys cannot be read; the operator finds the reason in the log") from error
        if not keys:
            return EVERYONE
        secret = secret or secret_of(connection)
        key = self._keys.find(secret) if secret else None
        if key is None:
            found = "that key is not known" if secret else "no API key came"
            message = f"{found}; send Authorization: Bearer KEY with a key of `gsv keys add`"
            raise RequestRefused(401, message, code="invalid_api_key")
        caller = key.caller()
        await self._count(caller)
        return caller

    async def _count(self, caller: Caller) -> None:
        if not caller.requests_per_minute:
            return
        item = RateLimitItemPerMinute(caller.requests_per_minute)
        if not await self._limiter.hit(item, caller.key_id):
            reset_at = (await self._limiter.get_window_stats(item, caller.key_id)).reset_time
            message = f"this key may ask {caller.requests_per_minute} times a minute; come back later"
            wait_s = max(1.0, reset_at - time.time())
            raise RequestRefused(429, message, code="rate_limit_exceeded", retry_after_s=wait_s)


def secret_of(connection: HTTPConnection) -> str:
    """The key that a request brings: in a header, or where a browser's WebSocket can put it."""
    scheme, _, given = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() in _SCHEMES and given.strip():
        return given.strip()
    for header in ("xi-api-key", "x-api-key"):
        if given := connection.headers.get(header, ""):
            return given
    return connection.query_params.get("api_key", "") or _protocol_key(connection)


def _protocol_key(connection: HTTPConnection) -> str:
    """Of ``Sec-WebSocket-Protocol: token, KEY``, as Deepgram's pages send it."""
    offered = [each.strip() for each in connection.headers.get("sec-websocket-protocol", "").split(",")]
    return offered[1] if len(offered) == 2 and offered[0].lower() in _SCHEMES else ""
