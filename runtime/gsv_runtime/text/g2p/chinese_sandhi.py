"""Tone changes of Mandarin: 不, 一, neutral tones, third tones, and 儿 after a syllable.

A word here is its characters, its jieba tag and one tone figure per character, as a list to change.
Source: the rules of PaddleSpeech's tone sandhi (Apache-2.0), as upstream applies them. Deliberately
different: only a whole doubled noun or verb (妈妈, 看看) takes a neutral tone, not 行行 in 银行行长 or the
last syllable of 绿油油; 一 before 百 千 万 亿 changes its tone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import rjieba

from gsv_runtime.text.g2p.chinese_words import (
    ALWAYS_ERHUA,
    DOUBLED_WITHOUT_NEUTRAL,
    NEUTRAL_LAST,
    NEVER_ERHUA,
    NOT_NEUTRAL_LAST,
)

Tagged = tuple[str, str]
_FIGURES = frozenset("零〇一二三四五六七八九十百千万亿两")
_PARTICLES = frozenset("吧呢哈啊呐噻嘛吖嗨哦哒额滴哩哟喽啰耶喔诶")
_BEFORE_MEASURE = frozenset("几有半多各整每做是")
_MAX_MERGED = 3


def merge_words(words: Sequence[Tagged], tones_of: Callable[[str], str]) -> list[Tagged]:
    """Join words that change tone together: 不 and 一 with what follows, doubled words, third tones, 儿.

    Args:
        words: a clause, as jieba cut and tagged it.
        tones_of: tone figures of a word, before any change.
    """
    merged = _merge_yi(merge_bu(words))
    merged = merge_doubled(merged)
    merged = merge_third_tones(merged, lambda a, b: set(tones_of(a) + tones_of(b)) == {"3"})
    merged = merge_third_tones(merged, lambda a, b: tones_of(a)[-1] + tones_of(b)[0] == "33")
    return merge_er(merged)


def merge_bu(words: Sequence[Tagged]) -> list[Tagged]:
    """Join 不 with the word behind it."""
    merged: list[Tagged] = []
    for word, tag in words:
        if merged and merged[-1][0] == "不":
            merged[-1] = ("不" + word, tag)
        else:
            merged.append((word, tag))
    return merged


def _merge_yi(words: Sequence[Tagged]) -> list[Tagged]:
    merged: list[Tagged] = []
    index = 0
    while index < len(words):
        word, tag = words[index]
        after = words[index + 1] if index + 1 < len(words) else ("", "")
        if word == "一" and merged and merged[-1] == after and tag and after[1] == "v":
            merged[-1] = (f"{after[0]}一{after[0]}", "v")
            index += 2
            continue
        if merged and merged[-1][0] == "一":
            merged[-1] = ("一" + word, merged[-1][1])
        else:
            merged.append((word, tag))
        index += 1
    return merged


def merge_doubled(words: Sequence[Tagged]) -> list[Tagged]:
    """Join a word with the same word behind it."""
    merged: list[Tagged] = []
    for word, tag in words:
        if merged and merged[-1][0] == word:
            merged[-1] = (word * 2, merged[-1][1])
        else:
            merged.append((word, tag))
    return merged


def merge_third_tones(words: Sequence[Tagged], joins: Callable[[str, str], bool]) -> list[Tagged]:
    """Join two short neighbours whose third tones meet, as `joins` decides from their texts."""
    merged: list[Tagged] = []
    just_merged = False
    for index, (word, tag) in enumerate(words):
        before = words[index - 1][0] if index else ""
        if (
            before
            and not just_merged
            and not (len(before) == 2 and before[0] == before[1])
            and len(before) + len(word) <= _MAX_MERGED
            and joins(before, word)
        ):
            merged[-1] = (merged[-1][0] + word, merged[-1][1])
            just_merged = True
        else:
            merged.append((word, tag))
            just_merged = False
    return merged


def merge_er(words: Sequence[Tagged]) -> list[Tagged]:
    """Join 儿 with the word before it."""
    merged: list[Tagged] = []
    for word, tag in words:
        if merged and word == "儿":
            merged[-1] = (merged[-1][0] + word, merged[-1][1])
        else:
            merged.append((word, tag))
    return merged


def change_tones(word: str, tag: str, tones: list[str]) -> None:
    """Apply every change inside one word, in upstream's order, to `tones`."""
    change_bu(word, tones)
    _change_yi(word, tones)
    _change_neutral(word, tag, tones)
    change_third(word, tones)
    _change_er(word, tag, tones)


