"""Cantonese: the normaliser and the reader of characters behind `languages.Reader`."""

from __future__ import annotations

from gsv_runtime.text.g2p import cantonese
from gsv_runtime.text.languages import Reader, Reading
from gsv_runtime.text.normalize import cantonese as cantonese_text
from gsv_runtime.text.normalize import chinese_upstream as upstream_text


def _read(text: str) -> Reading:
    normalized = cantonese_text.normalize(text)
    return Reading(normalized, tuple(cantonese.phones(normalized, in_context=True)))


def _read_as_upstream(text: str) -> Reading:
    normalized = upstream_text.normalize_cantonese(text)
    return Reading(normalized, tuple(cantonese.phones(normalized)))


def _warm_up() -> None:
    _read("二零二四年，我哋今日去饮茶，使咗100蚊。")
    cantonese.warm_up()


def reader(frontend: str, symbols: str) -> Reader:
    """How Cantonese is read."""
    return Reader(_read_as_upstream if frontend == "upstream" else _read, _warm_up)
