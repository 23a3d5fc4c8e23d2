"""Words in capitals: which are words that somebody shouts, and which are letters to be spelled.

In a sentence or a quoted part without small letters, or in three such words in a row, what a dictionary knows is a
word (``IT WAS US``), but for acronyms that the dictionary has too (``THE FBI``). Elsewhere short words are words where
they are common (``STOP``, ``BAN``); ``IT``, ``US``, ``WHO`` and ``AM`` are letters there.
"""

from __future__ import annotations

import functools
import re

from gsv_runtime.text.g2p.english_lexicon import names, pronunciations
from gsv_runtime.text.g2p.english_sounds import is_interjection, shortened
from gsv_runtime.text.normalize.english_words import (
    ALWAYS_SPELLED,
    ALWAYS_SPELLED_SHORT,
    COMMON_SHORT_WORDS,
    WORD_ACRONYMS,
)

_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*")
_REGIONS = re.compile(r'"[^"]+"|[^.?!;:"]+')
_SHOUTED_IN_A_ROW = re.compile(r"\b[A-Z]+(?:'[A-Z]+)?(?:[ ,!-]+[A-Z]+(?:'[A-Z]+)?){2,}\b")
_SAYABLE = re.compile(r"(?=.*[aeiouy])(?!.*[bcdfghjklmnpqrstvwxz]{5})[a-z]{6,}")


def shouted_words(text: str) -> frozenset[str]:
    """Words in capitals that are said as words because what is around them is in capitals, too."""
    found: set[str] = set()
    if not re.search("[A-Z]{2}", text):
        return frozenset()
    for region in (text, *_REGIONS.findall(text)):
        words = _WORD.findall(region)
        if len(words) > 1 and not re.search("[a-z]", region) and any(map(_is_evident, words)):
            found.update(word for word in words if _is_word(word))
    for stretch in _SHOUTED_IN_A_ROW.findall(text):
        words = _WORD.findall(stretch)
        if 2 * sum(map(_is_evident, words)) >= len(words):
            found.update(word for word in words if _is_word(word))
    return frozenset(found)


def is_shouted_alone(word: str) -> bool:
    """Whether a word in capitals is a word although small letters are around it."""
    if word in ALWAYS_SPELLED:
        return False
    if word in WORD_ACRONYMS or word in COMMON_SHORT_WORDS or is_interjection(word.lower()):
        return True
    lower = shortened(word.lower()) or word.lower()
    return len(word) > 3 and lower in pronunciations() and not _is_said_as_letters(lower)


def _is_evident(word: str) -> bool:
    return word == "I" or (len(word) > 1 and is_shouted_alone(word.replace("'", "")))


@functools.lru_cache(maxsize=16_384)
def _is_word(word: str) -> bool:
    lower = word.lower()
    if word in ALWAYS_SPELLED or word in ALWAYS_SPELLED_SHORT:
        return False
    known = lower in pronunciations() or lower in names() or is_interjection(lower)
    return (known and not _is_said_as_letters(lower)) or _SAYABLE.fullmatch(lower) is not None


def _is_said_as_letters(word: str) -> bool:
    """Whether the dictionary has a word as its letters' names: fbi, usa."""
    said = pronunciations().get(word)
    if said is None or len(word) == 1 or not word.isalpha():
        return False
    spelled = [phone for letter in word for phone in (("EY",) if letter == "a" else pronunciations()[letter])]
    return [phone.rstrip("012") for phone in said] == [phone.rstrip("012") for phone in spelled]
