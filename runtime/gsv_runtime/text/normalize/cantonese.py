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
from gsv_runtime.text.normalize.chinese import say
from gsv_runtime.text.symbols import PUNCTUATION

# What the patterns of figures look for, in the characters that they are written in.
_PATTERN_CHARACTERS = str.maketrans(
    "點號萬億個張條塊歲鐘時後週樓間對雙輛顆頁節層棟單號壓來餘幾負溫達約為於電話編碼區門傳認證車間處臺架幅場座歷史",
    "点号万亿个张条块岁钟时后周楼间对双辆颗页节层栋单号压来余几负温达约为于电话编码区门传认证车间处台架幅场座历史",
)
_REPEATED = re.compile(r"([!?…,.\-])[!?…,.\-]+")


@functools.cache
def _to_traditional() -> opencc.OpenCC:
    return opencc.OpenCC("s2hk")


def normalize(text: str) -> str:
    """Cantonese text as it is said; letters are dropped: `segment` gave them to English."""
    said = say(text.translate(_PATTERN_CHARACTERS))
    if "幺" not in text:
        said = said.replace("幺", "一")
    said = _to_traditional().convert(said)
    return _REPEATED.sub(r"\1", "".join(char for char in said if char in PUNCTUATION or is_readable(char)))
