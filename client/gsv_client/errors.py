"""What can go wrong with a request, as the caller sees it.

The server writes the leaf's name before its message (``VoiceNotFound: voice 'ann' is not registered; ...``),
because an error on a gRPC stream carries text and no status. Errors of Triton itself carry no such prefix and
are sorted by status, or by wording where there is none.

    SynthesisError
    ├── InvalidRequest      the request can never succeed as it is
    ├── VoiceNotFound       the voice named is not registered
    ├── ServerBusy          no capacity now
    │   └── ServerStopping  the server is shutting down or reloading; tried again by the client
    ├── Cancelled           the request was stopped
    ├── InternalError       a defect or a failed stage of the server
    │   └── StorageFailed   the server's disk or shared memory is full, read-only or broken
    ├── DeadlineExceeded    no answer within timeout_s, or not done within the request's deadline_s
    └── ConnectionFailed    the server was not reached; tried again by the client
        └── ConnectionLost  the connection broke after the request was sent
"""

from __future__ import annotations

import re

_RETRY_AFTER = re.compile(r"retry after (\d+(?:\.\d+)?) s\b")
_STREAMS = re.compile(r"(\d+) streams are running, the most allowed\b")


class SynthesisError(Exception):
    """Base of every error that this package raises on purpose."""


class InvalidRequest(SynthesisError):
    """The request can never succeed as it is."""


class VoiceNotFound(SynthesisError):
    """The voice named is not registered."""


class ServerBusy(SynthesisError):
    """No capacity now; try again later.

    Attributes:
        retry_after_s: When the server advises to, in seconds; None where it gave no advice.
        streams: How many requests it answers at once, where that was its reason; else None.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        found = _RETRY_AFTER.search(message)
        self.retry_after_s = float(found.group(1)) if found else None
        running = _STREAMS.search(message)
        self.streams = int(running.group(1)) if running else None


class ServerStopping(ServerBusy):
    """The server is shutting down or reloading its models; nothing of the request was run."""


class Cancelled(SynthesisError):
    """The request was stopped before its end."""


class InternalError(SynthesisError):
    """A defect or a failed stage of the server."""


class StorageFailed(InternalError):
    """The server's disk or shared memory is full, read-only or broken; what was there is whole."""


class DeadlineExceeded(SynthesisError):
    """No answer came within the time-out, or the request's own deadline passed on the server."""


class ConnectionFailed(SynthesisError):
    """The server was not reached, so nothing was sent."""


class ConnectionLost(ConnectionFailed):
    """The connection broke after the request was sent."""


_LEAVES: dict[str, type[SynthesisError]] = {
    leaf.__name__: leaf
    for leaf in (InvalidRequest, VoiceNotFound, ServerBusy, Cancelled, DeadlineExceeded, InternalError, StorageFailed)
}
_LEAF = re.compile(rf"\b({'|'.join(_LEAVES)}): (.*)", re.DOTALL)

_STATUS_ERRORS: dict[str, type[SynthesisError]] = {
    "INVALID_ARGUMENT": InvalidRequest,
    "UNAVAILABLE": ServerBusy,
    "RESOURCE_EXHAUSTED": ServerBusy,
    "CANCELLED": Cancelled,
    "DEADLINE_EXCEEDED": DeadlineExceeded,
}
_HTTP_STATUS = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}

# How gRPC says that a connection broke, with whatever status; the last two by way of a load balancer.
_BROKEN = ("Stream removed", "Socket closed", "Connection reset", "Broken pipe", "RST_STREAM", "GOAWAY")

# Wordings of Triton 24.10, in the order in which they are tried.
_WORDINGS: tuple[tuple[str, type[SynthesisError], str], ...] = (
    ("has no available versions", ServerStopping, "the server is stopping or reloading; try again"),
    ("Server is stopping", ServerStopping, "the server is stopping; try again"),
    ("Exceeds maximum queue size", ServerBusy, "the server's queue is full; try again later"),
    ("unknown model", InternalError, "this server does not serve that model; run `gsv doctor`"),
    (
        "failed to connect",
        ConnectionFailed,
        "nothing answers there; start the server (`make up`) or correct the URL",
    ),
    (
        "Connection refused",
        ConnectionFailed,
        "nothing answers there; start the server (`make up`) or correct the URL",
    ),
    ("DNS resolution failed", ConnectionFailed, "no such host; correct the URL"),
    ("name resolver", ConnectionFailed, "no such host; correct the URL"),
    *((wording, ConnectionLost, "the server went away") for wording in _BROKEN),
    ("Stub process", InternalError, "a model of the server has died and is loaded again; try again in a few seconds"),
    ("unexpected inference input", InvalidRequest, "client and server differ in version; run `gsv doctor`"),
    ("inputs and got", InvalidRequest, "client and server differ in version; run `gsv doctor`"),
)


def error_from_wire(text: str, status: str | int | None = None) -> SynthesisError:
    """Sort a server's error text into the tree above.

    Args:
        text: The message as it crossed the wire.
        status: A gRPC status name (``UNAVAILABLE`` or ``StatusCode.UNAVAILABLE``), an HTTP status, or None.

    Returns:
        The error to raise; unknown texts become `InternalError` and are kept whole.
    """
    name = _HTTP_STATUS.get(status, "") if isinstance(status, int) else (status or "").removeprefix("StatusCode.")
    if leaf := _LEAF.search(text):
        return _LEAVES[leaf.group(1)](leaf.group(2).strip())
    for wording, kind, advice in _WORDINGS:
        if wording.lower() in text.lower():
            return kind(f"{text.strip()}; {advice}")
    return _STATUS_ERRORS.get(name, InternalError)(text.strip() or f"the server gave no reason (status {status})")
