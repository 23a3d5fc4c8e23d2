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
_REPETITION = re.compile("[\u3005\u303b\u309d\u309e\u30fd\u30fe]")
_NOTHING_TO_REPEAT = re.compile(f"(?<![\u3041-\u30ff\u3400-\u9fff\u3005]){_REPETITION.pattern}")
_READ_IN_CONTEXT = re.compile("[\x00-\x7f\u3041-\u3096\u30a1-\u30fe\u3005\u303b\u309d\u309e\uac00-\ud7a3\u207a\u207b]")
_WITHOUT_A_FIGURE = re.compile(
    r"(?<![\d²³)])(?<![\d²³)] )(?<!\b[A-Za-z])(?<!\d[A-Za-z])(?<!\d[a-z][a-z])(?<!/[A-Za-z])(?<!/[a-z][a-z])"
    r"(?<!\b[A-Za-z] )[^\x00-\x7f](?! ?(?:[$€£¥￥₩] ?)?\d)"
)
_NO_SIGNS = frozenset("<>|~^_`+=¬$")  # that nobody expects to hear between words
_SIGN = re.compile(r"[^\w\s\x00-\x7f\u3000-\u303f\uff00-\uffef\u2010-\u2027·]")


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


def signs(text: str) -> Counter[str]:
    """Count the signs beyond ASCII that somebody might expect to hear, such as emoji."""
    return Counter(char for char in _SIGN.findall(text) if _is_sayable(char))


def unread(text: str, heard: set[str], has_sound: Callable[[str], bool]) -> list[str]:
    """Find letters, figures and signs of a run that its language has no sound for.

    Args:
        text: the run.
        heard: characters that are known to need no look; those that are found are added.
        has_sound: tries one character alone.
    """
    fresh = set(text) - heard
    silent = {char for char in fresh if _is_sayable(char) and not _READ_IN_CONTEXT.match(char) and not has_sound(char)}
    heard |= fresh - silent
    alone = _NOTHING_TO_REPEAT.findall(text) if _REPETITION.search(text) else []
    return [*alone, *(char for char in text if char in silent)] if silent or alone else []


def mute_without_a_figure(text: str, is_mute: Callable[[str], bool]) -> list[str]:
    """Find signs that are read beside a figure only, where none stands: ``你好°再见``.

    Args:
        text: a run of one language.
        is_mute: whether a sign is nothing between two words.
    """
    if not any(map(_is_sign, set(text))):
        return []
    return [match[0] for match in _WITHOUT_A_FIGURE.finditer(text) if _is_sign(match[0]) and is_mute(match[0])]


@functools.lru_cache(maxsize=65_536)
def _is_sign(char: str) -> bool:
    return (
        unicodedata.category(char) in ("No", "Sc", "Sm", "So") and unicodedata.normalize("NFKC", char) not in _NO_SIGNS
    )


def _is_sayable(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in "LNS" and category not in ("Lm", "Sk")


def no_reading(language: str) -> str:
    """Why a character is not said in a language."""
    return f"no reading in {LANGUAGES[language].title}"
