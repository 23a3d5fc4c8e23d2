"""What both HTTP transports share: Triton's paths, JSON answers into ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gsv_client.errors import InternalError
from gsv_client.sse import error_from_body

JSON_HEADERS = {"Content-Type": "application/json"}
REPOSITORY_INDEX = "/v2/repository/index"


def stream_path(model: str) -> str:
    """Where server-sent events of a decoupled model come from."""
    return f"/v2/models/{model}/generate_stream"


def infer_path(model: str) -> str:
    """Where one request gets one answer."""
    return f"/v2/models/{model}/infer"


def ready_path(model: str) -> str:
    """Readiness of a model, or of the server where `model` is empty."""
    return f"/v2/models/{model}/ready" if model else "/v2/health/ready"


def body_bytes(body: Mapping[str, Any]) -> bytes:
    """A JSON body."""
    return json.dumps(body).encode("utf-8")


def checked_json(status: int, body: bytes) -> Any:
    """The JSON of an answer; an answer that is an error is raised."""
    if status != 200:
        raise error_from_body(body, status)
    try:
        return json.loads(body or b"{}")
    except ValueError:
        raise InternalError(f"the server sent no JSON: {body[:80]!r}; is this the HTTP port of Triton?") from None


def repository_states(index: Any) -> dict[str, str]:
    """State of each model in a repository index."""
    return {
        model["name"]: f"{model.get('state', '')} {model.get('reason', '')}".strip() or "not loaded" for model in index
    }
