"""Codes of letters and figures in Chinese, Japanese and Korean: trains, flights, plates, orders, accounts, models.

`segment` gives the letters to English and the figures to the sentence's language; here long figures become single
digits, and the marks between letters and figures go, so that GPT-4 has no minus.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gsv_runtime.text.figures import ADDRESS
from gsv_runtime.text.normalize import chinese_numbers
from gsv_runtime.text.normalize.units import UNIT
from gsv_runtime.text.segment import Run

_CODE = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]+(?:\s?[:：]\s?(?=\d{4})|[·•-]| )?\d+(?:\.\d+)*"
    r"(?:[·•-]?(?:[A-Z]+|\d+))*(?![A-Za-z]*[./@])"
    r"|(?<![A-Za-z0-9])\d+[A-Z]+\d[A-Z0-9]*"
)
_ADDRESS_MARKS = {".": " dot ", "@": " at ", "_": " underscore ", "-": " dash "}
_FIGURES = re.compile(r"(?:([·•-])|(?<![\d.]))(\d+)(?!\.?\d)")
_UNIT = re.compile(UNIT)
_MAY_BE_CODE = re.compile(r"[A-Za-z].?\s?\d|\d[A-Z@.]|_")
_COUNTED = re.compile(r"(?<!\d{4})次|\s?[万萬億亿元块塊個个人円원명개%％]")
_YEAR = re.compile("(?:19|20)[0-9]{2}")
_LONG = {"zh": 3, "yue": 3, "ja": 5, "ko": 4}
_DIGIT_NAMES = {
    "ja": "ゼロ イチ ニー サン ヨン ゴー ロク ナナ ハチ キュー".split(),
    "ko": "공 일 이 삼 사 오 육 칠 팔 구".split(),
}


def say_codes(runs: Sequence[Run]) -> list[Run]:
    """Put the long figures of a sentence's codes in words.

    Args:
        runs: of one sentence.
    """
    sentence = "".join(run.text for run in runs)
    if not _MAY_BE_CODE.search(sentence):
        return list(runs)
    edits = sorted(_edits(sentence, [run.language for run in runs for _ in run.text]))
    if not edits:
        return list(runs)
    said: list[Run] = []
    start = 0
    for run in runs:
        end = start + len(run.text)
        text = run.text
        for first, last, words in reversed([edit for edit in edits if start <= edit[0] and edit[1] <= end]):
            text = text[: first - start] + words + text[last - start :]
        if text:
            said.append(Run(run.language, text))
        start = end
    return said


def _edits(sentence: str, languages: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Start, end and words of what is said otherwise than it is written."""
    addresses = [found.span() for found in ADDRESS.finditer(sentence)]
    for start, end in addresses:
        yield from _address_edits(sentence, languages, start, end)
    for code in _CODE.finditer(sentence):
        if any(start <= code.start() < end for start, end in addresses):
            continue
        is_mixed = len(re.findall(r"\d+", code[0])) > 1 and len(re.findall(r"\d", code[0])) > 3  # a plate: C·88K66
        for figures in _FIGURES.finditer(sentence, *code.span()):
            language = languages[figures.start(2)]
            if language not in _LONG:
                continue
            if _UNIT.match(sentence, figures.end()) and languages[figures.end()] == language:
                continue
            if figures[1]:
                yield (*figures.span(1), "")
            is_long = is_mixed or len(figures[2]) >= _LONG[language] or (len(figures[2]) > 1 and figures[2][0] == "0")
            words = _said(figures[2], language, sentence[figures.start(2) - 1], is_long)
            if words and not _COUNTED.match(sentence, figures.end()):
                yield (*figures.span(2), words)


def _address_edits(sentence: str, languages: Sequence[str], start: int, end: int) -> Iterator[tuple[int, int, str]]:
    if not any(languages[index] in _LONG for index in range(start, end)):
        return
    for part in re.compile(r"\d+|[.@_-]").finditer(sentence, start, end):
        language = languages[part.start()]
        if part[0] in _ADDRESS_MARKS:
            yield (*part.span(), _ADDRESS_MARKS[part[0]])
        elif language in _LONG:
            yield (*part.span(), _digits(part[0], language, apart=False))


def _said(figures: str, language: str, before: str, is_long: bool) -> str:
    """Figures of a code in words, nothing where the language's normaliser says them well."""
    if is_long and (len(figures) > 3 or not figures.endswith("00")):
        return _digits(figures, language, before == " ")
    is_short = language in ("zh", "yue") and len(figures) < 3 and before.isalpha()
    return chinese_numbers.cardinal(figures) if is_short else ""  # T2: 二, never 两


def _digits(figures: str, language: str, apart: bool) -> str:
    if language == "ko" and apart and _YEAR.fullmatch(figures):  # CES 2024
        return figures
    if language in _DIGIT_NAMES:
        return "".join(_DIGIT_NAMES[language][int(figure)] for figure in figures)
    is_year = apart and _YEAR.fullmatch(figures)  # CES 2019
    return (chinese_numbers.digits if is_year or language == "yue" else chinese_numbers.telephone_digits)(figures)
