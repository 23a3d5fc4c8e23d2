"""Korean: the normaliser and the reader of words behind `languages.Reader`."""

from __future__ import annotations

from gsv_runtime.text.g2p import korean
from gsv_runtime.text.languages import Reader, Reading
from gsv_runtime.text.normalize import korean as korean_text

_STOPS = (".", "!", "?", ",", "…")


def _read_as_upstream(text: str) -> Reading:
    return Reading(text, tuple(korean.phones(text)))


def _read(text: str) -> Reading:
    normalized = korean_text.normalize(text)
    units = korean.phones(normalized) if normalized else []
    if units and not normalized.endswith(_STOPS) and units[-1][1][-1:] == (".",):
        word, said = units[-1]  # upstream's full stop behind a text without one, which a run of a sentence needs not
        units[-1] = (word, said[:-1])
    return Reading(normalized, tuple(units))


def reader(frontend: str, symbols: str) -> Reader:
    """How Korean is read."""
    return Reader(_read_as_upstream if frontend == "upstream" else _read, korean.warm_up)
