"""Simplified Chinese characters to phones: readings in context, tone changes, 儿.

Words come from jieba's dictionary (`rjieba`), readings from pypinyin's phrases and our own list; a
character that stands alone and has several readings is decided by g2pW if the user has it, by our rules on its
neighbours otherwise.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

import rjieba
from pypinyin import Style, lazy_pinyin
from pypinyin.constants import PHRASES_DICT

from gsv_runtime.text.g2p import g2pw
from gsv_runtime.text.g2p.chinese_context import obliged, reading_in_context
from gsv_runtime.text.g2p.chinese_sandhi import change_tones, merge_words
from gsv_runtime.text.g2p.chinese_words import ACROSS_WORDS, AMBIGUOUS, NOT_NEUTRAL_LAST, PHRASES, SURNAMES
from gsv_runtime.text.g2p.pinyin import syllable_phones
from gsv_runtime.text.symbols import PUNCTUATION

Phones = tuple[str, ...]
# 一 keeps its first tone where it is read as a figure or as the first of a row.
_ONE_AS_FIGURE = re.compile(
    "(?<=第)一|一(?=[零〇一二三四五六七八九加减乘除比]|点[零一二三四五六七八九]|等于|分之)|(?<=[零〇二三四五六七八九])一(?=年|号|室|房|路|$)"
)
_ACROSS_WORDS = re.compile("|".join(sorted(ACROSS_WORDS, key=len, reverse=True)))
# 下 as a verb keeps its tone: 雨下得很大, 雪下了一夜; not in 乡下, 底下.
_FALLS = re.compile(
    "(?<=[雨雪雹霜棋])下(?=[得了着过起完不个])|(?<![乡底地手如天脚楼部私])下(?=得(?:很|真|太|更|越|特别|非常|挺|不|那么|这么|最|好|多|快|慢|大|猛|急|正))"
)
_ER_BEFORE_PLACE = re.compile("儿[里口上下边外旁内前后]")
_INNER_ER = re.compile("(?<=[今明昨后前])儿(?=个)|(?<=[哥娘爷姐])儿(?=[俩几们])")
_CLAUSE = re.compile(r"[^!?…,.\-]+|[!?…,.\-]")


@functools.lru_cache(maxsize=65_536)
def known_parts(word: str) -> tuple[str, ...]:
    """Cut a word into phrases whose reading is listed, the longest first, and single characters."""
    if len(word) == 1 or word in PHRASES or (word in PHRASES_DICT and word not in AMBIGUOUS):
        return (word,)
    for size in range(len(word) - 1, 1, -1):
        for start in range(len(word) - size + 1):
            inner = word[start : start + size]
            if inner in PHRASES or (inner in PHRASES_DICT and inner not in AMBIGUOUS):
                before, after = word[:start], word[start + size :]
                return (*(known_parts(before) if before else ()), inner, *(known_parts(after) if after else ()))
    return tuple(word)


@functools.lru_cache(maxsize=65_536)
def word_pinyin(word: str) -> tuple[str, ...]:
    """One syllable with tone figure per character, without context and before tone changes; neutral is 5."""
    return tuple(_readings("", known_parts(word), ""))


def _readings(before: str, parts: Sequence[str], after: str, asked: Sequence[str] = ()) -> list[str]:
    """Syllables of consecutive parts, each a listed phrase or one character, between the texts around them."""
    text = before + "".join(parts) + after
    start = len(before)
    syllables: list[str] = []
    for part in parts:
        end = start + len(part)
        alone = (asked[start] if asked else "") or reading_in_context(part, text[:start], text[end:])
        syllables += [alone] if alone and len(part) == 1 else _listed_pinyin(part)
        start = end
    return syllables


@functools.lru_cache(maxsize=65_536)
def _listed_pinyin(part: str) -> tuple[str, ...]:
    if part in PHRASES:
        return PHRASES[part]
    return tuple(lazy_pinyin(part, style=Style.TONE3, neutral_tone_with_five=True, errors="ignore"))


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
    clauses = _CLAUSE.findall(text)
    model = g2pw.model()
    asked = model.read(clauses, _unknown, with_tables=False) if model else map(_unknown, clauses)
    for clause, readings in zip(clauses, asked, strict=True):
        if clause in PUNCTUATION:
            units.append((clause, (clause,)))
        else:
            units += zip(clause, map(syllable_phones, clause_pinyin(clause, readings)), strict=True)
    return units


def _unknown(clause: str) -> list[str]:
    """No reading for any character."""
    return [""] * len(clause)


def clause_pinyin(clause: str, asked: Sequence[str] = ()) -> list[str]:
    """Syllables of a clause of Chinese characters, as they are said.

    Args:
        clause: without marks.
        asked: what g2pW says of each character, empty where it says nothing.
    """
    words = _with_er(_tagged(clause)) if "儿" in clause else _tagged(clause)
    syllables = _clause_readings(words, clause, asked)
    said: list[str] = []
    merged = merge_words(words, lambda word: "".join(syllable[-1] for syllable in word_pinyin(word)))
    for word, tag in merged:
        start = len(said)
        plain = syllables[start : start + len(word)]
        tones = [syllable[-1] for syllable in plain]
        change_tones(word, tag, tones)
        if len(word) > 2 and word[-2] == "儿" and _ER_BEFORE_PLACE.fullmatch(word[-2:]):
            tones[-2] = tones[-3]
        said += [syllable[:-1] + tone for syllable, tone in zip(plain, tones, strict=True)]
    for match in _ONE_AS_FIGURE.finditer(clause):
        said[match.start()] = "yi1"
    for match in _INNER_ER.finditer(clause) if "儿" in clause else ():
        said[match.start()] = "er" + said[match.start() - 1][-1]
    for match in _FALLS.finditer(clause):
        said[match.start()] = "xia4"
    for match in _ACROSS_WORDS.finditer(clause):
        said[match.start() : match.end()] = ACROSS_WORDS[match[0]]
    return said


def _tagged(clause: str) -> list[tuple[str, str]]:
    return [(word, tag) for word, tag in rjieba.tag(clause) if word]


def _with_er(words: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Words whose 儿 stands with what it colours: 胡同 儿里 is one word; 大婶儿 is nobody's name."""
    cut: list[tuple[str, str]] = []
    for word, tag in words:
        if cut and _ER_BEFORE_PLACE.fullmatch(word):
            cut[-1] = (cut[-1][0] + word, "s")
        elif tag == "nr" and len(word) > 2 and word[-1] == "儿" and _is_no_name(word[:-1]):
            cut.append((word, "n"))
        else:
            cut.append((word, tag))
    return cut


@functools.lru_cache(maxsize=4096)
def _is_no_name(stem: str) -> bool:
    found = rjieba.tag(stem)
    return len(found) == 1 and not found[0][1].startswith("nr")


def _clause_readings(words: Sequence[tuple[str, str]], clause: str, asked: Sequence[str]) -> list[str]:
    syllables: list[str] = []
    for index, (word, tag) in enumerate(words):
        start = len(syllables)
        said = _readings(clause[:start], known_parts(word), clause[start + len(word) :], asked)
        listed = word in PHRASES or word in PHRASES_DICT
        if "得" in word and len(word) < 3 and not listed and not (asked and asked[start + word.index("得")]):
            at = word.index("得")
            said[at] = obliged(words, index, clause[start + at + 1 :]) or said[at]
        if tag.startswith("nr") and word[0] in SURNAMES and 1 < len(word) < 5 and not listed:
            said[0] = SURNAMES[word[0]]
        for place in (0, -1):
            if said[place] == "zi5" and (place == 0 or word in NOT_NEUTRAL_LAST):
                said[place] = "zi3"
        syllables += said
    return syllables


def warm_up() -> None:
    """Load the word and phrase tables."""
    phones("你好,银行行长重新走了过来.")
