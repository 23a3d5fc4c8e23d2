"""Which models there are: one, by many names."""

from __future__ import annotations

import re
from typing import Any

from gsv_gateway.problems import RequestRefused

OWN_MODEL = "gpt-sovits"
LISTED = (OWN_MODEL, "tts-1", "tts-1-hd", "gpt-4o-mini-tts")
# Also dated forms of OpenAI's, and the names that clients of Kokoro and of GSVI are set to.
_ACCEPTED = re.compile(r"(tts-1(-hd)?|gpt-4o-mini-tts)(-[0-9-]+)?|kokoro|gpt-sovits(-v\w+)?|tts-v\w+", re.IGNORECASE)
_SINCE = 1_700_000_000


def check_model(name: str) -> None:
    """Whether a model of that name is served.

    Raises:
        RequestRefused: 404; it is not.
    """
    if not _ACCEPTED.fullmatch(name):
        message = f"model {name[:60]!r} does not exist; need {OWN_MODEL}, or tts-1, tts-1-hd, gpt-4o-mini-tts"
        raise RequestRefused(404, message, code="model_not_found", param="model")


def model_object(name: str) -> dict[str, Any]:
    """A model as OpenAI shows it."""
    return {"id": name, "object": "model", "created": _SINCE, "owned_by": "gsv-triton"}
