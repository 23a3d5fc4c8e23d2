"""Characters of Unicode that stand for a number or a unit, in signs and figures that the readers of a language know.

½ → 1/2, Ⅳ → 4, ① → 1 and a pause, 10⁻³ → words for the power, ℃ → °C, № → number. Done for each run of one language
before its normaliser, because 10⁸ is *to the eighth* in one and 的八次方 in another. A number stays apart from figures
that it is written against: 5½ is 5 and 1/2, never 51/2.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from gsv_runtime.text.normalize.chinese_numbers import cardinal

_ROMAN = re.compile("[\u2160-\u217f]+")
_ENCLOSED = re.compile(
    "[\u2460-\u249b\u24ea-\u24ff\u2776-\u2793\u3220-\u3229\u3248-\u324f\u3251-\u325f\u3280-\u3289\u32b1-\u32bf]"
)
_VULGAR = re.compile("([0-9]*)\\s?([\u00bc-\u00be\u2150-\u215e\u2189])")
_RAISED = "\u2070\u00b9\u00b2\u00b3\u2074-\u2079"
_POWER = re.compile(f"(?<=[\\w)\\]])([\u207a\u207b]?[{_RAISED}]+|[\u207a\u207b]?[\u207f\u2071\u02e3])")
_CARET = re.compile(
    r"(?<=[\w)\]])\s?\^\s?(?:([-+\u2212]?)([0-9]+|[A-Za-z](?![A-Za-z]))|[({]([-+\u2212]?)([0-9]+|[A-Za-z])[)}])"
)
_LOWERED = re.compile("[\u2080-\u2089]+")
_COUNTERS = "号號番번호章节節届屆层層级級期年月日回巻卷話话集位名人個个分秒点點度线線路楼樓号.．、，,:：)）"
_WITH_NUMERALS = re.compile(
    f"[\u2160-\u217f\u2460-\u249b\u24ea-\u24ff\u2776-\u2793\u3220-\u33ff\u00bc-\u00be\u2150-\u215e\u2189{_RAISED}"
    "\u207a\u207b\u207f\u2071\u02e3\u2080-\u2089^\u2103\u2109\u2030\u2116\u2121]"
)
# Squared units of one character: as the same unit in letters, which the readers know.
_SQUARED = re.compile("[\u3300-\u3357\u3371-\u337a\u3380-\u33df\u33ff]")
_ROMAN_LETTERS = r"X{0,2}(?:IX|IV|V?I{1,3}|V)|X{1,2}"
_COUNTED_BY_ROMAN = (
    "世|セイ|型|期|类|類|级|級|度|代|章|部|卷|巻|节|節|届|屆|号|號|篇|册|幕|相|세|형|기|급|도|부|장|권|편|차"
)
_ROMAN_IN_CHARACTERS = re.compile(
    rf"(?<=[第제])(\s?(?!XX(?![IV]))(?:{_ROMAN_LETTERS}))(?![A-Za-z0-9])"
    rf"|(?<![A-Za-z0-9'’.·])((?![VX](?![IVX]|世|세)|XX(?![IV]))(?:{_ROMAN_LETTERS}))(?=\s?(?:{_COUNTED_BY_ROMAN}))"
    r"|(?<=[一-鿿々ァ-ヺー가-힣])(\s?(?:XI{1,3}|XI?V|I{2,3}|IV|IX|VI{2,3}))(?=[^A-Za-z0-9'’.]|[.]?$)"
)
_HAS_ROMAN_LETTERS = re.compile("[IVX]")
_ROMAN_OF_UNICODE = str.maketrans("IVX", "\u2160\u2164\u2169")


@dataclass(frozen=True)
class _Wording:
    """How a language words what has no figures of its own.

    Attributes:
        power: a power with its exponent, the sign in it.
        squared: the powers that the language's own rules know, left as they are.
        mixed: between a whole number and a fraction.
        pause: behind a number in a circle, which begins an item of a list.
        signs: single characters and what stands for them.
        letters: letters that are raised, as the language calls them.
    """

    power: Callable[[str], str]
    squared: str
    mixed: str
    pause: str
    signs: dict[str, str]
    letters: dict[str, str]


def _signed(exponent: str, minus: str) -> str:
    return exponent.replace("-", minus).replace("+", "")


def _english_power(exponent: str) -> str:
    figures = exponent.lstrip("-+")
    if exponent.startswith("-") or figures == "0":
        return f" to the power of {_signed(exponent, 'minus ')} "
    if not figures.isdigit():
        return f" to the {figures} "
    ending = "th" if figures[-2:-1] == "1" else {"1": "st", "2": "nd", "3": "rd"}.get(figures[-1], "th")
    return f" to the {figures}{ending} "


_CHINESE = _Wording(
    power=lambda exponent: f"的{_signed(exponent, '负')}次方",
    squared="",
    mixed="又",
    pause="，",
    signs={"℃": "°C", "℉": "华氏度", "№": "第", "℡": "电话", "㍿": "株式会社", "㈱": "株式会社"},
    letters={"ⁿ": "恩", "ˣ": "艾克斯"},
)
_WORDINGS = {
    "en": _Wording(
        power=_english_power,
        squared="²³",
        mixed=" ",
        pause=", ",
        signs={"℃": "°C ", "℉": "°F ", "‰": " per mille ", "№": " number ", "℡": " telephone "},
        letters={},
    ),
    "zh": _CHINESE,
    "yue": _CHINESE,
    "ja": _Wording(
        power=lambda exponent: f"の{_signed(exponent, 'マイナス')}乗",
        squared="",
        mixed="と",
        pause="、",
        signs={"℃": "℃", "℉": "華氏度", "‰": "パーミル", "№": "ナンバー", "℡": "電話", "㍿": "株式会社",
               "㈱": "株式会社", "㈲": "有限会社"},
        letters={"ⁿ": "エヌ", "ˣ": "エックス"},
    ),
    "ko": _Wording(
        power=lambda exponent: f"의 {_signed(exponent, '마이너스 ')} 제곱",
        squared="",
        mixed="과 ",
        pause=", ",
        signs={"℃": "℃", "℉": "화씨도", "‰": " 퍼밀", "№": "넘버 ", "℡": "전화 ", "㈜": "주식회사 "},
        letters={"ⁿ": "엔", "ˣ": "엑스"},
    ),
}  # fmt: skip
_ROMAN_RULERS = re.compile(
    "(?:Henry|Louis|George|Edward|Charles|James|William|Richard|Philip|Elizabeth|Pius|Napoleon|Francis) $"
)


def has_numerals(text: str) -> bool:
    """Whether `plain` would change anything."""
    return _WITH_NUMERALS.search(text) is not None


def plain(text: str, language: str) -> str:
    """A run of one language with its numbers and units of one character in figures, letters and words."""
    if not has_numerals(text):
        return text
    wording = _WORDINGS[language]
    text = _POWER.sub(lambda match: _power(match, wording), text)
    text = _CARET.sub(lambda match: wording.power(_exponent(match[1] or match[3] or "", match[2] or match[4])), text)
    text = _LOWERED.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    text = _VULGAR.sub(lambda match: _fraction(match, wording, language), text)
    text = _ROMAN.sub(lambda match: _roman(match, language), text)
    text = _ENCLOSED.sub(lambda match: _enclosed(match, wording), text)
    for sign, said in wording.signs.items():
        text = text.replace(sign, said)
    return _SQUARED.sub(_unit, text)


def roman_in_characters(sentence: str) -> str:
    """A sentence whose Roman numerals in letters, among characters, are Unicode's: 伊丽莎白II世, 제III장, 最终幻想VII.

    Letters stay letters: V型, X光, XX公司, VI设计.
    """
    if sentence.isascii() or not _HAS_ROMAN_LETTERS.search(sentence):
        return sentence
    return _ROMAN_IN_CHARACTERS.sub(lambda match: match[0].translate(_ROMAN_OF_UNICODE), sentence)


def _exponent(sign: str, figures: str) -> str:
    return ("-" if sign in ("-", "\u2212", "\u207b") and sign else "") + figures


def _power(match: re.Match[str], wording: _Wording) -> str:
    raised = match[1]
    before = match.string[max(0, match.start() - 2) : match.start()]
    if raised in ("²", "³") and (raised in wording.squared or before[-1:].isalpha()):
        return raised  # of a unit: m²
    if len(before) == 2 and before.isalpha() and before.isascii():
        return " "  # the mark of a footnote
    if raised[-1] in wording.letters:
        return wording.power(_exponent(raised[:-1], wording.letters[raised[-1]]))
    plain_figures = unicodedata.normalize("NFKC", raised).replace("\u2212", "-")
    return wording.power(plain_figures)


def _fraction(match: re.Match[str], wording: _Wording, language: str) -> str:
    top, _, bottom = unicodedata.normalize("NFKC", match[2]).partition("\u2044")
    if language in ("zh", "yue") and bottom:
        return f"{match[1]}{wording.mixed if match[1] else ''}{cardinal(bottom)}分之{cardinal(top)}"
    written = f"{top}/{bottom or 1}" if bottom else top
    if match[1]:
        return f"{match[1]}{wording.mixed}{written}"
    apart = match.string[match.start() - 1 : match.start()].isalnum() and language in ("en", "ko")
    return f"{' ' if apart else ''}{written}"


def _roman(match: re.Match[str], language: str) -> str:
    letters = unicodedata.normalize("NFKC", match[0])
    before = match.string[: match.start()]
    if language == "en" and _ROMAN_RULERS.search(before):
        return letters.upper()
    value = roman_value(letters.upper()) if len(match[0]) > 1 else int(unicodedata.numeric(match[0]))
    apart = " " if before[-1:].isalnum() and (language == "en" or before[-1:].isascii()) else ""
    return f"{apart}{value}" + (
        " " if language == "en" and match.string[match.end() : match.end() + 1].isalnum() else ""
    )


def roman_value(letters: str) -> int:
    """``XIV`` → 14."""
    values = [{"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}[letter] for letter in letters]
    return sum(-value if value < after else value for value, after in zip(values, [*values[1:], 0], strict=True))


def _enclosed(match: re.Match[str], wording: _Wording) -> str:
    before, after = match.string[: match.start()], match.string[match.end() : match.end() + 1]
    number = f"{unicodedata.numeric(match[0]):g}"
    opened = wording.pause if before[-1:].isalnum() and before[-1:] not in "第제" else ""
    return opened + number + ("" if after in _COUNTERS or not match.string[match.end() :].strip() else wording.pause)


def _unit(match: re.Match[str]) -> str:
    letters = unicodedata.normalize("NFKC", match[0])
    return re.sub(r"(?<=m)([23])$", lambda power: {"2": "²", "3": "³"}[power[1]], letters.replace("\u2215", "/"))
