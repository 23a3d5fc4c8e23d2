"""What surrounds every request: its id, its line in the access log, its count, and the guards of head and origin.

Pure ASGI: Starlette's BaseHTTPMiddleware would stand between a stream and its client.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gsv_gateway import tracing
from gsv_gateway.metrics import Metrics
from gsv_gateway.problems import Family, Problem, answer
from gsv_gateway.settings import LOOPBACK_ORIGINS, Settings, is_loopback

_CLIENTS_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CLIENT_LEFT = 499

access = logging.getLogger("gsv.gateway.access")


class RequestRecord:
    """Names a request, and says afterwards what became of it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, then tell."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _CLIENTS_ID.fullmatch(given) else f"req_{secrets.token_hex(12)}"
        notes: dict[str, Any] = {"request_id": request_id}
        scope.setdefault("state", {})["notes"] = notes
        began_s, sent = time.perf_counter(), _Sent()

        async def counted(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                MutableHeaders(scope=message)["x-request-id"] = request_id
            sent.note(message)
            await send(message)

        try:
            with tracing.request(scope):
                await self._app(scope, receive, counted)
        finally:
            self._tell(scope, notes, sent, time.perf_counter() - began_s)

    def _tell(self, scope: Scope, notes: Mapping[str, Any], sent: _Sent, lasted_s: float) -> None:
        status = notes.get("status") or sent.status or _CLIENT_LEFT
        path = getattr(scope.get("route"), "path", "other")
        self._metrics.requests.labels(path, str(status)).inc()
        extra = "".join(f" {name}={value}" for name, value in notes.items() if name not in ("request_id", "status"))
        access.info(
            "answered request=%s method=%s path=%s status=%s ms=%.0f bytes=%d%s",
            notes["request_id"],
            scope.get("method", "WEBSOCKET"),
            _printable(scope["path"]),
            status,
            1000 * lasted_s,
            sent.num_bytes,
            extra,
        )


class _Sent:
    """What an answer came to."""

    def __init__(self) -> None:
        self.status, self.num_bytes = 0, 0

    def note(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "websocket.accept":
            self.status = 101
        elif message["type"] == "http.response.body":
            self.num_bytes += len(message.get("body", b""))
        elif message["type"] == "websocket.send":
            self.num_bytes += len(message.get("bytes") or message.get("text") or "")


def _printable(path: str) -> str:
    """A path that cannot forge a line of the log."""
    return path[:200].encode("unicode_escape").decode("ascii").replace(" ", "%20")


class OriginGuard:
    """Refuses what pages of other sites send without asking, and heads that are too large.

    A page may post to any address without a preflight where it says that it posts text; so a request that names an
    origin needs one that is listed, or the gateway's own. Where only this machine reaches the gateway, its own is this
    machine's: a stranger's name that resolves to 127.0.0.1 is a stranger's.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._everyone, self._listed = "*" in settings.origins, frozenset(settings.origins)
        self._max_bytes = settings.limits.header_bytes
        self._has_a_name = not is_loopback(settings.host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through, or refuse."""
        problem = self._problem(scope) if scope["type"] in ("http", "websocket") else None
        if problem is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await answer(problem, Family.OPENAI)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": problem.message[:100]})

    def _problem(self, scope: Scope) -> Problem | None:
        if sum(len(name) + len(value) for name, value in scope["headers"]) > self._max_bytes:
            return Problem(431, f"the head is larger than {self._max_bytes} bytes", "head_too_large")
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is None or self.is_open_to(origin, headers.get("host", "")):
            return None
        message = f"pages of {origin[:80]} may not call; start the gateway with --origin {origin[:80]}"
        return Problem(403, message, "origin_not_allowed")

    def is_open_to(self, origin: str, host: str) -> bool:
        """Whether a page of that origin may call the gateway, which the browser knows as `host`."""
        if self._everyone or origin in self._listed or re.fullmatch(LOOPBACK_ORIGINS, origin):
            return True
        return self._has_a_name and bool(host) and origin.partition("://")[2] == host
