"""What stands for a reference: a registered voice, a file of the operator's folder, or a clip that comes along."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence

from gsv_client import InvalidRequest, Options, VoiceNotFound
from gsv_gateway.access import Caller
from gsv_gateway.gateway import Gateway
from gsv_gateway.problems import RequestRefused
from gsv_gateway.references import MAX_REFERENCE_BYTES, decoded_reference, file_in_folder
from gsv_gateway.sovits.fields import SovitsBody

_DATA_URL = re.compile(r"data:[\w.+/;=-]*;base64,")


async def voice_options(gateway: Gateway, body: SovitsBody, clips: Sequence[bytes], caller: Caller) -> Options:
    """Whose voice is to be heard.

    Args:
        gateway: Where voices are kept.
        body: The request.
        clips: Files that were uploaded with it: the reference, then more of its speaker.
        caller: Who asks.

    Raises:
        RequestRefused: The reference is nothing of the three, or one of the others is no clip.
    """
    path = body.ref_audio_path.strip()
    reference = clips[0] if clips else _clip(gateway, path)
    if reference is None:  # a registered voice has its own clips
        return Options(voice=await _registered(gateway, path, caller))
    aux = [*clips[1:], *(_aux_clip(gateway, each) for each in body.aux_ref_audio_paths)]
    return Options(
        reference_audio=await decoded_reference(reference, MAX_REFERENCE_BYTES),
        prompt_text=body.prompt_text or None,
        prompt_language=body.prompt_language,
        aux_reference_audio=[await decoded_reference(each, MAX_REFERENCE_BYTES) for each in aux] or None,
    )


def _clip(gateway: Gateway, path: str) -> bytes | None:
    """The file that a path or a data URL stands for; None where it is none that may be read."""
    if data_url := _DATA_URL.match(path):
        return _decoded_base64(path[data_url.end() :])
    found = file_in_folder(gateway.settings.reference_folder, path)
    if found is None:
        return None
    return found.read_bytes() if found.stat().st_size <= MAX_REFERENCE_BYTES else b""


def _aux_clip(gateway: Gateway, path: str) -> bytes:
    clip = _clip(gateway, path.strip())
    if clip is None:
        message = (
            f"aux_ref_audio_paths holds {path[:80]!r}, which is no file that may be read: upload the clip, "
            "or let the operator allow its folder"
        )
        raise RequestRefused(400, message, param="aux_ref_audio_paths")
    return clip


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
        raise InvalidRequest("a data URL of the request holds no base64") from None
