"""Cantonese characters to phones: jyutping by ToJyutping's dictionary of characters and words, then initial and rime.

Source: RVC-Boss/GPT-SoVITS 48b1a01 `text/cantonese.py`, whose division of a syllable the checkpoints learnt: the first
initial of its list that the syllable begins with, and the rest; 五 (ng5) is Yng Yg5. Deliberately different: a
character without reading has no phones instead of raising `ValueError`.
"""

from __future__ import annotations

import functools
import re

import ToJyutping

from gsv_runtime.text.symbols import PUNCTUATION, phone_table

Phones = tuple[str, ...]

# In this order: a syllable takes the first that it begins with.
_INITIALS = re.compile(
    "aa|ai|au|ap|at|ak|a|p|b|e|ts|t|dz|d|kw|k|gw|g|f|h|l|m|ng|n|s|y|w|c|z|j|ong|on|ou|oi|ok|o|uk|ung"
)
_JYUTPING = re.compile("[a-z]+[1-6]")
# What is done for a while when 下 stands behind it; behind other verbs (坐下, 留下, 放下) it is haa6.
_DONE = (
    "睇|等|試|问|問|諗|聽|食|講|傾|幫|搵|玩|瞓|休息|介紹|解釋|考慮|估|度|行|查|抖|唞|郁|影|唱|飲|望|搞|執|洗|抹|笑|教|練|跑|踩|摸|"
    "嗌|催|研究|了解|參考|比較|檢查|打掃|收拾|確認|商量|討論|聯絡|分享|運動|整理|準備|check|(?:睇|等|試|問|諗|聽|幫|搵|教)(?:我|佢|你)"
)
_MAY_BE_A_WHILE = re.compile("[下吓]")
_A_WHILE = re.compile(rf"(?:{_DONE})(?:下(?![面方邊個次晝午嚟去來落車班課雨雪限載降文列級屬周週星月年半一])|吓)")
# What the dictionary reads character by character, and other words than they look.
_WORDS = tuple(
    (re.compile(word), tuple(said.split()))
    for word, said in (
        ("(?<![步旅飛爬進執航同直平])行[長长](?![達达途期跑])", "hong4 zoeng2"),
        ("[種种](?=[田花樹树菜草瓜豆米植])", "zung3"),
        ("[數数](?=[錢钱]|[下吓]|一[數数]|清楚|[住到]|[銀银]紙)", "sou2"),
    )
)
_AGAIN = re.compile(r"(.)([下吓])\1\2")


@functools.lru_cache(maxsize=16_384)
def syllable_phones(jyutping: str) -> Phones:
    """``hoeng1`` → (Yh, Yoeng1); ``ng5`` → (Yng, Yg5); nothing for what is no syllable."""
    initial = _INITIALS.match(jyutping)
    if not _JYUTPING.fullmatch(jyutping) or initial is None:
        return ()
    rime = jyutping[initial.end() : -1] or initial[0][-1]
    return (f"Y{initial[0]}", f"Y{rime}{jyutping[-1]}")


@functools.lru_cache(maxsize=16_384)
def is_readable(char: str) -> bool:
    """Whether a character has a reading of its own."""
    known = phone_table("v2").keys()
    readings = (syllable_phones(said) if said else () for _, said in ToJyutping.get_jyutping_list(char))
    return all(phones_of and known >= set(phones_of) for phones_of in readings)


def phones(text: str, in_context: bool = False) -> list[tuple[str, Phones]]:
    """Characters and marks of normalised Cantonese, each with its phones: two, and one for a mark.

    Args:
        text: what a normaliser of `normalize.cantonese` returns.
        in_context: whether what the dictionary misses is read by the words around it; upstream does not.
    """
    said = ToJyutping.get_jyutping_list(text)
    if in_context and _MAY_BE_A_WHILE.search(text):
        said = _a_while(text, said)
    if in_context:
        said = _by_words(text, said)
    return [(char, (char,) if char in PUNCTUATION else syllable_phones(syllable or "")) for char, syllable in said]


def _by_words(text: str, said: list[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    read = list(said)
    for word, syllables in _WORDS:
        for match in word.finditer(text):
            for index, syllable in enumerate(syllables, match.start()):
                read[index] = (text[index], syllable)
    return read


def _a_while(text: str, said: list[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    """睇下, 傾吓: behind what is done for a while 下 is haa5; 睇下面, 行下去 stay."""
    read = list(said)
    for match in _A_WHILE.finditer(text):
        read[match.end() - 1] = (match[0][-1], "haa5")
    for match in _AGAIN.finditer(text):
        read[match.start() + 2] = read[match.start()]
        read[match.start() + 1] = read[match.end() - 1] = (match[2], "haa5")
    return read


def warm_up() -> None:
    """Load the dictionary."""
    phones("今日天氣好好,我哋去飲茶.")
