"""`/tts`, `/`, and what clients of GPT-SoVITS ask before they speak."""

from __future__ import annotations

import fnmatch
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gsv_client import InvalidRequest
from gsv_gateway.access import Caller
from gsv_gateway.bodies import checked, read_form, read_json, schema_of
from gsv_gateway.choices import S1, S2
from gsv_gateway.chosen_weights import file_name
from gsv_gateway.gateway import Gateway
from gsv_gateway.problems import RequestRefused
from gsv_gateway.sovits.fields import SovitsBody, in_api_v2_names, is_legacy, values_of
from gsv_gateway.sovits.reference import voice_options
from gsv_gateway.speech_response import SpeechResponse

Answer = Callable[[Request], Awaitable[Response]]

_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": schema_of(SovitsBody)}}}}
_QUERY = {
    "parameters": [
        {"name": name, "in": "query", "schema": schema} for name, schema in schema_of(SovitsBody)["properties"].items()
    ]
}


def router(gateway: Gateway, page: Answer) -> APIRouter:
    """The routes of one gateway.

    Args:
        gateway: Which.
        page: Answers ``GET /`` where nothing is to be said.
    """
    routes = APIRouter(tags=["GPT-SoVITS"])

    @routes.get("/tts", openapi_extra=_QUERY, response_class=Response)
    async def get_tts(request: Request) -> Response:
        """Say a text."""
        caller = await gateway.caller(request)
        return await _said(gateway, request, caller, values_of(request.query_params.multi_items()))

    @routes.post("/tts", openapi_extra=_BODY, response_class=Response)
    @routes.post("/tts_to_audio/", openapi_extra=_BODY, response_class=Response)
    @routes.post("/", openapi_extra=_BODY, response_class=Response)
    async def post_tts(request: Request) -> Response:
        """Say a text; a multipart form may bring the reference as a file, and more of its speaker as further files."""
        caller = await gateway.caller(request)  # who is not let in sends no body
        if request.headers.get("content-type", "").lower().startswith("multipart/"):
            form = await read_form(request, gateway.settings.limits)
            return await _said(gateway, request, caller, values_of(form.texts), [data for _, data in form.files])
        return await _said(gateway, request, caller, await read_json(request, gateway.settings.limits))

    @routes.head("/", include_in_schema=False)
    async def head_root(request: Request) -> Response:
        """Whether there is a page."""
        return await page(request)

    @routes.get("/", include_in_schema=False)
    async def get_root(request: Request) -> Response:
        """Say a text, or show the page where there is none."""
        if "text" not in request.query_params:
            return await page(request)
        caller = await gateway.caller(request)
        return await _said(gateway, request, caller, values_of(request.query_params.multi_items()))

    _add_speakers(routes, gateway)
    _add_settings(routes, gateway)
    return routes


async def _said(
    gateway: Gateway, request: Request, caller: Caller, values: Mapping[str, Any], clips: Sequence[bytes] = ()
) -> Response:
    body = checked(SovitsBody, in_api_v2_names(values))
    body.check()
    gateway.check_text(body.text, "text")
    voice = await voice_options(gateway, body, clips, caller)
    model = await gateway.own_model(caller)
    spoken = gateway.speak(body.text, {**body.options(), **voice, **model}, caller)
    return SpeechResponse(
        spoken,
        body.wanted(),
        gateway.record("gpt-sovits-v1" if is_legacy(values) else "gpt-sovits"),
        whole=body.streaming == "off",
        stalls=gateway.stalls,
    )


def _add_speakers(routes: APIRouter, gateway: Gateway) -> None:
    async def names(request: Request) -> list[str]:
        return [voice.voice for voice in await gateway.voices.visible(await gateway.caller(request))]

    @routes.get("/speakers")
    async def speakers(request: Request) -> list[dict[str, str]]:
        """The voices, as SillyTavern lists them."""
        return [{"name": name, "voice_id": name} for name in await names(request)]

    @routes.get("/speakers_list")
    async def speakers_list(request: Request) -> list[str]:
        """Their names."""
        return await names(request)

    @routes.get("/character_list")
    async def character_list(request: Request) -> dict[str, list[str]]:
        """The voices with their moods, of which each has one."""
        return {name: ["default"] for name in await names(request)}


def _add_settings(routes: APIRouter, gateway: Gateway) -> None:
    """What upstream's servers change for everybody; here each request says its own."""

    @routes.get("/control")
    @routes.post("/control")
    async def control(request: Request, command: str = "") -> Response:
        """Refuse to restart or stop; the operator does that."""
        await gateway.caller(request)
        if request.method == "POST":
            command = str((await read_json(request, gateway.settings.limits)).get("command", command))
        if not command:
            raise RequestRefused(400, "command is required")
        if command in ("restart", "exit"):
            raise RequestRefused(403, f"{command} is the operator's to do: `make down`, `make up`", code="not_allowed")
        return JSONResponse(None)

    @routes.get("/set_gpt_weights")
    async def set_gpt_weights(request: Request, weights_path: str = "") -> Response:
        """Let this caller speak with a model that has this s1, from now on."""
        return await _choose_weights(gateway, request, weights_path, S1)

    @routes.get("/set_sovits_weights")
    async def set_sovits_weights(request: Request, weights_path: str = "") -> Response:
        """Let this caller speak with a model that has this s2, from now on."""
        return await _choose_weights(gateway, request, weights_path, S2)

    @routes.get("/set_refer_audio")
    async def set_refer_audio(request: Request, refer_audio_path: str = "") -> Response:
        """Say whether a reference is known; a request still names its own."""
        caller = await gateway.caller(request)
        try:
            await voice_options(gateway, SovitsBody(ref_audio_path=refer_audio_path), (), caller)
        except (RequestRefused, InvalidRequest) as refusal:
            return JSONResponse({"message": "set refer audio failed", "Exception": str(refusal)}, 400)
        return JSONResponse({"message": "success"})

    @routes.get("/set_model")
    @routes.post("/set_model")
    @routes.get("/change_refer")
    @routes.post("/change_refer")
    async def legacy_set(request: Request) -> Response:
        """Refuse what would change the voice for everybody; a request names its own."""
        await gateway.caller(request)
        message = "nothing is set for all here; name the reference with each request"
        return JSONResponse({"code": 400, "message": message}, 400)


async def _choose_weights(gateway: Gateway, request: Request, path: str, kind: str) -> Response:
    """Set the caller's own default; what upstream changes for everybody is nobody else's here."""
    caller = await gateway.caller(request)
    word, ending = ("gpt", ".ckpt") if kind == S1 else ("sovits", ".pth")
    if not path:
        raise RequestRefused(400, f"{word} weight path is required", param="weights_path")
    name, caller_id = file_name(path), caller.caller_id
    if await gateway.models.choose(caller_id, kind, path):
        return JSONResponse({"message": "success"})
    if name.endswith(ending) and any(fnmatch.fnmatchcase(name, each.lower()) for each in gateway.settings.weights):
        await gateway.models.chosen.forget(caller_id)
        return JSONResponse({"message": "success"})
    models = await gateway.models.all()
    known = ", ".join(sorted({each.s1 if kind == S1 else each.s2 for each in models} - {""})) or "none"
    reason = (
        f"no model has {path[:80]!r}; known are {known[:300]}; the operator adds one with `gsv models add`, or says "
        "with --weights what is loaded"
    )
    return JSONResponse({"message": f"change {word} weight failed", "Exception": reason}, 400)
