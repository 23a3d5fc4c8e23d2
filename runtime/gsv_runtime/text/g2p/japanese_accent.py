"""Accent phrases and accent types by the rules of Open JTalk 1.11, which upstream's checkpoints were trained with.

pyopenjtalk-plus joins and accents phrases by newer rules, in its compiled part, and keeps the dictionary's accent of a
word only until it has joined it. So the words as the dictionary has them are read again from MeCab's features, and
joined and accented here. Source: Open JTalk 1.11 (BSD), `njd_set_accent_phrase.c` (its rules 1 to 18) and
`njd_set_accent_type.c`. What `njd_set_digit.c` does to figures is taken from pyopenjtalk-plus.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

_APART = frozenset(("副詞", "接続詞", "連体詞"))
_PARTICLES = frozenset(("助動詞", "助詞"))
_FIGURE = "数"
_TENS_WITH_ONES = frozenset("五六八")
_ONES = frozenset("一二三四五六七八九")
_COUNTED = _ONES | frozenset("何幾数")
_POWERS = frozenset("十百千万億兆京垓")
_PAIR_ACCENT = 3
_SECOND_MORA = {"億": frozenset("一六七八幾"), "兆": frozenset("六七")}


@dataclass(frozen=True)
class Word:
    """A word as the dictionary has it; `joined` is 1 or 0 where that is settled, else -1."""

    string: str
    pos: str
    group: str
    third: str
    form: str
    accent: int
    moras: int
    rule: str
    joined: int


def accented(
    features: Sequence[Mapping[str, Any]], dictionary: Sequence[str], accent_of: Callable[[str], int]
) -> list[Any]:
    """Features of Open JTalk with phrases and accents as version 1.11 sets them.

    Args:
        features: words with readings and moras, figures in words, as pyopenjtalk-plus gives them.
        dictionary: MeCab's features of the same text.
        accent_of: accent that the dictionary gives a figure in words.
    """
    words = _joined(_figures_joined(list(_words(features, dictionary, accent_of))))
    accents = _accents(words)
    return [
        {**feature, "acc": accent, "chain_flag": word.joined}
        for feature, word, accent in zip(features, words, accents, strict=True)
    ]


def _words(
    features: Sequence[Mapping[str, Any]], dictionary: Sequence[str], accent_of: Callable[[str], int]
) -> Iterator[Word]:
    """Each feature's word in the dictionary; a figure is none of it and keeps what its features say."""
    listed = [word for line in dictionary for word in _listed(line)]
    place = 0
    for index, feature in enumerate(features):
        found = next((at for at in range(place, len(listed)) if listed[at].string == feature["string"]), None)
        before = features[index - 1] if index else None
        figure = feature["pos_group1"] == _FIGURE or (before is not None and before["pos_group1"] == _FIGURE)
        if found is not None and feature["pos_group1"] != _FIGURE:
            place = found + 1
            word = listed[found]
            joined = feature["chain_flag"] if figure else word.joined
            if (word.moras, word.joined) != (feature["mora_size"], joined):
                word = replace(word, moras=feature["mora_size"], joined=joined)
            yield word
        else:
            own = accent_of(feature["string"]) if feature["pos_group1"] == _FIGURE else feature["acc"]
            yield Word(
                feature["string"], feature["pos"], feature["pos_group1"], feature["pos_group3"], feature["cform"],
                own, feature["mora_size"], feature["chain_rule"], feature["chain_flag"] if figure else -1,
            )  # fmt: skip


@functools.lru_cache(maxsize=16_384)
def _listed(line: str) -> tuple[Word, ...]:
    """The words of a line of MeCab's, most often one: ``東京,名詞,…,東京,トウキョウ,トーキョー,0/4,C1``."""
    columns = [*line.split(","), *[""] * 13][:13]
    surface, pos, group, _, third, _, form, lemma, _, _, accents, rule, flag = columns
    flag_value = int(flag) if flag in ("0", "1") else -1
    moras = re.findall(r"(-?\d*)/(\d*)", accents) if "*" not in accents else []
    if len(moras) < 2:
        accent, size = moras[0] if moras else ("", "")
        return (Word(surface, pos, group, third, form, int(accent or 0), int(size or 0), rule, flag_value),)
    strings = lemma.split(":")[: len(moras) - 1]
    strings.append(surface[sum(map(len, strings)) :])
    return tuple(
        Word(string, pos, group, third, form, int(accent or 0), int(size or 0), rule, 0 if index else flag_value)
        for index, (string, (accent, size)) in enumerate(zip(strings, moras, strict=False))
    )


