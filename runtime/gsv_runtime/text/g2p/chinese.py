"""Simplified Chinese characters to phones: readings in context, tone changes, 儿.

Words come from jieba's dictionary (`rjieba`), readings from pypinyin's phrases and our own list; a
character that stands alone and has several readings is decided by its neighbours. Upstream's g2pW model
(0.6 GB, not in a wheel) is not used.
"""

from __future__ import annotations

import functools
import re

import rjieba
from pypinyin import Style, lazy_pinyin

from gsv_runtime.text.g2p.chinese_context import reading_in_context
from gsv_runtime.text.g2p.chinese_sandhi import change_tones, merge_words
from gsv_runtime.text.g2p.chinese_words import PHRASES
from gsv_runtime.text.g2p.pinyin import syllable_phones
from gsv_runtime.text.symbols import PUNCTUATION

Phones = tuple[str, ...]
_CLAUSE = re.compile(r"[^!?…,.\-]+|[!?…,.\-]")


@functools.lru_cache(maxsize=65_536)
def word_pinyin(word: str) -> tuple[str, ...]:
    """One syllable with tone figure per character, before tone changes; neutral is 5."""
    if word in PHRASES:
        return tuple(PHRASES[word].split())
    if len(word) > 2:  # a longer word keeps the readings of the phrases inside it
        for size in range(len(word) - 1, 1, -1):
            for start in range(len(word) - size + 1):
                inner = word[start : start + size]
                if inner in PHRASES:
                    return word_pinyin_parts(word[:start], inner, word[start + size :])
    return tuple(lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True, errors="ignore"))


def word_pinyin_parts(*parts: str) -> tuple[str, ...]:
    """Readings of consecutive parts of a word."""
    return tuple(syllable for part in parts if part for syllable in word_pinyin(part))


@functools.lru_cache(maxsize=16_384)
def is_readable(char: str) -> bool:
    """Whether a character has a reading that is a syllable of the phone table."""
    try:
        return all(syllable_phones(syllable) for syllable in word_pinyin(char)) and len(word_pinyin(char)) == 1
    except ValueError:
        return False


def phones(text: str) -> list[tuple[str, Phones]]:
    """Characters and marks of normalised Chinese, each with its phones: two, and one for a mark.

    Args:
        text: what `normalize.chinese.normalize` returns.
    """
    units: list[tuple[str, Phones]] = []
    for clause in _CLAUSE.findall(text):
        if clause in PUNCTUATION:
            units.append((clause, (clause,)))
        else:
            units += zip(clause, map(syllable_phones, clause_pinyin(clause)), strict=True)
    return units


def clause_pinyin(clause: str) -> list[str]:
    """Syllables of a clause of Chinese characters, as they are said."""
    words = [(word, tag) for word, tag in rjieba.tag(clause) if word]
    syllables = _readings(words)
    said: list[str] = []
    merged = merge_words(words, lambda word: "".join(syllable[-1] for syllable in word_pinyin(word)))
    for word, tag in merged:
        plain = syllables[len(said) : len(said) + len(word)]
        tones = [syllable[-1] for syllable in plain]
        change_tones(word, tag, tones)
        said += [syllable[:-1] + tone for syllable, tone in zip(plain, tones, strict=True)]
    return said


def _readings(words: list[tuple[str, str]]) -> list[str]:
    syllables: list[str] = []
    for index, (word, _) in enumerate(words):
        in_context = reading_in_context(words, index)
        syllables += in_context if in_context is not None else word_pinyin(word)
    return syllables


def warm_up() -> None:
    """Load the word and phrase tables."""
    phones("你好,银行行长重新走了过来.")
