"""Who is let in: the key of a request, and whether it has asked too often."""

from __future__ import annotations

import base64
import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from starlette.requests import HTTPConnection

from gsv_gateway.access import EVERYONE, Caller
from gsv_gateway.keys import ApiKey, KeyStore, KeysUnreadable
from gsv_gateway.problems import RequestRefused

_SCHEMES = ("bearer", "token")  # OpenAI's and Deepgram's
_HEADERS = ("xi-api-key", "x-api-key", "api-key")


class Door:
    """Tells who asks.

    Args:
        keys: The keys.
        open_without_keys: Whether everybody may do everything while no key was ever made.
        open_without_any_left: Whether that is so, too, when the last key was revoked.
    """

    def __init__(self, keys: KeyStore, *, open_without_keys: bool, open_without_any_left: bool) -> None:
        self._keys = keys
        self._open_without_keys, self._open_without_any_left = open_without_keys, open_without_any_left
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def caller(self, connection: HTTPConnection, secret: str | None = None) -> Caller:
        """Whose request this is.

        Args:
            connection: The request or WebSocket.
            secret: A key that came by another way, such as a first message.

        Raises:
            RequestRefused: 401 without a key that is known, 429 where it has asked too often.
        """
        keys = self._all_keys()
        if not keys and (self._open_without_keys if self._keys.is_new else self._open_without_any_left):
            return EVERYONE
        if not keys:
            message = "no API key is left, so nobody is let in; the operator makes one with `gsv keys add`"
            raise RequestRefused(401, message, code="invalid_api_key")
        secret = secret or secret_of(connection)
        key = self._keys.find(secret) if secret else None
        if key is None:
            found = "that key is not known" if secret else "no API key came"
            message = f"{found}; send Authorization: Bearer KEY with a key of `gsv keys add`"
            raise RequestRefused(401, message, code="invalid_api_key")
        caller = key.caller()
        await self._count(caller)
        return caller

    def check_again(self, caller: Caller) -> None:
        """Look whether a caller is still let in, as over a WebSocket that was opened long ago.

        Raises:
            RequestRefused: 401; its key was revoked.
        """
        if caller.key_id and not any(key.key_id == caller.key_id for key in self._all_keys()):
            raise RequestRefused(401, "that key was revoked", code="invalid_api_key")

    def _all_keys(self) -> list[ApiKey]:
        try:
            return self._keys.all()
        except KeysUnreadable as error:
            raise RequestRefused(503, "the keys cannot be read; the operator finds the reason in the log") from error

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
    if scheme.lower() == "basic" and (password := _password(given)):
        return password
    for header in _HEADERS:
        if found := connection.headers.get(header, ""):
            return found
    return connection.query_params.get("api_key", "") or _protocol_key(connection)


def _password(given: str) -> str:
    """Of ``http://any:KEY@host``, or ``http://KEY@host``: all that a client has room for which knows no keys."""
    try:
        user, _, password = base64.b64decode(given, validate=True).decode("utf-8").partition(":")
    except ValueError:
        return ""
    return password or user


def _protocol_key(connection: HTTPConnection) -> str:
    """Of ``Sec-WebSocket-Protocol: token, KEY``, as Deepgram's pages send it."""
    offered = [each.strip() for each in connection.headers.get("sec-websocket-protocol", "").split(",")]
    return offered[1] if len(offered) == 2 and offered[0].lower() in _SCHEMES else ""