def _figures_joined(words: list[Word]) -> list[Word]:
    """Figures joined as they are read: each with its power of ten, or in pairs where they are read one by one."""
    settled = list(words)
    start = 0
    while start < len(words):
        end = start
        while end < len(words) and words[end].group == _FIGURE and words[end].string not in _POWERS:
            end += 1
        if end - start > 1:
            for index in range(start, end):
                second = (index - start) % 2
                accent = _PAIR_ACCENT if index + 1 < end and not second else words[index].accent
                settled[index] = replace(words[index], joined=second, rule="*", accent=accent)
        start = max(end, start + 1)
    for index in range(1, len(words)):
        before, word = words[index - 1], words[index]
        if before.group == word.group == _FIGURE and before.string in _COUNTED and word.string in _POWERS:
            settled[index - 1] = replace(settled[index - 1], joined=0)
            settled[index] = replace(settled[index], joined=1)
        elif before.group == word.group == _FIGURE and before.string in _POWERS and word.string in _COUNTED:
            settled[index] = replace(settled[index], joined=0)
    return settled


def _joined(words: list[Word]) -> list[Word]:
    """Words with what joins them to the one before settled."""
    settled = words[:1]
    for before, word in pairwise(words):
        settled.append(word if word.joined >= 0 else replace(word, joined=int(_joins(before, word))))
    return settled


def _joins(before: Word, word: Word) -> bool:
    """Rules 18 to 1: the last that speaks decides."""
    noun, noun_before = word.pos == "名詞", before.pos == "名詞"
    if word.group == "接尾":
        return True
    if (noun_before and word.third == "名") or (noun and before.third == "姓") or word.pos == "接頭詞":
        return False
    if "記号" in (word.pos, before.pos):
        return False
    if noun_before and (word.pos in ("動詞", "形容詞") or word.group == "形容動詞語幹"):
        return False
    helper = _helper_joins(before, word)
    if helper:
        return True
    if noun and before.group == "接尾":
        return False
    if before.pos in _PARTICLES and word.pos not in _PARTICLES:
        return False
    if word.pos in _PARTICLES:
        return True
    if (noun and word.group == "副詞可能") or (noun_before and before.group == "副詞可能"):
        return False
    if word.pos in _APART or before.pos in _APART:
        return False
    if before.pos == "動詞" and (noun or word.pos == "形容詞"):
        return False
    return not (noun and (before.pos == "形容詞" or (noun_before and before.group == "形容動詞語幹")))


def _helper_joins(before: Word, word: Word) -> bool:
    """Rules 11 and 12: a helping adjective or verb after what it helps."""
    if word.group != "非自立" or word.pos not in ("形容詞", "動詞"):
        return False
    continuing = before.form.startswith("連用")
    if word.pos == "動詞":
        return (before.pos == "動詞" and continuing) or (before.pos == "名詞" and before.group == "サ変接続")
    if before.pos in ("動詞", "形容詞"):
        return continuing
    return before.pos == "助詞" and before.group == "接続助詞" and before.string in ("て", "で")


def _accents(words: list[Word]) -> list[int]:
    """Accent of each word; that of a phrase's first word is the phrase's."""
    accents = [word.accent for word in words]
    top = moras = 0
    for index, word in enumerate(words):
        after = words[index + 1] if index + 1 < len(words) else None
        if index == 0 or word.joined != 1:
            top, moras = index, 0
        else:
            before = words[index - 1]
            accents[top] = _changed(accents[top], accents[index], moras, *_rule(word.rule, before.pos))
            if before.group == word.group == _FIGURE:
                accents[index - 1] = _figure_accent(accents[index - 1], before, word, after)
        if word.string == "十" and word.joined != 1 and after is not None and after.group == _FIGURE:
            accents[index] = 0
        moras += word.moras
    return accents


def _rule(rules: str, pos_before: str) -> tuple[str, int]:
    """The first rule for that part of speech: ``動詞%F2@1/形容詞%F4@-2`` → (F2, 1) after a verb."""
    for rule in rules.split("/"):
        condition, sign, name = rule.rpartition("%")
        if not sign or condition in pos_before:
            kind, _, added = name.partition("@")
            return kind, int(added or 0)
    return "*", 0


def _changed(top: int, own: int, moras: int, rule: str, added: int) -> int:
    """A phrase's accent after a word of `own` accent joined `moras` moras."""
    changed = {
        "F2": moras + added if top == 0 else top,
        "F3": moras + added if top != 0 else top,
        "F4": moras + added,
        "F5": 0,
        "C1": moras + own,
        "C2": moras + 1,
        "C3": moras,
        "C4": 0,
        "P1": moras + own if own else 0,
        "P2": moras + (own or 1),
        "P6": 0,
        "P14": moras + own if own else top,
    }
    return changed.get(rule, top)


def _figure_accent(accent: int, before: Word, word: Word, after: Word | None) -> int:
    """Accent of a figure before a power of ten."""
    if word.string == "十":
        ones_follow = after is not None and after.string in _ONES
        return 0 if before.string in _TENS_WITH_ONES and ones_follow else 1
    if word.string == "百":
        return 2 if before.string == "七" else 1 if before.string in "三四九何" else before.moras + word.moras
    if word.string in ("千", "万"):
        return before.moras + 1
    if word.string in _SECOND_MORA:
        return 2 if before.string in _SECOND_MORA[word.string] else 1
    return accent


def named_accents(lines: Iterable[str]) -> dict[str, int]:
    """Accent of each word in lines of MeCab's."""
    return {word.string: word.accent for line in lines for word in _listed(line)}
