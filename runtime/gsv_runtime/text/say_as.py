"""Figures and letters said as SSML's say-as asks: the words of each language."""

from __future__ import annotations

import re
from collections.abc import Callable

from gsv_runtime.text.normalize import chinese_numbers, english_numbers

INTERPRETATIONS = ("characters", "spell-out", "digits", "telephone", "cardinal", "number", "ordinal")
_FIGURES = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_DIGIT_NAMES = {
    "ja": "ゼロ イチ ニー サン ヨン ゴー ロク ナナ ハチ キュー".split(),
    "ko": "공 일 이 삼 사 오 육 칠 팔 구".split(),
}
_NATIVE_KOREAN = " 첫 두 세 네 다섯 여섯 일곱 여덟 아홉 열".split(" ")


def say_as(text: str, interpretation: str, language: str) -> str:
    """A text in words.

    Args:
        text: what the element holds.
        interpretation: one of `INTERPRETATIONS`.
        language: of the words, a key of `languages.LANGUAGES`.
    """
    if interpretation in ("characters", "spell-out"):
        return _separated([_digits(char, language) if char.isdecimal() else _letter(char) for char in text], language)
    if interpretation in ("digits", "telephone"):
        groups = re.findall(r"\d+", text) if interpretation == "telephone" else ["".join(re.findall(r"\d", text))]
        said = [_digits(group, language) for group in groups if group]
        return _pause(language).join(said) or text
    say: Callable[[str, str], str] = _ordinal if interpretation == "ordinal" else _cardinal
    return _FIGURES.sub(lambda match: say(match[0].replace(",", ""), language), text)


def _letter(char: str) -> str:
    return char.upper() if char.isascii() else char


def _separated(parts: list[str], language: str) -> str:
    return ("" if language in ("zh", "yue", "ja") else " ").join(part for part in parts if part.strip())


def _pause(language: str) -> str:
    return "，" if language in ("zh", "yue") else "、" if language == "ja" else ", "


def _digits(figures: str, language: str) -> str:
    ascii_figures = "".join(str(int(figure)) for figure in figures)
    if language in ("zh", "yue"):
        return chinese_numbers.digits(ascii_figures)
    if language in _DIGIT_NAMES:
        return "".join(_DIGIT_NAMES[language][int(figure)] for figure in ascii_figures)
    return english_numbers.digits(ascii_figures)


def _cardinal(figures: str, language: str) -> str:
    if language in ("zh", "yue"):
        return chinese_numbers.decimal(figures)
    if language == "ko":
        from gsv_runtime.text.normalize.korean import figures_said  # loads the analyser of Korean

        return figures_said(figures)
    return figures if language == "ja" else english_numbers.decimal(figures)


def _ordinal(figures: str, language: str) -> str:
    if language in ("zh", "yue"):
        return f"第{chinese_numbers.decimal(figures)}"
    if language == "ko":
        value = int(figures.partition(".")[0])
        return f"{_NATIVE_KOREAN[value] if 0 < value <= 10 else _cardinal(figures, language)} 번째"
    return f"第{figures}" if language == "ja" else english_numbers.ordinal(figures.partition(".")[0])
