"""`/v1/device/…`: the bundle's files for devices, and `/v1/device/speech`, which answers with latents."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Send

from gsv_gateway.audio.encoders import PcmEncoder
from gsv_gateway.audio.formats import MODEL_HZ, Format
from gsv_gateway.audio.samples import FASTEST, SLOWEST, split_speed
from gsv_gateway.bodies import checked, read_json
from gsv_gateway.device.bundle_files import MANIFEST_FILE, BundleFiles
from gsv_gateway.device.latent_stream import MEDIA_TYPE, records
from gsv_gateway.gateway import Gateway
from gsv_gateway.openai.fields import SpeechBody
from gsv_gateway.problems import RequestRefused
from gsv_gateway.speech_response import SpeechResponse, Wanted
from gsv_gateway.tritons import LatentSpeech

_KEPT = {"Cache-Control": "private, max-age=31536000, immutable"}  # its digest is in the address
_ASKED_AGAIN = {"Cache-Control": "no-cache"}
_LATENTS = Wanted(Format("latents", MEDIA_TYPE, MODEL_HZ, PcmEncoder, cheap=True), MODEL_HZ)


class DeviceBody(SpeechBody):
    """What is to be said, how, and what the device has."""

    latent_kbit_s: float = Field(default=8.0, ge=0, le=12, description="Of the codec; 0: latents as they are.")
    known_voice: str = Field(default="", max_length=200, description="Content of the voice that the device has.")

    @property
    def timestamps(self) -> str:
        """What times the server is asked for; heads of records have a place for them."""
        return self.finest_times


class LatentResponse(SpeechResponse):
    """Hands latents on as they come."""

    async def _send_pieces(self, speech: LatentSpeech, send: Send) -> None:  # type: ignore[override]
        await self._send_all(records(speech.chunks), speech, send)


def router(gateway: Gateway, bundle: BundleFiles | None) -> APIRouter:
    """The routes of one gateway; without a bundle they say how to offer one."""
    routes = APIRouter(prefix="/v1/device", tags=["Devices"])

    def offered() -> BundleFiles:
        if bundle is None:
            message = "this gateway offers nothing to devices; its operator may start it with --bundle FILE"
            raise RequestRefused(404, message, code="not_found")
        return bundle

    @routes.get("")
    async def offers(request: Request) -> dict[str, bool]:
        """Whether devices find their files here, and browsers what runs them."""
        await gateway.caller(request)
        return {"bundle": bundle is not None, "web_runtime": gateway.settings.web_runtime is not None}

    @routes.get(f"/{MANIFEST_FILE}", response_class=Response)
    async def manifest(request: Request) -> Response:
        """The bundle's manifest: names, sizes and digests of its files."""
        await gateway.caller(request)
        return Response(offered().manifest, media_type="application/json", headers=_ASKED_AGAIN)

    @routes.get("/files/{name:path}", response_class=Response)
    async def file(request: Request, name: str, sha256: str = "") -> Response:
        """A file of the bundle; with its digest in the address it may be kept for ever."""
        await gateway.caller(request)
        found = offered()
        data = await asyncio.to_thread(found.read, name)
        if sha256 and sha256 != found.files[name]["sha256"]:
            raise RequestRefused(404, f"{name} has another digest by now; read {MANIFEST_FILE} again", code="not_found")
        return Response(data, media_type="application/octet-stream", headers=_KEPT if sha256 else _ASKED_AGAIN)

    @routes.post("/speech", response_class=Response, responses={200: {"content": {MEDIA_TYPE: {}}}})
    async def speech(request: Request) -> Response:
        """Say a text; the answer is latents, as docs/gateway.md says."""
        caller = await gateway.caller(request)
        body = checked(DeviceBody, await read_json(request, gateway.settings.limits))
        model = await gateway.models.resolve(body.model, caller.caller_id)
        text, voice_id = gateway.check_text(body.input), await gateway.voices.resolve(body.voice_name, caller)
        if split_speed(body.speed)[1] != 1.0:
            raise RequestRefused(
                400, f"speed is {body.speed:g}; a device takes {SLOWEST:g} to {FASTEST:g}", param="speed"
            )
        options = body.options(voice_id, model)
        spoken = gateway.speak_latents(text, options, body.latent_kbit_s, body.known_voice, caller)
        return LatentResponse(spoken, _LATENTS, gateway.record("device"), stalls=gateway.stalls)

    return routes
