"""The languages of the front end, each a normaliser and a reader behind one interface.

Another language is one more entry of `LANGUAGES`: text → ``normalize`` → ``read`` → units (a word, a
character or a mark) with the phones of each, which is the word-to-phone map.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.text.g2p import chinese, english
from gsv_runtime.text.normalize import chinese as chinese_text
from gsv_runtime.text.normalize import english as english_text

Unit = tuple[str, tuple[str, ...]]
AUTO = "auto"
MIN_ENGLISH_PHONES = 4
_NOT_BUILT = (
    "ja", "ko", "yue", "auto_yue", "all_zh", "all_ja", "all_ko", "all_yue"
)  # fmt: skip


@dataclass(frozen=True)
class Language:
    """How one language is read.

    Attributes:
        full_stop: mark that ends a sentence written without one.
        per_character: whether each unit is one character with contextual features (BERT).
        normalize: text as it was written → text as it is said.
        read: normalised text → units with their phones; the units joined are the normalised text if `per_character`.
        warm_up: loads every table that `normalize` and `read` use.
    """

    full_stop: str
    per_character: bool
    normalize: Callable[[str], str]
    read: Callable[[str], list[Unit]]
    warm_up: Callable[[], None]


def _read_english(text: str) -> list[Unit]:
    units = english.phones(text)
    if 0 < sum(len(phones) for _, phones in units) < MIN_ENGLISH_PHONES:
        units.insert(0, (",", (",",)))  # very short runs are unstable without a pause before them, as upstream
    return units


LANGUAGES = {
    "zh": Language("。", True, chinese_text.normalize, chinese.phones, chinese.warm_up),
    "en": Language(".", False, english_text.normalize, _read_english, english.warm_up),
}


def check_language(name: str) -> str:
    """The language asked for, if it can be read.

    Raises:
        InvalidRequest: it is not built yet, or is no language of GPT-SoVITS.
    """
    have = ", ".join([*LANGUAGES, AUTO])
    if name in LANGUAGES or name == AUTO:
        return name
    if name in _NOT_BUILT:
        raise InvalidRequest(f"not built yet: {name}; have {have}")
    raise InvalidRequest(f"language {name[:40]!r} is unknown; have {have}")