def change_bu(word: str, tones: list[str]) -> None:
    """不 between two syllables is neutral, before a fourth tone it takes the second."""
    if len(word) == 3 and word[1] == "不":
        tones[1] = "5"
        return
    for index, char in enumerate(word[:-1]):
        if char == "不" and tones[index + 1] == "4":
            tones[index] = "2"


def _change_yi(word: str, tones: list[str]) -> None:
    if len(word) == 3 and word[1] == "一" and word[0] == word[2]:
        tones[1] = "5"
        return
    if word.startswith("第一"):
        tones[1] = "1"
        return
    in_number = _FIGURES.issuperset(word)
    for index, char in enumerate(word[:-1]):
        if char != "一" or (in_number and (index or word[index + 1] not in "百千万亿")):
            continue
        if index and word[index - 1] in _FIGURES:
            continue
        tones[index] = "2" if tones[index + 1] == "4" else "4"


def _change_neutral(word: str, tag: str, tones: list[str]) -> None:
    kind = tag[:1]
    doubled = len(word) == 2 and word[0] == word[1]
    if doubled and kind in ("n", "v") and word not in DOUBLED_WITHOUT_NEUTRAL:
        tones[1] = "5"
    if _is_neutral_last(word, tag):
        tones[-1] = "5"
    measure = word.find("个")
    if measure > 0 and (word[measure - 1] in _FIGURES or word[measure - 1] in _BEFORE_MEASURE):
        tones[measure] = "5"
    head, _ = halves(word)
    if head in NEUTRAL_LAST or head[-2:] in NEUTRAL_LAST:
        tones[len(head) - 1] = "5"


def _is_neutral_last(word: str, tag: str) -> bool:
    last = word[-1]
    if word in NEUTRAL_LAST or word[-2:] in NEUTRAL_LAST or word == "个":
        return True
    if last == "个":
        return word[0] != "个"  # 打个电话, not 个个
    if last in _PARTICLES:
        return word not in NOT_NEUTRAL_LAST
    if len(word) == 1:
        return word in "了着过" and tag in ("ul", "uz", "ug")
    if last in "们子" and tag[:1] in ("r", "n"):
        return word not in NOT_NEUTRAL_LAST
    return (last in "上下里" and word not in NOT_NEUTRAL_LAST and tag in ("s", "l", "f")) or (
        last in "来去" and word[-2] in "上下进出回过起开"
    )


def change_third(word: str, tones: list[str]) -> None:
    """Raise the first of two third tones that stand in one foot of a word."""
    if len(word) == 2:
        _raise_first_of_pair(tones, 0)
    elif len(word) == 3:
        head = len(halves(word)[0])
        if tones == ["3", "3", "3"]:
            tones[1] = "2"
            if head == 2:
                tones[0] = "2"
        elif head == 2:
            _raise_first_of_pair(tones, 0)
            if tones[1:] == ["3", "3"]:
                tones[1] = "2"
        elif head == 1:
            if tones[1:] == ["3", "3"]:
                tones[1] = "2"
            elif tones[:2] == ["3", "3"]:
                tones[0] = "2"
    elif len(word) == 4:
        _raise_first_of_pair(tones, 0)
        _raise_first_of_pair(tones, 2)


def _raise_first_of_pair(tones: list[str], index: int) -> None:
    if tones[index : index + 2] == ["3", "3"]:
        tones[index] = "2"


def _change_er(word: str, tag: str, tones: list[str]) -> None:
    """A final 儿 takes the tone of the syllable that it colours, but stays a syllable, as upstream has it."""
    if word[-1] != "儿" or len(word) < 2:
        return
    if tones[-1] == "1":
        tones[-1] = "2"
    own_syllable = word in NEVER_ERHUA or word[-2:] in NEVER_ERHUA or tag in ("a", "j", "nr")
    if word in ALWAYS_ERHUA or not own_syllable:
        tones[-1] = tones[-2]


@functools.lru_cache(maxsize=16_384)
def halves(word: str) -> tuple[str, str]:
    """A word cut in two where its shortest inner word begins or ends."""
    shortest = min(rjieba.cut_for_search(word), key=len, default=word)
    if word.startswith(shortest):
        return shortest, word[len(shortest) :]
    return word[: -len(shortest)], shortest
