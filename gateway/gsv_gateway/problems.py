"""What a client is told when its request cannot be answered: status, words, and whether to come back.

Each family of clients expects its own shape (docs/gateway.md). GPT-SoVITS clients know 200 and 400 only: they play the
body of any other answer, so what the server refuses or fails is 400 for them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from starlette.responses import JSONResponse

from gsv_client import (
    Cancelled,
    ConnectionFailed,
    DeadlineExceeded,
    InvalidRequest,
    ServerBusy,
    SynthesisError,
    VoiceNotFound,
)

_COME_BACK_S = 5.0  # a server that died is started again within about this time
_CLIENT_LEFT = 499


class RequestRefused(Exception):
    """A request that the gateway itself does not answer.

    Attributes:
        status: HTTP status.
        code: A word for programs, such as "invalid_api_key".
        param: Which field of the request is meant.
        retry_after_s: When to come back, in seconds; None: never as it is.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "invalid_value",
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param, self.retry_after_s = status, code, param, retry_after_s


@dataclass(frozen=True)
class Problem:
    """A failure as a client sees it; attributes as `RequestRefused`, and whose refusal it is."""

    status: int
    message: str
    code: str
    param: str | None = None
    retry_after_s: float | None = None
    from_server: bool = False


class Family(str, Enum):
    """Whose clients are answered."""

    OPENAI = "openai"
    SOVITS = "gpt-sovits"
    DEEPGRAM = "deepgram"


def problem_of(error: Exception) -> Problem:
    """Sort a failure; one that nobody foresaw is told without its words, which may hold what is nobody's business."""
    if isinstance(error, RequestRefused):
        return Problem(error.status, str(error), error.code, error.param, error.retry_after_s)
    if isinstance(error, SynthesisError):
        status, code, retry_after_s = _status_of(error)
        return Problem(status, str(error), code, _param_of(error), retry_after_s, from_server=True)
    return Problem(500, "the gateway failed; the operator finds the reason in its log", "internal_error")


def _status_of(error: SynthesisError) -> tuple[int, str, float | None]:
    if isinstance(error, InvalidRequest):
        return 400, "invalid_value", None
    if isinstance(error, VoiceNotFound):
        return 404, "voice_not_found", None
    if isinstance(error, ServerBusy):
        return 503, "server_busy", error.retry_after_s or 1.0
    if isinstance(error, ConnectionFailed):
        return 503, "server_unreachable", _COME_BACK_S
    if isinstance(error, DeadlineExceeded):
        return 504, "deadline_exceeded", None
    if isinstance(error, Cancelled):
        return _CLIENT_LEFT, "cancelled", None
    return 500, "internal_error", None


def _param_of(error: SynthesisError) -> str | None:
    return "voice" if isinstance(error, VoiceNotFound) else None


def answer(problem: Problem, family: Family) -> JSONResponse:
    """The problem in a family's shape."""
    status, body = _SHAPES[family](problem)
    return JSONResponse(body, status, headers=_headers(problem))


def _headers(problem: Problem) -> Mapping[str, str]:
    """OpenAI's clients ask again after 408, 409, 429 and 5xx, unless they are told not to."""
    if problem.retry_after_s is None:
        return {"x-should-retry": "false"}
    return {"Retry-After": str(max(1, math.ceil(problem.retry_after_s))), "x-should-retry": "true"}


def openai_error(problem: Problem) -> dict[str, Any]:
    """The object that OpenAI's clients find under "error"."""
    return {
        "message": problem.message,
        "type": _OPENAI_TYPES.get(problem.status) or _type_of_class(problem.status),
        "param": problem.param,
        "code": problem.code,
    }


_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def _type_of_class(status: int) -> str:
    return "invalid_request_error" if status < 500 else "server_error"


def _openai(problem: Problem) -> tuple[int, dict[str, Any]]:
    return problem.status, {"error": openai_error(problem)}


def _sovits(problem: Problem) -> tuple[int, dict[str, Any]]:
    if not problem.from_server and problem.status < 500:
        return problem.status, {"message": problem.message}
    return 400, {"message": "tts failed", "Exception": problem.message}


def _deepgram(problem: Problem) -> tuple[int, dict[str, Any]]:
    return problem.status, {"err_code": problem.code.upper(), "err_msg": problem.message}


_SHAPES = {Family.OPENAI: _openai, Family.SOVITS: _sovits, Family.DEEPGRAM: _deepgram}
