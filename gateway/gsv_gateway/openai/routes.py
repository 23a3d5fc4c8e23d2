"""`/v1/audio/speech`, `/v1/models`, `/v1/audio/models`, `/v1/audio/voices`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gsv_client import Voice
from gsv_gateway.bodies import checked, read_form, read_json, schema_of
from gsv_gateway.gateway import Gateway
from gsv_gateway.models import ALIASES
from gsv_gateway.openai.fields import SpeechBody
from gsv_gateway.openai.models import model_object
from gsv_gateway.openai.timed_responses import EventResponse, ObjectResponse
from gsv_gateway.problems import RequestRefused
from gsv_gateway.references import MAX_REFERENCE_BYTES, decoded_reference
from gsv_gateway.speech_response import SpeechResponse

TOKENS_PER_SECOND = 25  # semantic tokens of the model: what OpenAI's clients are told as output tokens

_SPEECH_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": schema_of(SpeechBody)}}}}
_AUDIO: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"audio/mpeg": {}, "text/event-stream": {}, "application/json": {}},
        "description": "the audio, as it is spoken",
    }
}


def router(gateway: Gateway) -> APIRouter:
    """The routes of one gateway."""
    routes = APIRouter(prefix="/v1", tags=["OpenAI"])

    @routes.post("/audio/speech", openapi_extra=_SPEECH_BODY, responses=_AUDIO, response_class=Response)
    async def speech(request: Request) -> Response:
        """Say a text."""
        caller = await gateway.caller(request)
        body = checked(SpeechBody, await read_json(request, gateway.settings.limits))
        model = await gateway.models.resolve(body.model, caller.caller_id)
        text, wanted = gateway.check_text(body.input), body.wanted(gateway.encodec)
        voice_id = await gateway.voices.resolve(body.voice_name, caller)
        spoken, told = gateway.speak(text, body.options(voice_id, model), caller), gateway.record("openai")
        if body.stream_format == "sse":
            return EventResponse(
                spoken, wanted, told, stalls=gateway.stalls, usage=lambda seconds: usage(text, seconds)
            )
        if body.stream_format == "json":
            return ObjectResponse(
                spoken, wanted, told, stalls=gateway.stalls, usage=lambda seconds: usage(text, seconds)
            )
        return SpeechResponse(spoken, wanted, told, whole=not body.stream, stalls=gateway.stalls)

    @routes.get("/models")
    @routes.get("/audio/models")
    async def models(request: Request) -> dict[str, Any]:
        """The models: the server's fine-tunes, then the names that stand for whatever is served."""
        await gateway.caller(request)
        names = list(dict.fromkeys([*(found.model for found in await gateway.models.all()), *ALIASES]))
        listed = [model_object(name) for name in names]
        return {"object": "list", "data": listed, "models": [{"id": name} for name in names]}

    @routes.get("/models/{name}")
    async def model(request: Request, name: str) -> dict[str, Any]:
        """One model."""
        caller = await gateway.caller(request)
        await gateway.models.resolve(name, caller.caller_id)
        return model_object(name)

    _add_voices(routes, gateway)
    return routes


def usage(text: str, seconds: float) -> dict[str, int]:
    """What OpenAI's clients are told that an answer took: characters in, semantic tokens out."""
    taken, given = len(text), round(seconds * TOKENS_PER_SECOND)
    return {"input_tokens": taken, "output_tokens": given, "total_tokens": taken + given}


def _add_voices(routes: APIRouter, gateway: Gateway) -> None:
    @routes.get("/audio/voices")
    async def voices(request: Request, legacy: bool = False) -> dict[str, Any]:
        """The voices; `legacy=true` gives their names only."""
        caller = await gateway.caller(request)
        found = await gateway.voices.visible(caller)
        if legacy:
            return {"voices": [voice.voice for voice in found]}
        default = await gateway.voices.default_name(caller)
        listed = [_listed(voice) | {"default": voice.voice == default} for voice in found]
        return {"object": "list", "voices": listed, "data": [_voice_object(voice) for voice in found]}

    @routes.get("/audio/voices/{model}")
    async def voices_of(request: Request, model: str) -> dict[str, Any]:
        """The voices as SillyTavern asks TTS-WebUI for them; every model speaks with each."""
        found = await gateway.voices.visible(await gateway.caller(request))
        return {"voices": [{"value": voice.voice, "label": voice.voice} for voice in found]}

    @routes.post("/audio/voices", openapi_extra=_VOICE_FORM)
    async def add_voice(request: Request) -> JSONResponse:
        """Register a voice from a clip of 3 to 10 s, and more of the same speaker."""
        caller = await gateway.caller(request)
        form = await read_form(request, gateway.settings.limits)
        name = form.text("name")
        if not name:
            raise RequestRefused(400, "name is required", code="missing_field", param="name")
        clips = form.files_of("audio_sample", "file", "voice_file")
        if not clips:
            message = "audio_sample is required: a file of 3 to 10 s of one speaker"
            raise RequestRefused(400, message, code="missing_field", param="audio_sample")
        clips += form.files_of("aux_audio_sample")
        reference, *aux = [await decoded_reference(clip, MAX_REFERENCE_BYTES) for clip in clips]
        voice = await gateway.voices.register(
            name,
            reference,
            form.text("prompt_text") or form.text("ref_text") or None,
            form.text("prompt_language") or form.text("language") or None,
            caller,
            trim=form.text("trim").lower() in ("1", "true", "yes", "on") or None,
            aux=aux,
            model=await _model(gateway, form.text("model")),
        )
        return JSONResponse(_voice_object(voice) | {"report": voice.report})

    @routes.delete("/audio/voices/{name}")
    async def delete_voice(request: Request, name: str) -> dict[str, Any]:
        """Delete a voice."""
        caller = await gateway.caller(request)
        await gateway.voices.delete(name, caller)
        return {"id": name, "deleted": True, "object": "audio.voice.deleted"}


_VOICE_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["name", "audio_sample"],
                    "properties": {
                        "name": {"type": "string", "description": "1 to 50 of a-z A-Z 0-9 _ -"},
                        "audio_sample": {"type": "string", "format": "binary"},
                        "aux_audio_sample": {
                            "type": "array",
                            "maxItems": 10,
                            "items": {"type": "string", "format": "binary"},
                            "description": "More clips of the speaker; the timbre is the mean of all.",
                        },
                        "prompt_text": {"type": "string", "description": "What is said in the clip."},
                        "prompt_language": {"type": "string"},
                        "model": {"type": "string", "description": "The model that is to speak with it."},
                        "trim": {"type": "boolean", "description": "Cut a longer clip at a silence."},
                    },
                }
            }
        },
    }
}


async def _model(gateway: Gateway, name: str) -> str | None:
    """The server's name of the model that a voice is for; None where none was named."""
    return await gateway.models.resolve(name, "") if name else None


def _listed(voice: Voice) -> dict[str, Any]:
    """A voice as the community's clients list it."""
    return {
        "id": voice.voice,
        "name": voice.voice,
        "language": voice.prompt_language,
        "seconds": voice.seconds,
        "prompt_text": voice.prompt_text,
        "created": voice.created,
        "model": voice.model,
    }


def _voice_object(voice: Voice) -> dict[str, Any]:
    """A voice as OpenAI's SDK knows it."""
    return {
        "object": "audio.voice",
        "id": voice.voice,
        "name": voice.voice,
        "created_at": _unix_time(voice.created),
        "type": "audio_sample",
    }


def _unix_time(created: str) -> int:
    try:
        return int(datetime.fromisoformat(created.replace("Z", "+00:00")).timestamp())
    except ValueError:
        return 0
