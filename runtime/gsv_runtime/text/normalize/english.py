"""English text to words that a dictionary can look up: letters, apostrophes, hyphens and ``. , ? ! -``.

Rules run in order, each a pattern and what to say instead; earlier ones see the text as it was written. Words of a
number stand apart from what the figures were written against (``PM2.5``, ``3.5k``).
Source: what upstream's `text/en_normalization/expend.py` reads and how it words it. Deliberately
different: web and mail addresses, dates, phone numbers, ranges, versions, abbreviations and many units are
read; ``4:30`` gets no guessed "a.m."; ``1999. `` in mid-text is no ordinal; colon, semicolon and long dash
become a pause instead of vanishing; NASA and its like are words (docs/decisions/0007-text-libraries.md).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from anyascii import anyascii

from gsv_runtime.text.g2p.english_lexicon import pronunciations
from gsv_runtime.text.normalize import english_numbers as numbers
from gsv_runtime.text.normalize import english_shorthand as shorthand
from gsv_runtime.text.normalize import english_sums as sums
from gsv_runtime.text.normalize.english_capitals import is_shouted_alone, shouted_words
from gsv_runtime.text.normalize.english_codes import codes_said
from gsv_runtime.text.normalize.english_letters import letters_apart
from gsv_runtime.text.normalize.english_units import ATTACHED_UNITS, PER_UNITS, UNITS
from gsv_runtime.text.normalize.english_words import (
    ABBREVIATIONS,
    BEFORE_FIGURES,
    COMMANDS,
    DOMAIN_NAMES,
    FILE_TYPES,
    GREEK_LETTERS,
    KEYS,
    MONTH_NUMBERS,
    ROMAN_AFTER_COUNT,
    ROMAN_AFTER_NAME,
    SYMBOLS,
)
from gsv_runtime.text.normalize.numerals import roman_value

Say = Callable[[re.Match[str]], str]
Rule = tuple[re.Pattern[str], Say | str, str]  # pattern, what to say, and characters of which a text must have one

_NUMBER = sums.NUMBER
_MONTH_NAME = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)"
_MONTH = "|".join(sorted(MONTH_NUMBERS, key=len, reverse=True))


def _alternatives(words: object) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))  # type: ignore[call-overload]


def _web_address(match: re.Match[str]) -> str:
    address = re.sub(r"^(?:https?|ftp)://", "", match[0].rstrip("/"), flags=re.I)
    address = re.sub(r"\bwww\b", "W W W", address)
    said = re.sub(r"[.@/:_\-#?=&%~+]", lambda mark: f" {SYMBOLS_IN_ADDRESSES[mark[0]]} ", address)
    said = re.sub(r"\d+", lambda run: f" {numbers.digits(run[0])} ", said)
    return " ".join(DOMAIN_NAMES.get(part, part) for part in said.split())


SYMBOLS_IN_ADDRESSES = {
    ".": "dot", "@": "at", "/": "slash", ":": "colon", "_": "underscore", "-": "dash", "#": "hash",
    "?": "question mark", "=": "equals", "&": "and", "%": "percent", "~": "tilde", "+": "plus",
}  # fmt: skip


def _money(match: re.Match[str]) -> str:
    scale = (match[3] or "").lower()
    return f" {numbers.money(match[1], match[2], sums.SCALES.get(scale, scale))} "


def _money_after(match: re.Match[str]) -> str:
    return f" {numbers.money(match[2], match[1])} "


def _iso_date(match: re.Match[str]) -> str:
    return _date_or_text(match, match[1], int(match[2]), int(match[3]))


def _slash_date(match: re.Match[str]) -> str:
    first, second = int(match[1]), int(match[2])
    month, day = (second, first) if first > 12 >= second else (first, second)
    return _date_or_text(match, match[3], month, day)


def _date_or_text(match: re.Match[str], year: str, month: int, day: int) -> str:
    return numbers.date(year, month, day) if 1 <= month <= 12 and 1 <= day <= 31 else match[0]


def _month_day(match: re.Match[str]) -> str:
    if not 1 <= int(match[2]) <= 31:
        return match[0]
    return numbers.date(match[3] or "", MONTH_NUMBERS[match[1].lower()], int(match[2]))


def _day_month(match: re.Match[str]) -> str:
    if not 1 <= int(match[2]) <= 31:
        return match[0]
    month = numbers.MONTHS[MONTH_NUMBERS[match[3].lower()] - 1]
    year = f", {numbers.year_or_number(match[4])}" if match[4] else ""
    return f"the {numbers.ordinal(match[2])} of {month}{year}"


def _clock(match: re.Match[str]) -> str:
    period = f"{match[4][0].lower()}.m." if match[4] else ""
    seconds = int(match[3]) if match[3] else None
    return f" {numbers.clock(int(match[1]), int(match[2]), seconds, period)} "


def _whole_hour(match: re.Match[str]) -> str:
    return f" {numbers.cardinal(match[1])} {match[2][0].lower()}.m. "


def _unit(match: re.Match[str]) -> str:
    return f"{match[1]} {_unit_name(match[2], match[3], match[4], many=match[1] != '1')} "


def _unit_name(unit: str, power: str | None, per: str | None, *, many: bool) -> str:
    said = (UNITS | ATTACHED_UNITS)[unit][many]
    raised = {"²": "square ", "³": "cubic ", "2": "square ", "3": "cubic "}.get(power or "", "")
    return f"{raised}{said}" + (f" per {PER_UNITS[per]}" if per else "")


def _part_of_unit(match: re.Match[str]) -> str:
    """``1/2 tsp`` is one half teaspoon; ``1 1/2 tsp`` and ``3/2 tsp`` are more than one."""
    one, many = (UNITS | ATTACHED_UNITS)[match[3] or match[4]]
    return f" {numbers.fraction(match[1], match[2])} {one if int(match[1]) < int(match[2]) else many} "


def _unit_of_power(match: re.Match[str]) -> str:
    """``10³ m²``: ten cubed square meters."""
    power = match[1].replace("²", " squared").replace("³", " cubed")
    return f"{power} {_unit_name(match[2], match[3], match[4], many=True)} "


def _version(match: re.Match[str]) -> str:
    return f" {' point '.join(numbers.cardinal(part) for part in match[0].split('.'))} "


def _opening_ordinal(match: re.Match[str]) -> str:
    return f"{numbers.ordinal(match[1])}, "


def _stop_before_figures(match: re.Match[str]) -> str:
    """``H.264`` has no decimal; ``Fig.3.2`` and ``Ver.2.0`` have one behind the stop."""
    word, figures = match[1], match[2]
    if word.lower() in BEFORE_FIGURES:
        return f"{BEFORE_FIGURES[word.lower()]} {figures}"
    return f"{word} {numbers.digits(figures) if len(word) == 1 and len(figures) == 3 else figures}"


def _roman_count(match: re.Match[str]) -> str:
    return f"{match[1]} {roman_value(match[2])}"


def _roman_ordinal(match: re.Match[str]) -> str:
    return f"{match[1]} the {numbers.ordinal(str(roman_value(match[2])))}"


def _range_or_type(match: re.Match[str]) -> str:
    return match[0] if int(match[1]) < int(match[2]) else f"{match[1]} {match[2]}"  # 747-400 is no range


def _aeroplane(match: re.Match[str]) -> str:
    """``737-800``: seven thirty-seven, eight hundred, and no range."""
    return f"seven {'oh seven' if match[1] == '07' else numbers.cardinal(match[1])} "


def _month_name(written: str) -> str:
    return numbers.MONTHS[MONTH_NUMBERS[written[:3].lower()] - 1]


def _comparison(match: re.Match[str]) -> str:
    return " less than " if (match[1] or match[2]) == "<" else " greater than "


def _decimal(match: re.Match[str]) -> str:
    return f" {numbers.decimal(match[0])} "


def _rules(*rows: tuple[str, Say | str] | tuple[str, Say | str, str]) -> tuple[Rule, ...]:
    return tuple((re.compile(row[0]), row[1], row[2] if len(row) == 3 else "") for row in rows)


def _apply(rules: tuple[Rule, ...], text: str) -> str:
    for pattern, said, needed in rules:
        if not needed or any(char in text for char in needed):
            text = pattern.sub(said, text)
    return text


_PER = rf"(?:/({_alternatives(PER_UNITS)}))?"
_CAP_YEAR = r"(?:,?\s+([12]\d{3}))?(?![\d])"
_ANY_UNIT = _alternatives(UNITS | ATTACHED_UNITS)
_UNIT_OF_POWER = _alternatives((UNITS | ATTACHED_UNITS).keys() - {"in", "x"})
_ROMAN = r"((?:X{1,3}|X?)(?:IX|IV|V?I{1,3}|V)|X{1,3})"

_ADDRESSES = _rules(
    (r"(?i)\b[\w.+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+", _web_address, "@"),
    (r"(?i)\b(?:https?|ftp)://[^\s,;!\"'<>()]*[^\s,.;:!?\"'<>()]", _web_address, "/"),
    (r"\bwww\.[\w.-]+\.\w+(?:/[\w./#?=&%~+-]*\w)?", _web_address, "."),
    (r"(?i)\b[a-z][a-z0-9-]{0,62}(?:\.[a-z0-9-]{1,63}){0,4}\.(?:com|org|net|edu|gov|io|ai|co\.(?:uk|jp|kr)|dev|cn|app|xyz|info"
     r"|(?-i:jp|kr|hk|tw|de|fr|eu|tv))\b(?:/[\w./?=&%-]*\w)?", _web_address, "."),
    (rf"(?<![\w.])(?=[\w.-]*[A-Za-z])[\w-]+(?:\.\w+)?\.(?:{FILE_TYPES})(?!\w)", _web_address, "."),
    (r"(?<=[A-Za-z0-9])_(\d{3,})(?![A-Za-z0-9])", lambda m: f" underscore {numbers.digits(m[1])} ", "_"),
    (r"(?<=[A-Za-z0-9])_+(?=[A-Za-z0-9])|(?<=[A-Za-z0-9])_$", " underscore ", "_"),
)  # fmt: skip

_DATES = _rules(
    (r"^\s*(\d{1,2})\. +(?=[^\s\d])", _opening_ordinal),
    (r"\b([12]\d{3})[-/.](0?[1-9]|1[0-2])[-/.](0?[1-9]|[12]\d|3[01])\b", _iso_date),
    (r"\b(\d{1,2})/(\d{1,2})/([12]\d{3})\b", _slash_date, "/"),
    (rf"(?i)\b({_MONTH})\b\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?![:.]\d|%){_CAP_YEAR}", _month_day),
    (rf"(?i)\b(the\s+)?(\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+({_MONTH})\b\.?{_CAP_YEAR}", _day_month),
    (r"(?i)(?<=\d[ap]m)\s?[-–]\s?(?=\d)|(?<=[ap]\.m\.)\s?[-–]\s?(?=\d)|(?<=\d:\d\d)\s?[-–]\s?(?=\d{1,2}:\d\d)",
     " to ", "-–"),
    (r"(?i)\b([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?:\s?([ap])\.?m\b\.?)?(?!\d)", _clock, ":"),
    (r"(?i)\b(1[0-2]|[1-9])\s?([ap])\.?m\b\.?", _whole_hour),
    (r"(?<![\d:])(\d{1,4}):(\d{1,4})(?![\d:])", r"\1 to \2", ":"),
    sums.DAY_RANGE,
    (rf"(?<![A-Za-z])({_MONTH_NAME})\.?\s?[-–—]\s?({_MONTH_NAME})(?![A-Za-z])",
     lambda m: f"{_month_name(m[1])} to {_month_name(m[2])}", "-–—"),
    (r"\b(\d{1,2})-(\d{1,2})-([12]\d{3})\b", _slash_date, "-"),
    (r"\b(Q[1-4]|FY)\s?'(\d\d)(?!\d)", r"\1 20\2 ", "'"),
    (r"(?<!\d)(\d)'(\d{1,2})(?:\"|''|(?!\d))", r"\1 foot \2 ", "'"),
)  # fmt: skip

_PERIODS = {"Y": "year", "Q": "quarter", "M": "month", "W": "week"}
_WORDS = _rules(
    (r"(?<![A-Za-z.])([A-Za-z]+)\.(\d+)(?!\d)", _stop_before_figures, "."),
    (rf"(?i)(?<![\w.])({_alternatives(KEYS)})(?![\w'])", lambda m: KEYS[m[1].lower()]),
    (rf"(?<![\w.])({_alternatives(COMMANDS)})(?![\w'])", lambda m: COMMANDS[m[1]]),
    (rf"\b(Vol|Ch|Pt|Sec|Art|Fig)\.? {_ROMAN}\b", lambda m: f"{BEFORE_FIGURES[m[1].lower()]} {roman_value(m[2])}"),
    (r"\bWW(I{1,3})\b", lambda m: f"World War {roman_value(m[1])}"),
    (r"(?<![A-Za-z])([A-G])#(?!\w)", r"\1 sharp", "#"),
    (r" ['‘]?n' | 'n ", " and ", "'"),
    (r"(?<=\w)'n'(?=\w)", " and ", "'"),
    (r"\bPST\b", "P S T", "P"),
    (r"\b([YQMW])o\1\b", lambda m: f"{_PERIODS[m[1]]} over {_PERIODS[m[1]]}", "o"),
    (r"(\d) (?=[gmLl] (?:of|long|wide|tall|high|deep|thick|away|apart)\b)", r"\1"),
    (r"(?<=\+)\s?[Dd]el\b|\b[Dd]el(?= key)", "delete", "Dd"),
    (rf"\b({'|'.join(ROMAN_AFTER_COUNT)}) {_ROMAN}\b", _roman_count),
    (rf"\b({'|'.join(ROMAN_AFTER_NAME)}) {_ROMAN}\b", _roman_ordinal),
    (r"\b([A-Z][a-z]+) (X{0,2}(?:II|III|IV|VI|VII|VIII|IX)|XX?|XI|XV|XXX)\b(?! (?:drip|fluid|line|bag|pole)s?\b)",
     _roman_count),
)  # fmt: skip
_ABBREVIATIONS = _rules(*ABBREVIATIONS)
# Those that a text may have: a stop before its end, or one that needs no stop.
_MAY_BE_ABBREVIATED = re.compile(
    r"\.(?!\s*$)|\b(?:Mrs?|Ms|Dr|St|Jr|[BM]Sc|Inc|Ltd|Corp|Blvd|etc|ETC|Etc|[Vv]s|PhD)\b|AT&T|\.NET|w/"
    r"|\b(?:St|Rd|Ave|Co|Sr|al|Bros|Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun|[A-Z])\.\s*$"
)

_FIGURES = _rules(
    (r"(?<![\w.])(\d+(?:\.\d+)?)[eE]([-−+]?)(\d{1,3})(?!\w)",
     lambda m: f"{m[1]} times ten to the {'minus ' if m[2] in '-−' and m[2] else ''}{m[3]} "),
    (r"(?<![\d.,])(\d{1,3}) 000(?![\d.,])", r"\g<1>000"),
    (r"(?i)\b(part|page|chapter|step|episode|slide|lesson|round|level|day|week|question) (\d+)/(\d+)(?!\d|/)",
     r"\1 \2 of \3", "/"),
    (r"\b([A-Z]{1,4}-?|(?=7\d7s))(\d+)s\b", lambda m: f"{m[1]} {numbers.cardinal(m[2])}'s ", "s"),
    (r"([A-Za-z]\d+(?:\.\d+)?)-(?=\d)", r"\1 ", "-"),
    (r"\s*[=-]+>\s*", ", ", ">"),
    (r"(?:(?<=^)|(?<=[\s(]))([<>])()\s?(?=\.?\d)", _comparison, "<>"),
    (r"(?<=\d%)\s?[-–—~]\s?(?=\d)", " to ", "-–—~"),
    (rf"(?i)(?:US|USD|CA|AU|HK|NZ)?([{numbers.CURRENCY_SIGNS}])\s?({_NUMBER}){sums.SCALE}", _money,
     numbers.CURRENCY_SIGNS),
    (rf"({_NUMBER})([{numbers.CURRENCY_SIGNS}])", _money_after, numbers.CURRENCY_SIGNS),
    (r"(?<![A-Za-z])[vV]\.?\s?(?=\d+(?:\.\d+)*\b)", "version ", "vV"),
    (r"(?<![\d.])\d+(?:\.\d+){2,}(?![\d.]*\d)", _version, "."),
    (r"(?<![\d-])\d+(?:[-–—]\d+){2,}(?![\d-])", lambda m: re.sub("[-–—]", " ", m[0]), "-–—"),
    (r"(?<![\d.,])7(\d7)-(?=\d{1,3}(?:[A-Z]{1,3})?\b)", _aeroplane, "-"),
    (r"(?<![\d.,])(\d{3,})-(\d{3,})(?![\d%-]|[.,]\d)", _range_or_type, "-"),
    (r"(?<![\d.])(\d[\d.,]*\d|\d)\s?[-–—~]\s?(?=\d)(?!\d+[-–—])", r"\1 to ", "-–—~"),
    (rf"({_NUMBER}\s?(?:{_ANY_UNIT}))\s?[-–—~]\s?(?={_NUMBER}\s?(?:{_ANY_UNIT})(?![A-Za-z]))", r"\1 to ", "-–—~"),
    (rf"(?<![\d/.,])(?<!\d )(\d{{1,2}})/(\d{{1,2}})(?:\s?({_alternatives(UNITS)})|({_alternatives(ATTACHED_UNITS)}))"
     r"(?![A-Za-z\d²³/])", _part_of_unit, "/"),
    (rf"(\d[²³]|to the (?:\d+(?:st|nd|rd|th)|power of (?:minus )?\d+))\s+({_UNIT_OF_POWER})([²³])?{_PER}(?![A-Za-z\d])",
     _unit_of_power),
    (rf"({_NUMBER})\s?({_alternatives(UNITS)})([²³])?{_PER}(?![A-Za-z\d])", _unit),
    (rf"({_NUMBER})({_alternatives(ATTACHED_UNITS)})([²³23])?{_PER}(?![A-Za-z\d])", _unit),
    (r"(\d|[A-Za-z])\s*²", r"\1 squared ", "²"),
    (r"(\d|[A-Za-z])\s*³", r"\1 cubed ", "³"),
    (r"\b(\d\d)/\1\b", lambda m: f"{numbers.cardinal(m[1])} {numbers.cardinal(m[1])}", "/"),
    (r"(?<=\d) / (?=\d)", " divided by ", "/"),
    (r"\b[fF]/(?=\d)", "F ", "/"),
    (r"\^(\d+)", r" to the power of \1", "^"),
    (r"\b(\d+) (\d{1,2})/(\d{1,3})\b", lambda m: f"{m[1]} and {numbers.fraction(m[2], m[3])} ", "/"),
    (r"(?<![\d/])(\d{1,4})/(\d{1,4})(?![\d/])", lambda m: f" {numbers.fraction(m[1], m[2])} ", "/"),
    (r"(?i)(?<![\d,.])(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th)\b", lambda m: f" {numbers.ordinal(m[1])} "),
    (r"(?<=[\d)a-z])\s*([+×÷=])\s*(?=[-\d(a-zA-Z])", lambda m: f" {SYMBOLS[m[1]]} ", "+×÷="),
    (r"(?<=[\d\w)]) +([<>]) +(?=[-\w(])|(?<=\d)([<>])(?=\d)", _comparison, "<>"),
    (r"(?<=\d) +[-−] +(?=\d)", " minus ", "-−"),
    (r"(?:(?<=^)|(?<=[\s(]))[-−](?=\.?\d)", "negative ", "-−"),
    (r"#(?=\d)", "number ", "#"),
    (r"~(?=\d)", "about ", "~"),
    (rf"({_NUMBER})\s?%", r"\1 percent", "%"),
    (r"(?<![\d,])\d{1,3}(?:,\d{3})+(?!,?\d)(?:\.\d+)?", _decimal, ","),
    (r"(?<!\d)\d*\.\d+", _decimal, "."),
    (r"\d+", lambda m: f" {numbers.year_or_number(m[0])} "),
)  # fmt: skip

_SUMS = _rules(*sums.RULES)
_SHORTHAND = _rules(*shorthand.RULES)
_FIGURE = re.compile("[0-9²³+=×÷<>/]")
_MICRO = re.compile("(?<=\\d)(\\s?)[\u00b5\u03bc](?=(?:m|g|s|l|L|A|V|W|F|M|mol)(?![A-Za-z]))")
_OHM = re.compile("(?<=\\d)(\\s?[kMm]?)[\u03a9\u2126](?![\u0391-\u03c9])")
_LATIN = re.compile(r"[^\x00-\x7f]+")
_MARKS = (
    (re.compile(r"[;:…](?=\s|$|\")"), ","),
    (re.compile(r"\s+[-–](?=\s)|\s*[—―]+\s*|--+|[;:()\[\]{}|]"), ", "),
    (re.compile(r"(?<![A-Za-z])'|'(?![A-Za-z])"), " "),
    (re.compile(r"[^ A-Za-z'.,?!\-]"), " "),
    (re.compile(r"(?<![A-Za-z])-|-(?![A-Za-z])"), " "),
    (re.compile(r"\s+(?=[.,?!])"), ""),
    (re.compile(r"([.,?!])[.,?! ]*(?=[.,?!])"), r"\1"),
    (re.compile(r"(?<![ap]\.m)([.,?!])[.,?!]+"), r"\1"),
    (re.compile(r",(?=\S)"), ", "),
    (re.compile(r"\s+"), " "),
)
_FOLDS = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "`": "'", "“": '"', "”": '"', "。": ".", "！": "!", "？": "?", "，": ",", "、": ",",
     "；": ";", "′": "'", "″": '"', "：": ":", "（": "(", "）": ")", "【": "(", "】": ")", "…": ".", "～": "~",
     "￥": "¥", "＄": "$", "％": "%", "\u00a0": " ", "‑": "-", "‐": "-", "⁄": "/", "\n": ", "}
)  # fmt: skip

_GRADE = re.compile(r"(?<=\b[A-F])-(?=\s(?:grade|student|average|rating|level|score|in\b|on\b|for\b))")
_WITH_SMALL_O = re.compile("(?!CoV$)[A-Z]{1,3}o[A-Z]{1,2}")  # IoT, QoS, VoIP
_LETTER_A = re.compile(r"[^A-Za-z0-9]*A(?:-?\d|[+-](?!\w))")  # A4, A+


def normalize(text: str) -> str:
    """English text as words and marks: ``It's 9 a.m. & 3°C`` → ``It's nine a.m. and three degrees celsius``.

    Returns:
        Only ``A-Z a-z ' . , ? ! -`` and single spaces; letters to be spelled stand alone in capitals.
    """
    text = _fold_characters(text)
    letter = _LETTER_A.match(text) is not None
    text = _GRADE.sub(" minus", text)
    shouted = shouted_words(text)
    stopped = text.rstrip(' "').endswith(".")  # an abbreviation at the end takes the full stop with it
    text = _apply(_ADDRESSES, _apply(_SHORTHAND, text) if shorthand.MAY_BE.search(text) else text)
    text = _apply(_WORDS, _apply(_DATES, codes_said(text)))
    if _MAY_BE_ABBREVIATED.search(text):
        text = _apply(_ABBREVIATIONS, text)
    if _FIGURE.search(text):
        text = _apply(_FIGURES, _apply(_SUMS, text))
    for sign, name in SYMBOLS.items():
        if sign in text:
            text = text.replace(sign, f" {name} ")
    for pattern, mark in _MARKS:
        text = pattern.sub(mark, text)
    said = " ".join(_separate_capitals(token, shouted) for token in text.strip(" ").split(" "))
    said = said.replace("A ", "A-", 1) if letter else said  # one word with what follows: no article
    return said + "." if stopped and said and said[-1] not in ".,?!" else said


def _fold_characters(text: str) -> str:
    text = text.translate(_FOLDS)
    if text.isascii():
        return text
    text = _OHM.sub(r"\1 ohms", _MICRO.sub(r"\1µ", text))
    text = re.sub(r"[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞]", lambda m: " " + unicodedata.normalize("NFKC", m[0]).replace("⁄", "/"), text)
    text = re.sub(r"[Α-Ωα-ω]|\u00b5(?![A-Za-z])", lambda m: f" {GREEK_LETTERS.get(m[0].lower(), '')} ", text)
    return _LATIN.sub(lambda m: "".join(map(_fold_character, unicodedata.normalize("NFC", m[0]))), text)


def _fold_character(char: str) -> str:
    if char in numbers.CURRENCY_SIGNS or char in SYMBOLS or char in "–—―²³¢µ−¶":
        return char
    if unicodedata.category(char)[0] in "LN":
        return anyascii(char)
    return "" if unicodedata.category(char)[0] in "MC" else " "


def _separate_capitals(token: str, shouted: frozenset[str]) -> str:
    """``GPT`` → G P T, ``MyGO`` → My G O; shouted words and acronyms that are words stay whole."""
    return re.sub(r"[A-Za-z]+(?:'[A-Za-z]+)?", lambda m: _separate_word(m[0], shouted), token)


def _separate_word(word: str, shouted: frozenset[str]) -> str:
    stem, _, suffix = word.partition("'")
    if stem.islower():
        return letters_apart(stem) + (f"'{suffix}" if suffix else "")
    if stem[1:] in ("", stem[1:].lower()) or word in shouted or stem in shouted:
        return word
    if not stem.isupper() and word.lower() in pronunciations() and stem != "IDs":
        return word
    tail = f"'{suffix.lower()}" if suffix else ""
    if _WITH_SMALL_O.fullmatch(stem):
        return " ".join(stem.upper()) + tail
    if re.fullmatch(r"[A-Z]{2,}s|PhDs|EdDs", stem):  # plural of an acronym: GPUs
        stem, tail = stem[:-1].upper(), "'s"
    if stem.isupper():
        return stem + tail if is_shouted_alone(stem) else " ".join(stem) + tail
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]|[A-Z]$|[A-Z]{2})", " ", stem) + tail
