"""Mandarin: the normaliser and the reader of characters behind `languages.Reader`."""

from __future__ import annotations

from gsv_runtime.text.g2p import chinese
from gsv_runtime.text.languages import Reader, Reading
from gsv_runtime.text.normalize import chinese as chinese_text


def _read(text: str) -> Reading:
    normalized = chinese_text.normalize(text)
    return Reading(normalized, tuple(chinese.phones(normalized)))


def reader(frontend: str, symbols: str) -> Reader:
    """How Mandarin is read."""
    return Reader(_read, chinese.warm_up)
