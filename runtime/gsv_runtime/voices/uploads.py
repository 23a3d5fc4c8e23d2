"""Files as clients send them: raw, or as base64 in each spelling that shells, browsers and libraries make."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from gsv_runtime.voices.file_kinds import as_text, file_kind

_DATA_URL = re.compile(r"data:(?P<media>[^,]{0,400}),", re.IGNORECASE)
_ARMOUR = re.compile(r"^-----[^\n]*-----\s*$", re.MULTILINE)  # of certutil and openssl
_TWICE = 2  # a client that encodes what was encoded
_SHORT = 64  # characters; a word is base64, too


def file_of(data: bytes) -> bytes:
    """Take a file out of what a client sent.

    Args:
        data: the file; or its base64, with white space anywhere, in either alphabet, with or without padding, as a
            data URL, between quotes or lines of dashes, as UTF-8 or UTF-16.

    Returns:
        The file, or `data` where it is no spelling of one.
    """
    for _ in range(_TWICE):
        text = as_text(data)
        decoded = None if text is None else _decoded(text)
        if decoded is None or (len(data) < _SHORT and not file_kind(decoded).is_sound):
            return data
        data = decoded
    return data


def _decoded(text: str) -> bytes | None:
    """The bytes that `text` spells, or None."""
    text = _ARMOUR.sub("", text).strip().strip("\"'")
    url = _DATA_URL.match(text)
    if url is not None:
        text = text[url.end() :]
        if not url["media"].lower().replace(" ", "").endswith(";base64"):
            return unquote_to_bytes(text)
        text = unquote_to_bytes(text).decode("latin-1") if "%" in text else text
    letters = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    if re.fullmatch(r"[0-9a-fA-F]+", letters) and len(letters) % 2 == 0:
        return None  # hexadecimal digits
    try:
        return base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True) or None
    except (binascii.Error, ValueError):
        return None
