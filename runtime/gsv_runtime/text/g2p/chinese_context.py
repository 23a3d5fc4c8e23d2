"""Readings of Chinese characters that belong to no listed phrase, from the text around them."""

from __future__ import annotations

import functools
import gzip
import re
from collections.abc import Sequence
from importlib import resources

from pypinyin.constants import PHRASES_DICT

Rule = tuple[re.Pattern[str], re.Pattern[str], str]


# Who or what must, where or when: nouns, pronouns, places, times (jieba's tags); 得 behind a verb is de5.
_SUBJECT = re.compile("n|t|s|f|r|m$")
_NO_SUBJECTS = frozenset(
    "客气 恶心 歌唱 跑步 安静 天黑 天亮 伤心 小气 害羞 辛苦 麻烦 热闹 困难 痛苦 舒服 委屈 寂寞 疲惫".split()
)
_NO_LAST = frozenset("病疼痛黑累长高低远近深浅快慢贵重宽窄胖瘦厚薄")  # of what no dictionary has: 他病, 路长
_THINGS = frozenset("人车水药门事饭菜钱书信话字鞋包灯窗床锅碗票油电花树狗猫鱼船房债")  # jieba takes 车得 for a word
_TIMES = re.compile("时候$")
_DEGREE = re.compile(r"很|太|不|得|多(?:了|$)|好(?!好)|要命|要死|厉害|过|起|$")
_WON = re.compile("了(?!$|[吧吗呢啊])|第[一二三四五六七八九十]")


@functools.cache
def _rules() -> dict[str, list[Rule]]:
    rules: dict[str, list[Rule]] = {}
    stored = resources.files("gsv_runtime.text").joinpath("data/mandarin_context.tsv.gz").read_bytes()
    table = gzip.decompress(stored).decode()
    for line in table.splitlines():
        if not line.startswith("#"):
            char, before, after, reading = line.split("\t")
            rules.setdefault(char, []).append((re.compile(before), re.compile(after), reading))
    return rules


def reading_in_context(char: str, before: str, after: str) -> str | None:
    """Syllable of a character with several readings that belongs to no listed phrase.

    Args:
        char: the character.
        before: text of its clause up to it.
        after: text of its clause behind it.

    Returns:
        The syllable, or None for a character without rules.
    """
    for pattern_before, pattern_after, reading in _rules().get(char, ()):
        if pattern_before.search(before) and pattern_after.search(after):
            return reading
    return None


def _is_said_of(word: str) -> bool:
    """Whether a word that jieba made itself ends in an adjective, which a noun before it has: 路长得…"""
    return word[-1] in _NO_LAST and word not in PHRASES_DICT


def obliged(words: Sequence[tuple[str, str]], index: int, after: str) -> str | None:
    """Syllable of 得 behind somebody or something, a place or a time: 乡下得去看看 dei3, 公司得了奖 de2.

    Args:
        words: a clause, as jieba cut and tagged it.
        index: of the word with 得.
        after: text of the clause behind 得.

    Returns:
        The syllable, or None where 得 belongs to a verb or an adjective.
    """
    word = words[index][0]
    if len(word) == 2 and word[1] == "得" and word[0] in _THINGS:
        return None if _DEGREE.match(after) else "dei3"
    before, tag = words[index - 1] if index else ("", "")
    is_whole = len(before) > 1 or before in _THINGS or before in ("谁", "里")
    is_subject = _SUBJECT.match(tag) and is_whole and before not in _NO_SUBJECTS and not _is_said_of(before)
    if not (is_subject or _TIMES.search(before)) or word[0] != "得":
        return None
    if _WON.match(after):
        return "de2"
    return None if _DEGREE.match(after) else "dei3"
