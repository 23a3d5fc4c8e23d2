"""The application: routes, guards, and the shape of its errors."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

from gsv_client import AsyncClient, SynthesisError
from gsv_gateway import operations, page_routes
from gsv_gateway.device import routes as device_routes
from gsv_gateway.device.bundle_files import BundleFiles
from gsv_gateway.edge import OriginGuard, RequestRecord
from gsv_gateway.gateway import Gateway
from gsv_gateway.live import deepgram, page_socket
from gsv_gateway.openai import routes as openai_routes
from gsv_gateway.problems import Family, RequestRefused, answer, problem_of
from gsv_gateway.settings import LOOPBACK_ORIGINS, Settings
from gsv_gateway.sovits import gsvi
from gsv_gateway.sovits import routes as sovits_routes

logger = logging.getLogger("gsv.gateway")


def create_app(settings: Settings, clients: Sequence[AsyncClient] | None = None) -> FastAPI:
    """The gateway as an ASGI application.

    Args:
        settings: What the operator decided.
        clients: A client of each server, for tests.

    Raises:
        ValueError: The bundle for devices is none, or the folder of EnCodec.
    """
    bundle = BundleFiles.of(settings.bundle) if settings.bundle else None
    gateway = Gateway(settings, clients)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        gateway.stopping = True
        await gateway.close()

    app = FastAPI(
        title="gsv-triton gateway",
        lifespan=lifespan,
        middleware=[
            Middleware(RequestRecord, metrics=gateway.metrics),
            Middleware(OriginGuard, settings=settings),
            Middleware(
                CORSMiddleware,
                allow_origins=list(settings.origins),
                allow_origin_regex=LOOPBACK_ORIGINS,
                allow_methods=["GET", "POST", "DELETE"],
                allow_headers=["*"],
                expose_headers=["x-request-id", "retry-after"],
            ),
        ],
    )
    app.state.gateway = gateway
    app.include_router(operations.router(gateway))
    app.include_router(openai_routes.router(gateway))
    app.include_router(deepgram.router(gateway))
    app.include_router(device_routes.router(gateway, bundle))
    app.include_router(page_socket.router(gateway))
    sovits = sovits_routes.router(gateway, page_routes.index)
    app.include_router(sovits)
    app.add_route("/sw.js", page_routes.service_worker, methods=["GET"], include_in_schema=False)
    if settings.web_runtime:
        app.mount("/page/ort", page_routes.PageFiles(settings.web_runtime))
    app.mount("/page", page_routes.PageFiles())
    app.include_router(gsvi.router(gateway))
    _answer_errors(app, {route.path for route in sovits.routes if isinstance(route, APIRoute)})
    return app


def _answer_errors(app: FastAPI, sovits_paths: Collection[str]) -> None:
    """Every failure in the shape of its family; none with a trace."""

    def family_of(path: str) -> Family:
        if path in sovits_paths:
            return Family.SOVITS
        return Family.DEEPGRAM if path == "/v1/speak" else Family.OPENAI

    async def told(request: Request, error: Exception) -> Response:
        problem = problem_of(error)
        if problem.status >= 500 or problem.status == 429:
            logger.warning("refused path=%s error=%s: %s", request.url.path, type(error).__name__, error)
        return answer(problem, family_of(request.url.path))

    async def routing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_value")
        shown = f"{request.method} {request.url.path[:80]}: {error.detail}"
        return await told(request, RequestRefused(error.status_code, shown, code=code))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        param = str(first["loc"][-1])
        return await told(request, RequestRefused(400, f"{param}: {first['msg']}", param=param))

    async def unforeseen(request: Request, error: Exception) -> Response:
        logger.error("failed path=%s", request.url.path, exc_info=error)
        return answer(problem_of(error), family_of(request.url.path))

    app.add_exception_handler(SynthesisError, told)
    app.add_exception_handler(RequestRefused, told)
    app.add_exception_handler(HTTPException, routing)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, unforeseen)
