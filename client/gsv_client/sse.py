"""Server-sent events: bytes in, JSON objects out; no I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from gsv_client.errors import InternalError, SynthesisError, error_from_wire


class EventDecoder:
    """Cuts a byte stream into its ``data:`` events, wherever the network cut it.

    Source: WHATWG HTML, section "Server-sent events"; only the ``data`` field is used by Triton.
    """

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Yield the events that `data` completes; Triton writes one line an event."""
        *lines, self._tail = (self._tail + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield _event(line)


def _event(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line.removeprefix(b"data:"))
    except ValueError:
        raise InternalError(f"the server sent an event that is no JSON: {line[:80]!r}") from None
    if "error" in event:
        raise error_from_wire(str(event["error"]))
    return dict(event)


def error_from_body(body: bytes, status: int) -> SynthesisError:
    """The error in a refused HTTP request's body, which Triton writes as JSON, with or without ``data:``."""
    text = body.decode("utf-8", errors="replace").strip().removeprefix("data:").strip()
    try:
        text = str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        text = text or f"HTTP status {status}"
    return error_from_wire(text, status)
