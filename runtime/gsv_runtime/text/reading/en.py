"""English: the normaliser and the reader of words behind `languages.Reader`."""

from __future__ import annotations

from collections.abc import Callable

from gsv_runtime.text.g2p import english
from gsv_runtime.text.languages import Reader, Reading, Unit
from gsv_runtime.text.normalize import english as english_text

_MIN_PHONES = 4


def reader(frontend: str, symbols: str) -> Reader:
    """How English is read."""
    if frontend == "upstream":
        from gsv_runtime.text.g2p import english_upstream  # NLTK takes a second
        from gsv_runtime.text.normalize import english_upstream as upstream_text

        read = _reading(upstream_text.normalize, english_upstream.phones, min_given=0)
        return Reader(read, english_upstream.warm_up, english_upstream.missing)
    return Reader(_reading(english_text.normalize, english.phones, min_given=1), english.warm_up)


def _reading(
    normalize: Callable[[str], str], phones: Callable[[str], list[Unit]], min_given: int
) -> Callable[[str], Reading]:
    def read(text: str) -> Reading:
        normalized = normalize(text)
        units = phones(normalized)
        if min_given <= sum(len(said) for _, said in units) < _MIN_PHONES:
            units.insert(0, (",", (",",)))  # very short runs are unstable without a pause before them, as upstream
        return Reading(normalized, tuple(units))

    return read
