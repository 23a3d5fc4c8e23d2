"""What of a text is not said, and why: told in the response, so that nothing is left out without a word."""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable

from gsv_runtime.text.languages import LANGUAGES

NOTHING_BESIDE = "nothing to say beside it"
MAX_ROWS = 100
MAX_PIECE_CHARACTERS = 60
# Read by every language that such characters go to; everything else is tried.
_ALWAYS_READ = re.compile(
    "[\x00-\x7f\u3041-\u3096\u30a1-\u30fa\u30fc\uac00-\ud7a3\u3005\u303b\u309d\u309e\u30fd\u30fe]+"
)
_NOTHING_TO_REPEAT = re.compile("(?<![\u3041-\u30ff\u3400-\u9fff\u3005])[\u3005\u303b\u309d\u309e\u30fd\u30fe]")
_SAYABLE = frozenset("LNS")
_MODIFIERS = frozenset(("Lm", "Sk"))


class Dropped:
    """The pieces of one text that are not said, each with its reason and how often it stood there."""

    def __init__(self) -> None:
        self._times: Counter[tuple[str, str]] = Counter()

    def tell(self, piece: str, reason: str) -> None:
        """Note one piece."""
        self._times[piece[:MAX_PIECE_CHARACTERS], reason] += 1

    def rows(self) -> tuple[str, ...]:
        """One JSON object a piece: ``text``, ``reason``, ``times``; at most `MAX_ROWS`."""
        return tuple(
            json.dumps({"text": piece, "reason": reason, "times": times}, ensure_ascii=False)
            for (piece, reason), times in list(self._times.items())[:MAX_ROWS]
        )


def sayable(text: str) -> list[str]:
    """Characters that somebody might expect to hear: letters, figures and signs beyond ASCII."""
    rest = _ALWAYS_READ.sub("", text)
    return [char for char in rest if _is_sayable(char)] if rest else []


@functools.lru_cache(maxsize=65_536)
def _is_sayable(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in _SAYABLE and category not in _MODIFIERS


def unread(text: str, has_sound: Callable[[str], bool]) -> list[str]:
    """Characters of a run that its language has no sound for; `has_sound` tries one alone."""
    return [*_NOTHING_TO_REPEAT.findall(text), *(char for char in sayable(text) if not has_sound(char))]


def no_reading(language: str) -> str:
    """Why a character is not said in a language."""
    return f"no reading in {LANGUAGES[language].title}"
