"""What stands for a reference: a registered voice, a file of the operator's folder, or a clip that comes along."""

from __future__ import annotations

import base64
import binascii
import re

from gsv_client import InvalidRequest, Options, VoiceNotFound
from gsv_gateway.access import Caller
from gsv_gateway.gateway import Gateway
from gsv_gateway.problems import RequestRefused
from gsv_gateway.references import MAX_REFERENCE_BYTES, decoded_reference, file_in_folder
from gsv_gateway.sovits.fields import SovitsBody

_DATA_URL = re.compile(r"data:[\w.+/;=-]*;base64,")


async def voice_options(gateway: Gateway, body: SovitsBody, clip: bytes | None, caller: Caller) -> Options:
    """Whose voice is to be heard.

    Args:
        gateway: Where voices are kept.
        body: The request.
        clip: A file that was uploaded with it.
        caller: Who asks.

    Raises:
        RequestRefused: The reference is nothing of the three.
    """
    path = body.ref_audio_path.strip()
    if clip is None and (data_url := _DATA_URL.match(path)):
        clip = _decoded_base64(path[data_url.end() :])
    if clip is None:
        found = file_in_folder(gateway.settings.reference_folder, path)
        if found is None:
            return Options(voice=await _registered(gateway, path, caller))
        clip = found.read_bytes() if found.stat().st_size <= MAX_REFERENCE_BYTES else b""
    return Options(
        reference_audio=await decoded_reference(clip, MAX_REFERENCE_BYTES),
        prompt_text=body.prompt_text or None,
        prompt_language=body.prompt_language,
    )


async def _registered(gateway: Gateway, path: str, caller: Caller) -> str:
    for name in names_in(path):
        try:
            return await gateway.voices.resolve(name, caller)
        except VoiceNotFound as error:
            if not path:
                raise RequestRefused(400, f"ref_audio_path is required: {error}", param="ref_audio_path") from None
    message = (
        f"ref_audio_path {path[:80]!r} is no voice: register one of that name (POST /v1/audio/voices), "
        "upload the clip, or let the operator allow its folder"
    )
    raise RequestRefused(400, message, param="ref_audio_path")


def names_in(path: str) -> list[str]:
    """The names under which a client may mean a voice: all of a path, its last part, that without its ending."""
    last = re.split(r"[/\\]", path)[-1]
    stem = last.rpartition(".")[0] or last
    return list(dict.fromkeys((path, last, stem)))


def _decoded_base64(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("ref_audio_path is a data URL that holds no base64") from None
