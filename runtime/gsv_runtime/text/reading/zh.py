"""Mandarin: the normaliser and the reader of characters behind `languages.Reader`."""

from __future__ import annotations

import functools
from collections.abc import Callable

from gsv_runtime.text import segment_upstream
from gsv_runtime.text.g2p import chinese, chinese_posseg, chinese_upstream, g2pw
from gsv_runtime.text.languages import Reader, Reading
from gsv_runtime.text.normalize import chinese as chinese_text
from gsv_runtime.text.normalize import chinese_upstream as upstream_text

_SILENCES = (("￥", "SP2"), ("^", "SP3"))


def _read(text: str) -> Reading:
    normalized = chinese_text.normalize(text)
    return Reading(normalized, tuple(chinese.phones(normalized)))


def _read_as_upstream(symbols: str, text: str) -> Reading:
    """As upstream: a ￥ or ^ anywhere makes a silence of every comma of the run."""
    silence = next(((mark, phone) for mark, phone in _SILENCES if mark in text), None)
    normalized = upstream_text.normalize(text if silence is None else text.replace(silence[0], ","))
    normalized = "".join(char for char in normalized if char in "!?…,.-" or chinese.is_readable(char))
    units = chinese_upstream.phones_v1(normalized) if symbols == "v1" else chinese_upstream.phones(normalized)
    if silence is not None:
        units = [(char, (silence[1],)) if char == "," else (char, phones) for char, phones in units]
    return Reading(normalized, tuple(units))


def _warm_up_upstream(symbols: str) -> None:
    _read_as_upstream(symbols, "你好，2024年5月1日，银行行长花了一百元。")


def _missing(symbols: str) -> Callable[[], tuple[str, ...]]:
    """v1 reads word by word, without g2pW."""
    models = (chinese_posseg,) if symbols == "v1" else (g2pw, chinese_posseg)
    return lambda: tuple(told for module in (*models, segment_upstream) for told in module.missing())


def reader(frontend: str, symbols: str) -> Reader:
    """How Mandarin is read."""
    if frontend == "upstream":
        return Reader(
            functools.partial(_read_as_upstream, symbols),
            functools.partial(_warm_up_upstream, symbols),
            _missing(symbols),
        )
    return Reader(_read, chinese.warm_up, g2pw.missing)
