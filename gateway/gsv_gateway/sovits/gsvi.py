"""GSVI (AI-Hobbyist's GPT-SoVITS-Inference): speak, then fetch the file; every answer has status 200.

Source: gsvi.py of that project, as AstrBot calls it (spec of the HTTP APIs, C.3 and D.1).
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gsv_client import Options, SynthesisError
from gsv_gateway.access import Caller
from gsv_gateway.bodies import checked, read_json
from gsv_gateway.gateway import Gateway
from gsv_gateway.problems import RequestRefused
from gsv_gateway.sovits.fields import SovitsBody, in_api_v2_names
from gsv_gateway.sovits.reference import voice_options
from gsv_gateway.speech_response import Wanted, whole

DONE = "合成成功"  # what its clients compare with
VERSIONS = ["v2"]
_KEPT, _KEPT_S = 64, 300.0


class Outputs:
    """Finished files, for a while.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._files: OrderedDict[str, tuple[float, str, bytes]] = OrderedDict()

    def add(self, data: bytes, media_type: str, ending: str) -> str:
        """Keep a file; return a name that nobody guesses."""
        name = f"{secrets.token_urlsafe(16)}.{ending}"
        self._files[name] = (self._clock() + _KEPT_S, media_type, data)
        while len(self._files) > _KEPT or next(iter(self._files.values()))[0] < self._clock():
            self._files.popitem(last=False)
        return name

    def get(self, name: str) -> tuple[str, bytes] | None:
        """Its media type and content; None where it is no more."""
        until_s, media_type, data = self._files.get(name, (0.0, "", b""))
        return (media_type, data) if until_s >= self._clock() and data else None


def router(gateway: Gateway) -> APIRouter:
    """The routes of one gateway."""
    routes, outputs = APIRouter(tags=["GSVI"]), Outputs()

    @routes.get("/version")
    async def version() -> dict[str, Any]:
        """Which versions there are."""
        return {"msg": "获取成功", "support_versions": VERSIONS}

    @routes.post("/models")
    async def models(request: Request) -> dict[str, Any]:
        """The voices, each with the languages and moods that it has."""
        caller = await gateway.caller(request)
        found = await gateway.voices.visible(caller)
        return {"msg": "获取成功", "models": {voice.voice: {"默认": ["默认"]} for voice in found}}

    @routes.post("/infer_single")
    async def infer_single(request: Request) -> JSONResponse:
        """Say a text and tell where the file lies."""
        values = await read_json(request, gateway.settings.limits)
        try:
            caller = await gateway.caller(request, str(values.get("app_key") or ""))
            data, wanted = await _spoken(gateway, values, caller, await gateway.own_model(caller))
        except (SynthesisError, RequestRefused) as error:
            return JSONResponse({"msg": str(error), "audio_url": ""})
        name = outputs.add(data, wanted.format.content_type(wanted.rate_hz), wanted.format.name)
        base = str(values.get("dl_url") or request.base_url).rstrip("/")
        return JSONResponse({"msg": DONE, "audio_url": f"{base}/outputs/{name}"})

    @routes.get("/outputs/{name}", response_class=Response)
    async def output(name: str) -> Response:
        """A finished file; its name is its key."""
        found = outputs.get(name)
        if found is None:
            raise RequestRefused(404, "that file is no more; ask for it again", code="not_found")
        return Response(found[1], media_type=found[0])

    return routes


async def _spoken(gateway: Gateway, values: Mapping[str, Any], caller: Caller, model: Options) -> tuple[bytes, Wanted]:
    body = checked(SovitsBody, in_api_v2_names(values))
    body.check()
    gateway.check_text(body.text, "text")
    voice = await voice_options(gateway, body, (), caller)
    wanted, told = body.wanted(), gateway.record("gsvi")
    began_s = time.perf_counter()
    async with gateway.speak(body.text, {**body.options(), **voice, **model}, caller) as speech:
        told.first_audio(time.perf_counter() - began_s)
        data = await whole(speech, wanted)
        told.ended(speech.heard_s, "done")
    return data, wanted
