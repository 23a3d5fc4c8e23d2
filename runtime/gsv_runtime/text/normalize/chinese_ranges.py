"""Two figures with a dash, a tilde, 至 or 到 between: ranges (五到十度), scores (四比三), numbers of models and codes.

Both figures of a range are read the same way, each with its sign; the unit, counter or currency behind it says how.
"""

from __future__ import annotations

import re

from gsv_runtime.text.normalize import chinese_numbers as numbers
from gsv_runtime.text.normalize.chinese_words import CODES, CURRENCIES, MEASURES, NOT_LIANG, RESULTS, SPORTS, TEAMS
from gsv_runtime.text.normalize.units import UNIT, unit_said

NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?"
CURRENCY = "|".join(map(re.escape, sorted(CURRENCIES, key=len, reverse=True)))
_SIDE = rf"({CURRENCY})?\s?(-)?({NUMBER})\s?(千万|百万|[百千万亿])?\s?({UNIT}|[%‰]|摄氏度|华氏度|度(?!假|过))?"
RANGE = re.compile(
    rf"(?<![\dA-Za-z.:/+×÷=-]){_SIDE}\s?([~～〜]{{1,2}}|—{{1,2}}|[-–]|至|到)\s?{_SIDE}(?!\d|[.:/-]\d|\s?[=+×÷*]|"
    rf"等于|[加减乘除]\d)"
)
_DEGREES = frozenset(("°C", "℃", "°", "°c", "º", "˚", "摄氏度", "华氏度", "度", "°F", "℉"))
_COUNTER = re.compile(rf"\s?(?:{MEASURES}|号|月|日|折|后|路|页|赛季)")
_NOT_LIANG = re.compile(rf"\s?(?:{NOT_LIANG}|折)")
_SCORE_BEFORE = re.compile(rf"(?:{SPORTS})[^，。；！？,.;!?]{{0,14}}$|(?<![所可难给用])以\s?$")
_TEAM_BEFORE = re.compile(rf"(?:{TEAMS}|队)\s?$")
_SCORE_BEHIND = re.compile(rf"\s?(?:{RESULTS})")
_CODE_BEFORE = re.compile(rf"(?:{CODES})(?:号码?|码)?[是为係系：:\s]*$")
_YEAR = re.compile("(?:1[5-9]|20)\\d\\d")


def range_said(match: re.Match[str]) -> str:
    """What a match of `RANGE` is said as; as it was written where it is no range."""
    text, (start, end) = match.string, match.span()
    left, link, right = match.groups()[:5], match[6], match.groups()[6:]
    before, behind = text[max(0, start - 30) : start], text[end : end + 6]
    plain = not any((left[0], left[3], left[4], right[0], right[3], right[4], left[1], right[1]))
    if plain and link not in ("至", "到"):
        counted = _COUNTER.match(behind)
        if _TEAM_BEFORE.search(before) or (
            not counted and (_SCORE_BEFORE.search(before) or _SCORE_BEHIND.match(behind))
        ):
            return f"{numbers.cardinal(left[2])}比{numbers.cardinal(right[2])}" if "." not in match[0] else match[0]
        if not counted and (_CODE_BEFORE.search(before) or (link == "-" and max(len(left[2]), len(right[2])) > 5)):
            return f"{left[2]} {right[2]}"
    unit = right[4] or left[4]
    liang = "第" not in before[-1:] and _COUNTER.match(behind) is not None and not _NOT_LIANG.match(behind)
    if unit in _DEGREES and (left[1] or right[1] or left[4]):
        left, right = (*left[:4], unit), (*right[:4], unit)
    elif left[0] and not right[0]:
        left, right = (None, *left[1:]), (left[0], *right[1:])
    word = link if link in ("至", "到") else "到"
    return _side(left, unit, right[2], liang) + word + _side(right, unit, left[2], liang)


def _side(side: tuple[str | None, ...], unit: str | None, other: str, liang: bool) -> str:
    currency, sign, figures, scale, own = side
    said = _number(
        figures or "", other, liang or bool(scale) or (unit not in (None, "%", "‰") and unit not in _DEGREES)
    )
    if unit in ("%", "‰"):
        return f"{'负' if sign else ''}{'百' if unit == '%' else '千'}分之{said}"
    negative = "" if not sign else "零下" if unit in _DEGREES else "负"
    name = own if own in ("摄氏度", "华氏度", "度") else unit_said(own, "zh") if own else ""
    return negative + said + (scale or "") + name + (CURRENCIES[currency] if currency else "")


def _number(figures: str, other: str, liang: bool) -> str:
    if _YEAR.fullmatch(figures) and _YEAR.fullmatch(other) and not liang:
        return numbers.digits(figures)
    return "两" if liang and figures == "2" else numbers.decimal(figures)
