"""Simplified Chinese characters to the phones that upstream gives, its slips included.

g2pW reads a clause if the user has it (`g2p.g2pw`), pypinyin otherwise; pypinyin's phrases correct the words that
jieba finds, and tones change word by word.
Source: RVC-Boss/GPT-SoVITS 48b1a01 `text/chinese2.py` and `text/tone_sandhi.py` (after PaddleSpeech, Apache-2.0);
`text/chinese.py` for v1 checkpoints, which reads word by word and changes no 儿. Deliberately different: a character
without reading is left out instead of raising `AssertionError`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence

from pypinyin import Style, lazy_pinyin
from pypinyin.constants import PHRASES_DICT

from gsv_runtime.text.g2p import chinese_posseg, g2pw
from gsv_runtime.text.g2p.chinese_sandhi import (
    Tagged,
    change_bu,
    change_third,
    halves,
    merge_bu,
    merge_doubled,
    merge_er,
    merge_third_tones,
)
from gsv_runtime.text.g2p.chinese_words import simplified, upstream_words
from gsv_runtime.text.g2p.pinyin import syllable_phones
from gsv_runtime.text.symbols import PUNCTUATION

Phones = tuple[str, ...]
ReadClauses = Callable[[Sequence[str]], Sequence[Sequence[str]]]

_CLAUSE = re.compile(r"[^!?…,.\-]*[!?…,.\-]|[^!?…,.\-]+")
_ALWAYS_NEUTRAL = frozenset("吧呢哈啊呐噻嘛吖嗨哦哒额滴哩哟喽啰耶喔诶的地得")
_BEFORE_MEASURE = frozenset("几有两半多各整每做是")
_NOT_AFTER_YI = frozenset("：，；。？！“”‘’':,;.?!")


def _each(characters: str) -> list[str]:
    return list(characters)


def _syllables(text: str) -> list[str]:
    """pypinyin's reading of a text, one entry per character; marks stand for themselves."""
    said = lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True, errors=_each)  # type: ignore[arg-type]
    return said if len(said) == len(text) else [s for char in text for s in _syllables(char)]


@functools.lru_cache(maxsize=65_536)
def _tones(word: str) -> str:
    """Last figure of each syllable of a word read alone, a mark itself where there is none."""
    return "".join(syllable[-1] for syllable in _syllables(word))


def read_by_pypinyin(clauses: Sequence[str]) -> list[list[str]]:
    """One syllable per character of each clause, marks standing for themselves, by pypinyin's phrases."""
    return [_syllables(clause) for clause in clauses]


def read_by_best(clauses: Sequence[str]) -> list[list[str]]:
    """As `read_by_pypinyin`, with the characters of several readings read by g2pW where the user has it."""
    model = g2pw.model()
    return read_by_pypinyin(clauses) if model is None else model.read(clauses, _read_taiwanese)


def _read_taiwanese(written: str) -> list[str]:
    return _syllables(simplified(written))


def phones(text: str, read_clauses: ReadClauses = read_by_best) -> list[tuple[str, Phones]]:
    """Characters and marks of normalised Chinese, each with its phones: two, and one for a mark.

    Args:
        text: what `normalize.chinese_upstream.normalize` returns, without characters that nothing reads.
        read_clauses: syllables of clauses, before any change.
    """
    clauses = _CLAUSE.findall(text)
    units: list[tuple[str, Phones]] = []
    for clause, syllables in zip(clauses, read_clauses(clauses), strict=True):
        units += zip(clause, map(_phones, _said(clause, list(syllables))), strict=True)
    return units


def phones_v1(text: str) -> list[tuple[str, Phones]]:
    """As `phones`, read as upstream's front end for v1 checkpoints does."""
    units: list[tuple[str, Phones]] = []
    for clause in _CLAUSE.findall(text):
        units += zip(clause, map(_phones, _said(clause, None)), strict=True)
    return units


def _phones(syllable: str) -> Phones:
    return (syllable,) if syllable in PUNCTUATION else syllable_phones(syllable)


def _said(clause: str, read: list[str] | None) -> list[str]:
    """Syllables as they are said; `read` before any change, or None to read each word by itself."""
    said: list[str] = []
    for word, tag in _merge(chinese_posseg.tagged(clause)):
        start = len(said)
        plain = _syllables(word) if read is None else _corrected(word, read[start : start + len(word)])
        tones = [syllable[-1] for syllable in plain]
        _change_tones(word, tag, tones)
        if read is not None:
            _change_er(word, tag, plain, tones)
        said += [s if s in PUNCTUATION else s[:-1] + tone for s, tone in zip(plain, tones, strict=True)]
    return said


