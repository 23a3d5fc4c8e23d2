"""Formulas as they are said: of chemistry letter by letter (NaCl, Ca(OH)2), of algebra with its signs in words.

Chemical formulas in capitals alone (CO2, H2SO4) are spelled by the reader of English, which words its own algebra, too.
"""

from __future__ import annotations

import re

_ELEMENTS = frozenset(
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb "
    "Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Sm Eu Gd W Re Os Ir Pt Au Hg Tl Pb Bi Th U Pu".split()
)
_WITH = frozenset("H C N O F P S Cl Br I".split())  # one of these is in what chemists write; not in CoV, HoHo, CoCo
_NAMES = frozenset(("HeLa", "NiCd"))
_FORMULA = re.compile(
    r"(?<![A-Za-z0-9'’.@/_-])(?:[A-Z][a-z]?[0-9₀-₉]{0,2}|\((?:[A-Z][a-z]?[0-9₀-₉]{0,2})+\)[0-9₀-₉]{0,2}){2,}(?![A-Za-z0-9'’@/_(]|\.[A-Za-z0-9])"
)
_PARTS = re.compile(r"[A-Z][a-z]?|[0-9₀-₉]+")


def spelled(sentence: str) -> str:
    """A sentence whose formulas are spelled: NaCl → N A C L, Fe2O3 → F E 2 O 3."""
    return _FORMULA.sub(_letters, sentence)


def _letters(match: re.Match[str]) -> str:
    written = match[0]
    parts = _PARTS.findall(written)
    symbols = [part for part in parts if part.isalpha()]
    if written.isupper() or written in _NAMES or re.fullmatch("[A-Z]{2,}s", written):
        return written
    if len(symbols) < 2 or not _ELEMENTS.issuperset(symbols) or _WITH.isdisjoint(symbols):
        return written
    return " ".join(letter for part in parts for letter in (part.upper() if part.isalpha() else [part]))


# Letters that stand for numbers; 3m, 5g and 2h are measures.
_UNKNOWN = "[abcijknpqrtuvwxyzABCFNPQRSTXYZ]"
_TERM = rf"[-−]?√?(?:\d+(?:\.\d+)?(?:[abcnpqrxyzXY](?![A-Za-z]))?|{_UNKNOWN}(?![A-Za-z])\d?)[²³]?"
_LINK = r"\s?[-−+×÷=＝≈≠<>≤≥＜＞]\s?"
_EQUATION = re.compile(rf"(?<![A-Za-z0-9?&/.@_#%:-]){_TERM}(?:{_LINK}{_TERM})+(?![A-Za-z0-9&@/_%]|\.\d|[-−]\d)")
_LONE_ROOT = re.compile(r"√(?=\d)")
_FUNCTION = re.compile(r"(?<![A-Za-z0-9])([fghFGP]|sin|cos|tan|log|ln)[（(]([a-zA-Z]|[-−]?\d+(?:\.\d+)?)[)）]")
_OF_ALGEBRA = re.compile("[+×÷=＝≈≠²³√]|[<>≤≥＜＞](?=.*\\d)|(?<=\\d)[<>≤≥＜＞]")
_SIGNS = "+-×÷=≈≠<>≤≥²³√"
_SIGNS_IN_WORDS = {
    "zh": "加 减 乘 除以 等于 约等于 不等于 小于 大于 小于等于 大于等于 平方 立方 根号",
    "ja": "プラス マイナス かける 割る イコール ニアリーイコール ノットイコール 小なり 大なり "
    "小なりイコール 大なりイコール の2乗 の3乗 ルート",
    "ko": "더하기 빼기 곱하기 나누기 이퀄 약 낫이퀄 작다 크다 이하 이상 제곱 세제곱 루트",
}
_WORDS = {
    language: {
        sign: f" {said} " if language == "ko" else said for sign, said in zip(_SIGNS, names.split(), strict=True)
    }
    for language, names in _SIGNS_IN_WORDS.items()
}
_MAY_BE_ALGEBRA = re.compile(r"[A-Za-z²³]\d?\s?[-−+×÷=＝≈≠<>≤≥²³＜＞(（]|[-−+×÷=＝≈≠<>≤≥＜＞]\s?\d*[A-Za-z]|√")
_NEGATIVE = {"zh": "负", "ja": "マイナス", "ko": "마이너스 "}
_FOLDED = str.maketrans("−＝＜＞", "-=<>")


def algebra_said(sentence: str, language: str) -> str:
    """A sentence of Chinese, Japanese or Korean with the signs of its algebra in words: f(x)=2x²−3x, 解3x+5=20.

    Sums of figures alone are left to the language's own rules.

    Args:
        sentence: any text.
        language: of most of the text.
    """
    if language not in ("zh", "yue", "ja", "ko") or not _MAY_BE_ALGEBRA.search(sentence):
        return sentence
    column = "zh" if language == "yue" else language
    words = _WORDS[column]
    sentence = _FUNCTION.sub(r"\1 \2", sentence) if "(" in sentence or "（" in sentence else sentence
    sentence = _EQUATION.sub(lambda match: _equation(match[0], words, _NEGATIVE[column]), sentence)
    return _LONE_ROOT.sub(words["√"], sentence)


def _equation(written: str, words: dict[str, str], negative: str) -> str:
    if not re.search("[A-Za-z]", written) or not _OF_ALGEBRA.search(written):
        return written
    said, operand = "", False
    for char in re.sub(r"\s+", "", written.translate(_FOLDED)):
        said += negative if char == "-" and not operand else words.get(char, "A" if char == "a" else char)  # no article
        operand = char.isalnum() or char in "²³"
    return said
