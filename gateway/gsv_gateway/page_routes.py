"""The page: files beside this module, under a policy that lets it load nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "page"

_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'wasm-unsafe-eval'",  # onnxruntime-web, where the operator offers it
        "connect-src 'self' ws: wss:",
        "media-src 'self' blob:",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # asked for again, and mostly answered 304
}


async def index(_: Request) -> Response:
    """The page itself."""
    return FileResponse(FOLDER / "index.html", headers=_HEADERS)


async def service_worker(_: Request) -> Response:
    """What keeps the page for times without a network; it rules the folder it comes from, so it comes from here."""
    return FileResponse(FOLDER / "sw.js", headers=_HEADERS, media_type="text/javascript")


class PageFiles(StaticFiles):
    """Its scripts and styles."""

    def __init__(self, folder: Path = FOLDER) -> None:
        super().__init__(directory=folder)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One of them."""
        response = await super().get_response(path, scope)
        response.headers.update(_HEADERS)
        return response
