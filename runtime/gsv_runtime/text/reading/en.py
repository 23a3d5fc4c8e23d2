"""English: the normaliser and the reader of words behind `languages.Reader`."""

from __future__ import annotations

from gsv_runtime.text.g2p import english
from gsv_runtime.text.languages import Reader, Reading
from gsv_runtime.text.normalize import english as english_text

_MIN_PHONES = 4


def _read(text: str) -> Reading:
    normalized = english_text.normalize(text)
    units = english.phones(normalized)
    if 0 < sum(len(phones) for _, phones in units) < _MIN_PHONES:
        units.insert(0, (",", (",",)))  # very short runs are unstable without a pause before them, as upstream
    return Reading(normalized, tuple(units))


def reader(frontend: str, symbols: str) -> Reader:
    """How English is read."""
    return Reader(_read, english.warm_up)
