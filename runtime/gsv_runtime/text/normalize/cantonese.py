"""Cantonese text as it is said: traditional characters with a Cantonese reading, figures in words, marks reduced.

Figures are worded as in Mandarin (`normalize.chinese`), but 1 is 一 in telephone numbers too. Upstream's wording
is `normalize.chinese_upstream.normalize_cantonese`; it makes every text simplified and drops what stands outside
U+4E00 to U+9FA5 (㗎, 𨋢), so that words are read character by character.
"""

from __future__ import annotations

import functools
import re

import opencc

from gsv_runtime.text.g2p.cantonese import is_readable
from gsv_runtime.text.normalize import chinese_numbers as numbers
from gsv_runtime.text.normalize.chinese import say
from gsv_runtime.text.symbols import PUNCTUATION

# What the patterns of figures look for, in the characters that they are written in.
_PAIRS = (
    "點点 號号 萬万 億亿 個个 張张 條条 塊块 歲岁 鐘钟 時时 週周 樓楼 間间 對对 雙双 輛辆 顆颗 頁页 節节 層层 棟栋 "
    "單单 壓压 來来 餘余 幾几 負负 溫温 達达 約约 為为 於于 電电 話话 編编 碼码 區区 門门 傳传 認认 證证 車车 處处 "
    "臺台 場场 歷历 兩两 減减 攝摄 歐欧 鎊镑 韓韩 級级 盧卢"
).split()
_TO_PATTERNS = str.maketrans({pair[0]: pair[1] for pair in _PAIRS})
_FROM_PATTERNS = str.maketrans({pair[1]: pair[0] for pair in _PAIRS})
_DOLLARS = re.compile(r"(?<![A-Za-z])(?:HK|港)?\$")
_TWICE = re.compile(rf"{_DOLLARS.pattern}(?=\d[\d,.]*\s?[千萬万億亿]?(?:蚊|元|圓))")  # the sign and the word
# Counters and units of Cantonese that Mandarin does not have, or has 二 before.
_COUNTERS = (
    "兩(?!個)|呎|尺|吋|哩|里|磅|斤|両|蚊|毫|隻|條|歲|次|成|日|夜|晚|仔|女|房|廳|廁|層|間|個|位|碗|杯|架|張|套|對|份|包|支|枝|"
    "罐|樽|煲|碟|餐|轉|封|本|件|粒|條友|(?<!年[0-9])班|場|年(?!級|班|[0-9]班)|公里|鐘頭|點鐘"
)
_UNITS = (("千米", "公里"), ("千克", "公斤"))
_TWO = re.compile(rf"(?<![\d第月])(?<!\d\.)2(?=\s?(?:{_COUNTERS}))")
_COUNTED = re.compile(rf"(?<![\d.,第])(\d{{3,}})(?=\s?(?:{_COUNTERS}))")
_REPEATED = re.compile(r"([!?…,.\-])[!?…,.\-]+")


@functools.cache
def _to_traditional() -> opencc.OpenCC:
    return opencc.OpenCC("s2hk")


def _is_traditional(char: str) -> bool:
    try:
        char.encode("big5hkscs")
    except UnicodeEncodeError:
        return char < "\u3400"
    return True


def _traditional(said: str, text: str) -> str:
    """`said` in traditional characters.

    Only a text that has simplified ones is converted as a whole: 吓 of traditional text is not 嚇.
    """
    if not all(map(_is_traditional, text)):
        return _to_traditional().convert(said)
    said = said.translate(_FROM_PATTERNS)
    return "".join(char if _is_traditional(char) else _to_traditional().convert(char) for char in said)


def _count(figures: str, behind: str) -> str:
    is_year = behind.lstrip().startswith("年") and len(figures) == 4
    return figures if is_year else numbers.cardinal(figures)


def normalize(text: str) -> str:
    """Cantonese text as it is said; letters are dropped: `segment` gave them to English."""
    counted = _COUNTED.sub(
        lambda match: _count(match[1], text[match.end() :]), _TWO.sub("兩", _DOLLARS.sub("¥", _TWICE.sub("", text)))
    )
    said = say(counted.translate(_TO_PATTERNS))
    for mandarin, cantonese in _UNITS:
        if mandarin not in text:
            said = said.replace(mandarin, cantonese)
    if "幺" not in text:
        said = said.replace("幺", "一")
    if "嗯" in text:
        said = said.replace("恩", "嗯")
    said = _traditional(said, text)
    return _REPEATED.sub(r"\1", "".join(char for char in said if char in PUNCTUATION or is_readable(char)))
