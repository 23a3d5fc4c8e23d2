"""Figures of a sentence with what is written against them: sign, currency, unit, per cent, the end of a range.

In a Chinese, Japanese or Korean sentence a figure is said in the sentence's language, the letters around it in English
(G105次: G 一百零五次).
"""

from __future__ import annotations

import re

from gsv_runtime.text.normalize.units import UNIT

CURRENCY = (
    r"(?:(?:HK|US|NT|CA|AU|SG|RMB|CNY|A|C|S)?\s?[$€£￥¥₩￦₹₽＄]|(?<![A-Za-z])(?:RMB|CNY|HKD|USD|NTD|JPY|KRW)(?=\s?\d))"
)
_ONE_CHARACTER = (
    "\u00bc-\u00be\u2150-\u2189\u2460-\u249b\u24ea-\u24ff\u2776-\u2793\u3220-\u3229\u3280-\u3289"  # ½ Ⅳ ① ㈠
)
_NUMBER = rf"(?:\d+(?:[.,:：/·⁄]\d+)*[{_ONE_CHARACTER}]?|[{_ONE_CHARACTER}]+)"
_SCALE = r"(?:\s?(?:[千百]万|百萬|[千百十]?[万萬亿億兆]|[만억천])(?=\s?[A-Za-zμµ°℃㎏㎞㎡%％]))?"
_POWERS = "[⁰¹²³⁴-⁹]*"
_BEHIND = rf"(?:\s?(?:{UNIT}|[%％‰])|\s?[aApP]\.?[mM](?![A-Za-z])\.?)?"
# 1m75 is a height; 6L in A6L no volume.
_MEASURED = (
    rf"(?:(?<![A-Za-z])[12]m[0-9]{{1,2}}(?![A-Za-z0-9])|(?:(?<![A-Za-z])|(?<=\d[mhVkgs])){_NUMBER}{_POWERS}{_SCALE}{_BEHIND}"
    rf"|{_NUMBER}{_POWERS})"
)
# Whole in English wherever they stand: links, 21st, 1990s, B2B, 7-Eleven.
_ENGLISH = (
    r"https?://[^\s\u3000-\u9fff\uac00-\ud7ff\uff00-\uffef]+"
    r"|(?<!\d)\d*(?:1st|2nd|3rd|\dth)(?![A-Za-z])|(?<!\d)[12]\d\d0s(?![A-Za-z])"
    r"|(?<![A-Za-z0-9])[A-Z]2[A-Z](?![A-Za-z0-9])|(?<!\d)\d-[A-Z][a-z]+"
)
# The first look tells most characters of a text that no figure begins with them.
FIGURE = re.compile(
    rf"(?=[\d{_ONE_CHARACTER}h$€£￥¥₩￦₹₽＄A-Z−－﹣–+±-])(?:(?P<english>{_ENGLISH})"
    rf"|(?:{CURRENCY}\s?)?(?:(?<![\w\])）-])[-−－﹣–+±]\s?)?{_MEASURED}"
    rf"(?:\s?[-~～〜—–−－至到]+\s?(?:{CURRENCY}\s?)?[-−－﹣]?{_MEASURED})*)"
)
_MAY_BE_FIGURE = re.compile(rf"[\d{_ONE_CHARACTER}]|https?://")
# An address with figures: its letters and marks stay English, 123456@qq.com 幺二三四五六 at qq dot com.
# So do names of users and files: @tom_lee88.
ADDRESS = re.compile(
    r"(?<![A-Za-z0-9@._])@?(?=[A-Za-z0-9._-]*\d)(?=[0-9._-]*[A-Za-z])[A-Za-z0-9.-]*[A-Za-z0-9](?:_+[A-Za-z0-9]+)+(?![A-Za-z0-9_@]|\.[A-Za-z0-9])"
    r"|(?<![A-Za-z0-9@.])(?=[A-Za-z0-9@._-]*\d)(?:[A-Za-z0-9][A-Za-z0-9._-]*@)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
    r"\.(?:com|cn|net|org|io|co|jp|kr|hk|tw|edu|gov|me|info)(?![A-Za-z0-9])"
)
_ENGLISH_WORD = re.compile(r"[A-Za-z][A-Za-z'’]*")
_NOT_WORDS = re.compile(r"@\S+|[A-Za-z0-9]*_[A-Za-z0-9_ ]*|(?<=\d)[A-Za-z]+|[A-Za-z]+(?=\d)|[A-Za-z]*\.[A-Za-z]+")
_EAST_ASIAN = re.compile("[\u1100-\u11ff\u3005-\u3007\u3041-\u318f\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7ff]")


def may_have_figures(sentence: str) -> bool:
    """Whether `FIGURE` could find anything: a cheap look at what most sentences have not."""
    return _MAY_BE_FIGURE.search(sentence) is not None


def in_english_clause(sentence: str, start: int, end: int, needed: int = 2) -> bool:
    """Whether a figure stands in a clause of English, not in a name (iPhone 15 Pro) or a code.

    Args:
        sentence: the whole sentence.
        start: where the figure begins.
        end: where it ends.
        needed: words in small letters that make a clause.
    """
    left = max((match.end() for match in _EAST_ASIAN.finditer(sentence, 0, start)), default=0)
    after = _EAST_ASIAN.search(sentence, end)
    right = after.start() if after else len(sentence)
    words = _ENGLISH_WORD.findall(_NOT_WORDS.sub(" ", FIGURE.sub(" 0 ", sentence[left:right])))
    small = sum(len(word) > 1 and word.islower() for word in words) + ("I" in words)
    return small >= needed
