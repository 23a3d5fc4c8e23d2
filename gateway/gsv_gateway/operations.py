"""What operators ask: alive, ready, speaking, figures."""

from __future__ import annotations

import asyncio
import logging
import time

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, PlainTextResponse, Response

from gsv_client import ServerBusy, SynthesisError
from gsv_gateway.gateway import Gateway
from gsv_gateway.shared_list import SharedList

_WORD = "Yes."
# How long an answer counts; how long to wait for its first sound: a server under load refuses what would start later.
_WORD_FRESH_S, _WORD_LIMIT_S = 10.0, 45.0
_SPEAKS, _BUSY, _NO_VOICE, _MUTE = "speaks", "busy", "no voice", "mute"

logger = logging.getLogger("gsv.gateway")


def router(gateway: Gateway) -> APIRouter:
    """The routes of one gateway."""
    routes = APIRouter(tags=["operation"])

    @routes.head("/healthz", include_in_schema=False)
    @routes.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Alive: the gateway answers."""
        return {"status": "ok"}

    @routes.head("/readyz", include_in_schema=False)
    @routes.get("/readyz")
    async def readyz() -> JSONResponse:
        """Ready: a server behind can speak."""
        if gateway.stopping or not await gateway.tritons.are_ready():
            return JSONResponse({"status": "not ready"}, 503, headers={"Retry-After": "5"})
        return JSONResponse({"status": "ready"})

    word = SharedList(lambda: _word(gateway), _WORD_FRESH_S, time.monotonic)

    @routes.get("/speakz")
    async def speakz() -> JSONResponse:
        """Speaking: a server behind said a word within the last ten seconds, for whoever asks."""
        (status,) = await word.get()
        return JSONResponse({"status": status}, 503 if status == _MUTE else 200)

    @routes.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Figures for Prometheus."""
        return Response(gateway.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return routes


async def _word(gateway: Gateway) -> list[str]:
    """Have one word said, as a client would: who is ready may be mute (docs/triton-findings.md, finding 6)."""
    try:
        async with asyncio.timeout(_WORD_LIMIT_S):
            voice = await gateway.voices.any_of_all()
            if voice is None:
                return [_NO_VOICE]
            async with gateway.tritons.speak(_WORD, {"voice": voice, "language": "en", "cache": "off"}):
                return [_SPEAKS]
    except ServerBusy:
        return [_BUSY]
    except (SynthesisError, TimeoutError) as error:
        logger.warning("no word was heard error=%s: %s", type(error).__name__, error)
        return [_MUTE]
