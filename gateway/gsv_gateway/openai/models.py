"""Models as OpenAI shows them."""

from __future__ import annotations

from typing import Any

_SINCE = 1_700_000_000


def model_object(name: str) -> dict[str, Any]:
    """A model as OpenAI shows it."""
    return {"id": name, "object": "model", "created": _SINCE, "owned_by": "gsv-triton"}
