"""Korean: the normaliser and the reader of words behind `languages.Reader`."""

from __future__ import annotations

from gsv_runtime.text.g2p import korean
from gsv_runtime.text.languages import Reader, Reading
from gsv_runtime.text.normalize import korean as korean_text


def _read_as_upstream(text: str) -> Reading:
    return Reading(text, tuple(korean.phones(text)))


def _read(text: str) -> Reading:
    normalized = korean_text.normalize(text)
    units = korean.phones(normalized) if normalized else []
    return Reading(normalized, tuple(units))


def reader(frontend: str, symbols: str) -> Reader:
    """How Korean is read."""
    return Reader(_read_as_upstream if frontend == "upstream" else _read, korean.warm_up)
