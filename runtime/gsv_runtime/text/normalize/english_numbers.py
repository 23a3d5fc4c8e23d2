"""Figures to English words: cardinals, ordinals, years, decimals, fractions, money, times and dates.

Wording follows upstream's `text/en_normalization/expend.py` (American, no "and", years in pairs).
"""

from __future__ import annotations

import functools
import re

MONTHS = (
    "January February March April May June July August September October November December"
).split()  # fmt: skip
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "- ten twenty thirty forty fifty sixty seventy eighty ninety".split()
_SCALES = (
    "- thousand million billion trillion quadrillion quintillion sextillion septillion octillion nonillion"
).split()
_MAX_NAMED_DIGITS = 3 * len(_SCALES)  # a longer number is read digit by digit
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip


def digits(text: str) -> str:
    """``2 0 7`` for phone numbers, codes and what follows a decimal point."""
    return " ".join(_ONES[int(char)] for char in text if char.isdecimal())


def _below_thousand(value: int) -> str:
    hundreds, rest = divmod(value, 100)
    words = [f"{_ONES[hundreds]} hundred"] if hundreds else []
    if rest >= 20:
        words.append(_TENS[rest // 10] + (f"-{_ONES[rest % 10]}" if rest % 10 else ""))
    elif rest or not hundreds:
        words.append(_ONES[rest])
    return " ".join(words)


@functools.lru_cache(maxsize=4096)
def cardinal(figures: str) -> str:
    """``1234`` → one thousand, two hundred thirty-four; a leading zero means digit by digit."""
    figures = figures.replace(",", "")
    if len(figures) > _MAX_NAMED_DIGITS or (len(figures) > 1 and figures[0] == "0"):
        return digits(figures)
    groups = [int(figures[max(0, end - 3) : end]) for end in range(len(figures), 0, -3)]
    named = [
        _below_thousand(value) + (f" {_SCALES[power]}" if power else "") for power, value in enumerate(groups) if value
    ]
    said = ", ".join(reversed(named)) or "zero"
    return said if groups[0] >= 100 else " ".join(said.rsplit(", ", 1) if groups[0] else [said])


@functools.lru_cache(maxsize=4096)
def ordinal(figures: str) -> str:
    """``22`` → twenty-second."""
    head, link, last = re.fullmatch(
        r"(.*?)([ -]?)(\w+)", cardinal(figures.replace(",", "").lstrip("0") or "0")
    ).groups()  # type: ignore[union-attr]
    return f"{head}{link}{ordinal_word(last)}"


def ordinal_word(word: str) -> str:
    """``twenty`` → twentieth: the last word of a cardinal as that of an ordinal."""
    return _ORDINALS.get(word, f"{word[:-1]}ieth" if word.endswith("y") else f"{word}th")


@functools.lru_cache(maxsize=4096)
def year_or_number(figures: str) -> str:
    """A bare number: 1001 to 2999 in pairs, as years are read, everything else as a cardinal."""
    value = int(figures) if len(figures) == 4 and figures[0] != "0" else 0
    if not 1000 < value < 3000 or value == 2000:
        return cardinal(figures)
    century, rest = divmod(value, 100)
    if 2000 < value < 2010:
        return f"two thousand {cardinal(str(rest))}"
    if rest == 0:
        return f"{cardinal(str(century))} hundred"
    return f"{cardinal(str(century))} {'oh ' if rest < 10 else ''}{cardinal(str(rest))}"


def decimal(figures: str) -> str:
    """``3.14`` → three point one four; ``.5`` → zero point five; no point: a cardinal."""
    whole, point, fraction = figures.replace(",", "").partition(".")
    words = cardinal(whole or "0")
    return f"{words} point {digits(fraction)}" if point and fraction else words


def fraction(numerator: str, denominator: str) -> str:
    """``3/4`` → three fourths; ``1/2`` → one half."""
    top, bottom = int(numerator), int(denominator)
    if bottom == 1:
        return cardinal(numerator)
    if bottom == 0 or bottom > 100:
        return f"{cardinal(numerator)} over {cardinal(denominator)}"
    part = "half" if bottom == 2 else ordinal(denominator)
    if top != 1:
        part = "halves" if bottom == 2 else f"{part}s"
    return f"{cardinal(numerator)} {part}"


def plural_years(figures: str) -> str:
    """``1990`` (of 1990s) → nineteen nineties; ``80`` → eighties; ``2000`` → two thousands."""
    words = year_or_number(figures) if len(figures) == 4 else cardinal(figures)
    return re.sub("y$", "ie", words) + ("es" if words.endswith("x") else "s")


_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yuan", "yuan", "fen", "fen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₩": ("won", "won", "jeon", "jeon"),
    "₽": ("ruble", "rubles", "kopek", "kopeks"),
}
CURRENCY_SIGNS = "".join(_CURRENCIES)


def money(sign: str, amount: str, scale: str = "", whole: bool = False) -> str:
    """``$3.50`` → three dollars and fifty cents; with a scale: three point five million dollars.

    Args:
        sign: of the currency.
        amount: figures.
        scale: ``million``, or none.
        whole: whether the amount stays one number, as at the end of a range.
    """
    one, many, small_one, small_many = _CURRENCIES[sign]
    dollars, _, part = amount.replace(",", "").partition(".")
    if scale or whole or len(part) > 2:
        return f"{decimal(amount)} {scale + ' ' if scale else ''}{many}"
    units, cents = int(dollars or "0"), int(part.ljust(2, "0") or "0")
    said = [f"{cardinal(str(units))} {one if units == 1 else many}"] if units or not cents else []
    if cents:
        said.append(f"{cardinal(str(cents))} {small_one if cents == 1 else small_many}")
    return " and ".join(said)


def clock(hours: int, minutes: int, seconds: int | None = None, period: str = "") -> str:
    """A time of day. From 13:00 on, and at 0 h, the period is added; 1 to 12 h stay as they were written."""
    if not period and (hours > 12 or hours == 0):
        period = "a.m." if hours < 12 else "p.m."
    hour = cardinal(str(hours if 1 <= hours <= 12 else abs(hours - 12)))
    if seconds is not None:
        said = f"{hour} {_two_figures(minutes)} and {cardinal(str(seconds))} seconds"
    elif minutes == 0:
        said = hour if period and hours <= 12 and hours else f"{hour} o'clock"
    else:
        said = f"{hour} {_two_figures(minutes)}"
    return f"{said} {period}".strip()


def _two_figures(value: int) -> str:
    return f"oh {cardinal(str(value))}" if 0 < value < 10 else cardinal(str(value))


def date(year: str, month: int, day: int) -> str:
    """May first, twenty twenty-four; without a year: May first."""
    said = f"{MONTHS[month - 1]} {ordinal(str(day))}"
    return f"{said}, {year_or_number(year)}" if year else said
