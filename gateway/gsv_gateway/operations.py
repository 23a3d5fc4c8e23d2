"""What operators ask: alive, ready, figures."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, PlainTextResponse, Response

from gsv_gateway.gateway import Gateway


def router(gateway: Gateway) -> APIRouter:
    """The routes of one gateway."""
    routes = APIRouter(tags=["operation"])

    @routes.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Alive: the gateway answers."""
        return {"status": "ok"}

    @routes.get("/readyz")
    async def readyz() -> JSONResponse:
        """Ready: a server behind can speak."""
        if gateway.stopping or not await gateway.tritons.are_ready():
            return JSONResponse({"status": "not ready"}, 503, headers={"Retry-After": "5"})
        return JSONResponse({"status": "ready"})

    @routes.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Figures for Prometheus."""
        return Response(gateway.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return routes