def _corrected(word: str, syllables: list[str]) -> list[str]:
    readings = upstream_words().readings
    if word in readings:
        return list(readings[word])
    if word in PHRASES_DICT:
        return _syllables(word)
    return [readings[char][0] if char in readings else s for char, s in zip(word, syllables, strict=True)]


def _merge(words: Sequence[Tagged]) -> list[Tagged]:
    merged = merge_doubled(_merge_yi(merge_bu([(word, tag) for word, tag in words if word])))
    merged = merge_third_tones(merged, lambda a, b: set(_tones(a) + _tones(b)) == {"3"})
    merged = merge_third_tones(merged, lambda a, b: _tones(a)[-1] + _tones(b)[0] == "33")
    return merge_er(merged)


def _merge_yi(words: Sequence[Tagged]) -> list[Tagged]:
    """听 一 听 → 听一听, then 一 with whatever follows it, a mark too."""
    between: list[Tagged] = []
    index = 0
    while index < len(words):
        after = words[index + 1] if index + 1 < len(words) else ("", "")
        if words[index][0] == "一" and between and between[-1] == after and after[1] == "v":
            between[-1] = (f"{after[0]}一{after[0]}", "v")
            index += 2
        else:
            between.append(words[index])
            index += 1
    merged: list[Tagged] = []
    for word, tag in between:
        if merged and merged[-1][0] == "一":
            merged[-1] = ("一" + word, merged[-1][1])
        else:
            merged.append((word, tag))
    return merged


def _change_tones(word: str, tag: str, tones: list[str]) -> None:
    change_bu(word, tones)
    _change_yi(word, tones)
    _change_neutral(word, tag, tones)
    _change_third(word, tones)


def _change_yi(word: str, tones: list[str]) -> None:
    if "一" not in word or word.replace("一", "0").isnumeric():
        return
    if len(word) == 3 and word[1] == "一" and word[0] == word[2]:
        tones[1] = "5"
    elif word.startswith("第一"):
        tones[1] = "1"
    else:
        for index, char in enumerate(word[:-1]):
            if char == "一" and tones[index + 1] == "4":
                tones[index] = "2"
            elif char == "一" and word[index + 1] not in _NOT_AFTER_YI:
                tones[index] = "4"


def _change_neutral(word: str, tag: str, tones: list[str]) -> None:
    listed = upstream_words()
    if tag[:1] in ("n", "v", "a") and word not in listed.not_neutral_last:
        for index in range(1, len(word)):
            if word[index] == word[index - 1]:
                tones[index] = "5"
    neutral = _neutral_index(word, tag)
    if neutral is not None:
        tones[neutral] = "5"
    head, tail = halves(word)
    for part, last in ((head, len(head) - 1), (tail, len(word) - 1)):
        if part in listed.neutral_last or part[-2:] in listed.neutral_last:
            tones[last] = "5"


def _neutral_index(word: str, tag: str) -> int | None:
    """Which syllable's tone the word's ending takes away; the first rule that fits decides."""
    listed, last, several = upstream_words(), word[-1], len(word) > 1
    measure = word.find("个")
    if (
        last in _ALWAYS_NEUTRAL
        or (word in ("了", "着", "过") and tag in ("ul", "uz", "ug"))
        or (several and last in "们子" and tag in ("r", "n") and word not in listed.not_neutral_last)
        or (several and last in "上下里" and tag in ("s", "l", "f"))
        or (several and last in "来去" and word[-2] in "上下进出回过起开")
    ):
        return -1
    if word == "个" or (measure > 0 and (word[measure - 1].isnumeric() or word[measure - 1] in _BEFORE_MEASURE)):
        return measure
    return -1 if word in listed.neutral_last or word[-2:] in listed.neutral_last else None


def _change_third(word: str, tones: list[str]) -> None:
    """As `change_third`, but three syllables keep their tones if they do not divide in two, or end in two low ones."""
    if len(word) == 3:
        head = len(halves(word)[0])
        if head not in (1, 2) or (head == 2 and tones[0] != "3"):
            return
    change_third(word, tones)


def _change_er(word: str, tag: str, syllables: list[str], tones: list[str]) -> None:
    listed = upstream_words()
    if word[-1] != "儿" or not syllables[-1].startswith("er"):
        return
    if tones[-1] == "1":
        tones[-1] = "2"
    if word not in listed.always_erhua and (word in listed.never_erhua or tag in ("a", "j", "nr")):
        return
    if tones[-1] in "25" and word[-2:] not in listed.never_erhua and len(word) > 1:
        tones[-1] = tones[-2]
