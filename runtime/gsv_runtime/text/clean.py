"""Text without what keyboards, files and fonts leave in it: line ends, controls, full-width and decomposed forms.

`clean` is what both front ends do; `plain_forms` goes on to one form for each character, so that the same text reads
the same however it was typed. Numbers of one character (½, Ⅳ, ①) are not touched: each language words them.
"""

from __future__ import annotations

import re
import unicodedata

_LINE_END = re.compile("\r\n?|[\u2028\u2029\u0085\v\f]")
_FULL_WIDTH = re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\u3000\uf900-\ufaff]")
_UNUSABLE = frozenset(("Cc", "Cf", "Co", "Cn"))
# Half-width kana and hangul, signs of money, ligatures, letters of mathematics, in circles and in squares.
_OTHER_FORMS = re.compile(
    "[\uff61-\uffdc\uffe0-\uffe6\ufb00-\ufb06\u2100-\u2102\u210a-\u2115\u2119-\u211d\u2124\u212a-\u212d\u24b6-\u24e9"
    "\U0001d400-\U0001d7ff\U0001f110-\U0001f149]+"
)
# Full-width signs whose ASCII form means the same in every language; ，。！？：；（）～ are marks of their own.
_FULL_WIDTH_SIGN = re.compile("[＂＃＄％＆＇＊＋／＜＝＞＠［＼］＾＿｀｛｜｝＊]")
_FULL_WIDTH_IN_FIGURES = re.compile("(?<=[0-9])：(?=[0-9])|(?<=[0-9A-Za-z])．(?=[0-9A-Za-z])|－(?=[0-9A-Za-z])")
_FULL_WIDTH_THOUSANDS = re.compile("(?<=[０-９])，(?=[０-９]{3}(?![０-９]))")
_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f]")
_FIGURE = re.compile(r"(?![0-9])\d")
_ASCII = {"：": ":", "．": ".", "－": "-"}


def clean(text: str) -> str:
    """Text without what no language can use: controls, zero-width marks, half-width forms."""
    text = _LINE_END.sub("\n", text).replace("\t", " ")
    if not text.replace("\n", "").isprintable():  # what is not printable is a control, unassigned, private or a blank
        text = "".join(char for char in text if char == "\n" or unicodedata.category(char) not in _UNUSABLE)
    if not text.isascii():
        text = _FULL_WIDTH.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    return re.sub(" {2,}", " ", text)


# Comparisons of programs; != would end a sentence. Not faces, arrows and marks: =>, <=>, <==, !!=.
_COMPARISONS = {"!=": "≠", "!==": "≠", "==": "=", "===": "=", ">=": "≥", "<=": "≤", "<>": "≠"}
_COMPARISON = re.compile(r"(?<=[\w)\]\"'])[ ]?(?:!==?|===?|>=|<=)[ ]?(?=[\w(\[\"'$+-])|(?<=[\w)\]]) <> (?=[\w(\[])")


def thousands_kept(text: str) -> str:
    """A comma among full-width figures is of thousands; among others it stands between two numbers: 双11，618."""
    return _FULL_WIDTH_THOUSANDS.sub(",", text) if "，" in text else text


def plain_forms(text: str) -> str:
    """Text in composed, narrow forms: ``cafe´`` → café, ``ｶﾞ`` → ガ, ``＄５`` → $5, ``ﬁ`` → fi, ``٣`` → 3."""
    text = _COMPARISON.sub(lambda match: f" {_COMPARISONS[match[0].strip()]} ", clean(thousands_kept(text)))
    if text.isascii():
        return text
    text = _OTHER_FORMS.sub(lambda match: unicodedata.normalize("NFKC", match[0]), _SPACE.sub(" ", text))
    text = unicodedata.normalize("NFC", text)
    text = _FULL_WIDTH_SIGN.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    text = _FULL_WIDTH_IN_FIGURES.sub(lambda match: _ASCII[match[0]], text)
    return re.sub(" {2,}", " ", _FIGURE.sub(lambda match: str(unicodedata.decimal(match[0])), text))
