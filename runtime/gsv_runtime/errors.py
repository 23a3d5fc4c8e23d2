"""What can go wrong with a request, and the Triton code that each failure travels under.

A message says what was found, what is needed and what to do. On the wire it is prefixed with the
name of the leaf (``InvalidRequest: reference audio is 1.2 s; need 3 to 10 s``), because an error on a
gRPC stream carries text and no status (docs/triton-findings.md, finding 14).
"""

from __future__ import annotations

from typing import ClassVar


class SynthesisError(Exception):
    """Base of every error that a client sees; `triton_code` names a `pb_utils.TritonError` constant."""

    triton_code: ClassVar[str] = "INTERNAL"

    def wire_message(self) -> str:
        """Text that crosses the wire: leaf name, colon, message."""
        return f"{type(self).__name__}: {self}"


class InvalidRequest(SynthesisError):
    """The request can never succeed as it is."""

    triton_code = "INVALID_ARG"


class VoiceNotFound(SynthesisError):
    """The voice named is not registered."""

    triton_code = "NOT_FOUND"


class ServerBusy(SynthesisError):
    """No capacity now; try again later."""

    triton_code = "UNAVAILABLE"

    @classmethod
    def with_hint(cls, found: str, retry_after_s: float) -> ServerBusy:
        """What was found, and when to come back; the client reads the number, in this form, out of the message."""
        return cls(f"{found}; retry after {max(retry_after_s, 0.1):.1f} s")


class Cancelled(SynthesisError):
    """The client went away or asked to stop."""

    triton_code = "CANCELLED"

    def __init__(self, message: str = "the client has left") -> None:
        super().__init__(message)


class DeadlineExceeded(SynthesisError):
    """The request's own deadline has passed; Triton has no code of this name for models."""

    triton_code = "CANCELLED"


class InternalError(SynthesisError):
    """A defect or a failed stage; the message names the stage, never a path of the server."""

    triton_code = "INTERNAL"


class StorageFailed(InternalError):
    """The server's disk or shared memory took or gave nothing: full, read-only or broken; what was there is whole."""


LEAVES: dict[str, type[SynthesisError]] = {
    leaf.__name__: leaf
    for leaf in (InvalidRequest, VoiceNotFound, ServerBusy, Cancelled, DeadlineExceeded, InternalError, StorageFailed)
}
