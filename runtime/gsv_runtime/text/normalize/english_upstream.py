"""English text worded exactly as upstream words it, mistakes included (``frontend=upstream``).

What upstream says, for instance: ``4:00`` four o'clock a.m.; ``1999. `` an ordinal anywhere; NASA is spelled;
colons, semicolons, quotes and brackets vanish. Source: RVC-Boss/GPT-SoVITS `text/en_normalization/expend.py` and
`text/english.py` text_normalize, whose wordings come from the package inflect; here they are those of
`english_numbers`, with "and" where upstream leaves inflect's. Deliberately different: an amount with a bracket or
comma where upstream fails with ValueError keeps its figures; more than 30 figures are read one by one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from gsv_runtime.text.normalize import english_numbers as numbers

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]

_UNITS = {
    "m": ("meter", "meters"), "km": ("kilometer", "kilometers"),
    "ft": ("feet", "feet"), "L": ("liter", "liters"),
    "tbsp": ("tablespoon", "tablespoons"), "tsp": ("teaspoon", "teaspoons"), "h": ("hour", "hours"),
    "min": ("minute", "minutes"), "s": ("second", "seconds"), "°C": ("degree celsius", "degrees celsius"),
    "°F": ("degree fahrenheit", "degrees fahrenheit"),
}  # fmt: skip
_ON_THE_HOUR = "o'clock"
_OPERATORS = {"+": "plus", "-": "minus", "×": "times", "÷": "divided by", "=": "Equals"}
_FULL_WIDTH_STOPS = str.maketrans("。！？", ".!?")
_REPEATED_MARKS = re.compile(r"([!?…,.\-\s])[!?…,.\-]+")

_RAISED = "[⁰¹²³⁴⁵⁶⁷⁸⁹ˣʸⁿ]*"
_OPERAND = rf"-?\d+(?:\.\d+)?{_RAISED}|\.\d+{_RAISED}|[A-Za-z]{_RAISED}"
_SUM = re.compile(rf"({_OPERAND})\s+([+\-×÷=])\s+({_OPERAND})")


def _with_and(figures: str) -> str:
    """A cardinal as inflect says it by default: one hundred and five, one thousand and five."""
    value = int(figures)
    above, rest = divmod(value, 1000)
    if value < 100:
        return numbers.cardinal(str(value))
    said = [numbers.cardinal(str(above * 1000))] if above else []
    hundreds, tens = divmod(rest, 100)
    if hundreds:
        said.append(
            f"{numbers.cardinal(str(hundreds))} hundred" + (f" and {numbers.cardinal(str(tens))}" if tens else "")
        )
    elif tens:
        return f"{said[0]} and {numbers.cardinal(str(tens))}"
    return ", ".join(said)


def _ordinal_with_and(figures: str) -> str:
    said = _with_and(figures)
    last = re.search(r"[a-z]+$", said)[0]  # type: ignore[index]
    return said[: len(said) - len(last)] + numbers.ordinal_word(last)


def _list_ordinal(match: re.Match[str]) -> str:
    return f"{int(match[1])}th, "  # th, st, nd or rd: `_ordinal` reads the figure alone


def _clock(match: re.Match[str]) -> str:
    hours, minutes = int(match[1]), int(match[2])
    period = "a.m." if hours < 12 else "p.m."
    said = numbers.cardinal(str(hours - 12 if hours > 12 else hours))
    return f"{said} {numbers.cardinal(str(minutes)) if minutes else _ON_THE_HOUR} {period}"


def _measurement(match: re.Match[str]) -> str:
    figures, fraction, unit = match[1], match[2], match[3]
    one = fraction is None and int(figures) == 1
    return f"{figures}{fraction or ''} {_UNITS[unit][0 if one else 1]}"


def _money(one: str, many: str, small_one: str, small_many: str) -> Callable[[re.Match[str]], str]:
    def said(match: re.Match[str]) -> str:
        parts = match[1].split(".")
        if len(parts) > 2 or not all(part.isdecimal() or not part for part in parts):
            return f"{match[1]} {many}"
        whole, small = int(parts[0] or 0), int(parts[1].ljust(2, "0")) if len(parts) > 1 and parts[1] else 0
        words = [f"{whole} {one if whole == 1 else many}"] if whole else []
        words += [f"{small} {small_one if small == 1 else small_many}"] if small else []
        return " and ".join(words) or f"zero {many}"

    return said


def _decimal(match: re.Match[str]) -> str:
    whole, fraction = match[1].split(".")
    return f"{whole} point {' '.join(fraction)}"


def _fraction(match: re.Match[str]) -> str:
    top, bottom = int(match[1]), int(match[2])
    if bottom == 1:
        return _with_and(match[1])
    if bottom == 2:
        return f"{_with_and(match[1])} {'half' if top == 1 else 'halves'}"
    return f"{_with_and(match[1])} {_ordinal_with_and(match[2])}{'s' if top > 1 else ''}"


def _ordinal(match: re.Match[str]) -> str:
    return _ordinal_with_and(match[1])


def _number(match: re.Match[str]) -> str:
    return numbers.year_or_number(str(int(match[0])))


_DOLLARS = _money("dollar", "dollars", "cent", "cents")
_POUNDS = _money("pound", "pounds", "penny", "pence")
_RULES: tuple[Rule, ...] = tuple(
    (re.compile(pattern), said)
    for pattern, said in (
        (r"(?:^|\s+)-(\d+)", lambda m: f"negative {m[1]}"),
        (r"[0-9][0-9,]+[0-9]", lambda m: m[0].replace(",", "")),
        (r"\b([01]?[0-9]|2[0-3]):([0-5][0-9])\b", _clock),
        (r"\b([0-9]+)(\.[0-9]+)?(m|km|ft|L|tbsp|tsp|h|min|s|°C|°F)\b", _measurement),
        (r"£([0-9.,]*[0-9]+)", _POUNDS),
        (r"([0-9.,]*[0-9]+)£", _POUNDS),
        (r"\$([0-9.,]*[0-9]+)", _DOLLARS),
        (r"([(0-9.,]*[0-9]+)\$", _DOLLARS),
        (r"([0-9]+\.\s*[0-9]+)", _decimal),
        (r"([0-9]+)/([0-9]+)", _fraction),
        (r"([0-9]+)(?:st|nd|rd|th)", _ordinal),
        (r"[0-9]+", _number),
    )
)  # fmt: skip


def normalize(text: str) -> str:
    """English text as upstream words it.

    Returns:
        Only ``A-Z a-z ' . , ? ! -`` and spaces.
    """
    text = re.sub("[0-9]{31,}", lambda m: " ".join(m[0]), text)
    text = re.sub(r"\b([0-9]+)\. ", _list_ordinal, text.translate(_FULL_WIDTH_STOPS))
    while _SUM.search(text):
        text = _SUM.sub(lambda m: f"{m[1]} {_OPERATORS[m[2]]} {m[3]}", text)
    for pattern, said in _RULES:
        text = pattern.sub(said, text)
    text = "".join(char for char in unicodedata.normalize("NFD", text) if unicodedata.category(char) != "Mn")
    text = re.sub(r"[^ A-Za-z'.,?!\-]", "", text.replace("%", " percent"))
    text = re.sub(r"(?i)e\.g\.", "for example", re.sub(r"(?i)i\.e\.", "that is", text))
    text = re.sub(r"(?<!^)(?<!\s)([A-Z])", r" \1", text)
    return _REPEATED_MARKS.sub(r"\1", text)
