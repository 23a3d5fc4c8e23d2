"""Sums, amounts of money in ranges, rates, spans of time and decades in English."""

from __future__ import annotations

import re
from collections.abc import Callable

from gsv_runtime.text.normalize import english_numbers as numbers
from gsv_runtime.text.normalize.english_units import UNITS

Say = Callable[[re.Match[str]], str]

NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?"
SCALES = {"k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion", "tn": "trillion"}
SCALE = r"(?:\s?(thousand|million|billion|trillion|bn|mn|tn|[kmb])\b)?"
_SCALED = SCALE.replace("(t", "(?:t")
_PER = {
    "day": "day", "week": "week", "wk": "week", "month": "month", "mo": "month", "mth": "month", "year": "year",
    "yr": "year", "annum": "annum", "hour": "hour", "hr": "hour", "minute": "minute", "min": "minute",
    "second": "second", "sec": "second", "night": "night", "person": "person", "people": "person", "user": "user",
    "seat": "seat", "item": "item", "piece": "piece", "pc": "piece", "unit": "unit", "page": "page", "word": "word",
    "kg": "kilogram", "lb": "pound", "oz": "ounce", "liter": "liter", "litre": "liter", "gallon": "gallon",
    "gal": "gallon", "mile": "mile", "mi": "mile", "km": "kilometer", "GB": "gigabyte", "MB": "megabyte",
    "dozen": "dozen", "pair": "pair", "set": "set", "trip": "trip", "ride": "ride", "visit": "visit",
    "class": "class", "session": "session", "game": "game", "match": "match", "team": "team", "child": "child",
    "adult": "adult", "student": "student", "guest": "guest", "room": "room", "capita": "capita", "head": "head",
    "meal": "meal", "bottle": "bottle", "glass": "glass", "serving": "serving", "dose": "dose", "share": "share",
    "call": "call", "request": "request", "token": "token", "car": "car", "household": "household",
    "sqft": "square foot", "h": "hour", "s": "second",
}  # fmt: skip
_PER_WORD = "|".join(sorted(_PER, key=len, reverse=True))
_OPERATORS = {"+": "plus", "-": "minus", "–": "minus", "−": "minus", "×": "times", "*": "times", "÷": "divided by",
              "=": "equals", "/": "divided by", "≈": "is about", "≠": "does not equal", "≤": "is at most",
              "≥": "is at least"}  # fmt: skip
# Letters that stand for numbers, behind a coefficient: 3x, not 3m, 3g or 3h.
_UNKNOWN = r"(?<![A-Za-z])[a-z](?![A-Za-z'])"
_TERM = (
    rf"[-–−]?[(√]{{0,2}}[-–−]?(?:(?:{NUMBER}[abcnqruvwxyz](?![A-Za-z])|{_UNKNOWN}|(?<![A-Za-z])[abck][xy](?![A-Za-z']))"
    rf"[²³]?|{NUMBER})\)?"
)
_LINK = r"\s?[-–−+×*÷=/≈≠≤≥]\s?"
_SUM = rf"(?<![\w.,$£€¥-])(?={_TERM}(?:{_LINK}{_TERM})*?\s?[+×*÷=≈≠])({_TERM}(?:{_LINK}{_TERM})+)(?![\w%])"
_FUNCTIONS = {"sin": "sine", "cos": "cosine", "tan": "tangent", "log": "log", "ln": "L N", "exp": "exp"}
_FUNCTION = rf"(?<![\w.])([fghFGHPE]|{'|'.join(_FUNCTIONS)})\(([^()\s]{{1,12}})\)(?!\s?[{{.])"
_MONEY = rf"([{numbers.CURRENCY_SIGNS}])\s?({NUMBER}){SCALE}"
_DAYS = dict(zip("mon tue wed thu fri sat sun".split(), numbers.DAYS, strict=True))
_DAY = r"(Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)"
_SECONDS_BEFORE = re.compile(
    r"(?i)\b(?:wait(?:s|ed|ing)?|for|in|after|within|every|took|takes?|lasts?|lasted|about|around|under|only|just|"
    r"another|each|than|at|approximately|nearly|almost|ran|runs|sleep|timeout|delay|plus|minus|a further|to|first|last|"
    r"next|hold|pause|remaining|exactly|up to)[\s:=]*$|[=:<>~+]\s*$"
)
_SECONDS_AFTER = re.compile(
    r"(?i)\s+(?:time-?outs?|delays?|ago|later|left|remaining|long|per|timer|interval|countdown|break|clip|video|ad|"
    r"window|limit|pause|wait|read|elapsed|passed|rest|hold|plank|sprint|cap|max|cut|shot)\b"
)


def _sum(match: re.Match[str]) -> str:
    """Read a sum whole: a hyphen in it is a minus, before its first figure or behind an operator a sign."""
    text = re.sub(r"\b(\d{1,3})/(\d{1,3})\b", lambda m: numbers.fraction(m[1], m[2]), match[1])
    said: list[str] = []
    operand = False
    for token in re.findall(rf"{NUMBER}|[a-z]+(?:[ -][a-z]+)*|[-–−+×*÷=/≈≠≤≥√²³]", text):
        if token in _OPERATORS:
            said.append("negative" if token in "-–−" and not operand else _OPERATORS[token])
        else:
            said.append(" ".join(_OF_ONE.get(part, part) for part in (token if token[1:] in ("x", "y") else [token])))
        operand = token not in _OPERATORS and token != "√"
    return f" {' '.join(said)} "


_OF_ONE = {"√": "square root of", "²": "squared", "³": "cubed", "a": "A"}  # a letter, no article


def _function(match: re.Match[str]) -> str:
    """``f(x)``: f of x; ``sin(x)``: sine of x."""
    behind = match.string[match.end() : match.end() + 1]
    return f"{_FUNCTIONS.get(match[1], match[1])} of {match[2]}{'' if behind in ('', ' ') else ' '}"


def _money_range(match: re.Match[str]) -> str:
    sign, low, low_scale, _, high, high_scale = (match[index] or "" for index in range(1, 7))
    scale = SCALES.get(high_scale.lower(), high_scale.lower())
    first_scale = SCALES.get(low_scale.lower(), low_scale.lower())
    if not scale and re.search(r"\.\d", low + high):
        return f" {numbers.money(sign, low, first_scale)} to {numbers.money(sign, high, scale)} "
    first = f"{numbers.decimal(low)} {first_scale}".rstrip(" ")
    return f" {first} to {numbers.money(sign, high, scale, whole=True)} "


def _per(match: re.Match[str]) -> str:
    return f"{match[1]} per {_PER[match[2] if match[2] in _PER else match[2].lower()]}"


def _span(match: re.Match[str]) -> str:
    units = {"d": "day", "h": "hour", "m": "minute", "s": "second"}
    parts = re.findall(r"(\d+)\s?([dhms]?)", match[0])
    said = [
        f"{numbers.cardinal(n)} {units[unit]}{'' if n == '1' else 's'}" if unit else numbers.cardinal(n)
        for n, unit in parts
    ]
    return f" {' '.join(said)} "


def _days(match: re.Match[str]) -> str:
    return f"{numbers.cardinal(match[1])} day{'' if match[1] == '1' else 's'}"


def _range_of_days(match: re.Match[str]) -> str:
    return f"{_DAYS[match[1][:3].lower()]} to {_DAYS[match[2][:3].lower()]}"


def _decade(match: re.Match[str]) -> str:
    text = match.string
    quoted = text[match.start() : match.start() + 1] == "'"
    meant = not quoted and (
        _SECONDS_BEFORE.search(text, max(0, match.start() - 24), match.start())
        or _SECONDS_AFTER.match(text, match.end())
    )
    if meant:
        return match[0]
    return f" {numbers.plural_years(match[1])} "


def _month_day(match: re.Match[str]) -> str:
    month, day = int(match[1]), int(match[2])
    return f" {numbers.date('', month, day)} " if 1 <= month <= 12 and 1 <= day <= 31 else match[0]


def _short_date(match: re.Match[str]) -> str:
    first, second, year = int(match[1]), int(match[2]), f"20{match[3]}"
    month, day = (second, first) if first > 12 >= second else (first, second)
    return f" {numbers.date(year, month, day)} " if 1 <= month <= 12 and 1 <= day <= 31 else match[0]


def _out_of(match: re.Match[str]) -> str:
    got, full = (figures for figures in match.groups() if figures)
    said = numbers.decimal(got) if "." in got else numbers.cardinal(got)
    return f" {said} out of {numbers.cardinal(full)} "


def _dotted_date(match: re.Match[str]) -> str:
    return f" {numbers.date(match[3], int(match[2]), int(match[1]))} "


DAY_RANGE = (rf"\b{_DAY}\b\.?\s?[-–—]\s?{_DAY}\b(?:\.(?=\s+[a-z0-9]))?", _range_of_days)
_MONTH_FIGURE, _DAY_FIGURE = r"(1[0-2]|0?[1-9])", r"(3[01]|[12]\d|0?[1-9])"
_AFTER_PRESSURE = "(?i:(?<=blood pressure )|(?<=blood pressure of )|(?<=blood pressure is )|(?<=BP ))"
_COUNTED_IN_TIME = "hours|days|times|miles|meals|calls|words|pages|people|users|visits|dollars|euros|pounds|cents"
_IN_THOUSANDS = (
    "people|users|views|dollars|followers|subscribers|copies|euros|pounds|years|likes|downloads|players|fans|votes|jobs|"
    "miles|steps|words|residents|inhabitants|customers"
)
# A mark out of the full ones: 18/20 on the quiz, scored 9/10. Behind a measure stands a fraction.
_FULL_MARKS = "5|10|15|20|25|30|40|50|60|80|100|120|150"
_EXAMINED = r"tests?|quiz(?:zes)?|exams?|finals?|midterms?|essays?|papers?|assignments?|homework"
_ON_A_TEST = (
    rf"\s+(?:on|in|for)\s+(?:(?:the|my|his|her|our|their|your|this|that|a|an|last)\s+)?(?:\w+\s+)?(?:{_EXAMINED})\b"
)
_MARKED = (
    r"(?i:(?<=scored )|(?<=scores )|(?<=score )|(?<=scoring )|(?<=score of )|(?<=scored a )|(?<=rated )|(?<=rated it )|"
    r"(?<=rating of )|(?<=rating: )|(?<=score: )|(?<=marked )|(?<=mark of )|(?<=got a )|(?<=gave it )|(?<=gave it a )|"
    r"(?<=give it )|(?<=give it a )|(?<=gives it )|(?<=a solid )|(?<=a perfect ))"
)
_MEASURED = (
    rf"\s*(?:{'|'.join(sorted(map(re.escape, UNITS), key=len, reverse=True))}|cups?|teaspoons?|tablespoons?|inch)\b"
)
_THREE_D = "print|model|movie|film|graphics|art|view|space|world|image|scan|effect|game|shape"
RULES: tuple[tuple[str, Say | str] | tuple[str, Say | str, str], ...] = (
    (r"(?<=\d)\s?\u2212\s?(?=\d)", " minus ", "\u2212"),
    (r"\b9/11\b", "nine eleven", "/"),
    (r"\b24/7\b", "twenty-four seven", "/"),
    (r"\b(\d{1,3})/(5|10|100)(?=\s+(?:stars?|points?|marks?)\b)|\b(10)/(10)\b", _out_of, "/"),
    (rf"\b(\d{{1,3}}(?:\.5)?)/(\d{{1,3}})\b(?={_ON_A_TEST})|{_MARKED}(\d{{1,3}}(?:\.5)?)/({_FULL_MARKS})\b"
     rf"(?!/|{_MEASURED})", _out_of, "/"),
    (r"(?<![\d/.])(\d{1,2})/(\d{1,2})/(\d\d)(?![\d/])", _short_date, "/"),
    (r"(?<![\d.])(0?[1-9]|[12]\d|3[01])\.(0?[1-9]|1[0-2])\.([12]\d{3})(?![\d.]*\d)", _dotted_date, "."),
    (rf"(?i)(?<=\bon ){_MONTH_FIGURE}/{_DAY_FIGURE}(?![\d/])", _month_day, "/"),
    (rf"(?i)(?<=\b(?:by|of) ){_MONTH_FIGURE}/(1[3-9]|2\d|3[01])(?![\d/])", _month_day, "/"),
    (r"(?<![\d/.])(1[0-2]|[2-9])/(1[345789]|2[1-9]|3[01])(?![\d/])"
     rf"(?!\s+(?:of|inch|in\b|mile)|{_MEASURED})", _month_day, "/"),
    (rf"(?i){_MONEY}\s?[-–—~]\s?(?:([{numbers.CURRENCY_SIGNS}])\s?)?({NUMBER}){SCALE}(?![\d/-])",
     _money_range, numbers.CURRENCY_SIGNS),
    (rf"([{numbers.CURRENCY_SIGNS}]\s?{NUMBER}{_SCALED}|\b{NUMBER}(?:[ ][a-z]+)?|\b(?:{_COUNTED_IN_TIME}))"
     rf"\s?/\s?({_PER_WORD})\b(?![/\w])", _per, "/"),
    (r"(?<![\w.])\d+\s?d\s?\d+\s?h(?:\s?\d+\s?m(?:in)?)?(?!\w)|(?<![\w.])\d+\s?m\s?\d+\s?s(?:ecs?)?(?!\w)",
     _span, "dm"),
    (r"(?<![\w.])\d+\s?h\s?\d+(?:\s?m(?:ins?)?(?:\s?\d+\s?s(?:ecs?)?)?)?(?![\w:])", _span, "h"),
    (rf"(?<![\w.])(\d+)d(?!\w)(?!\s(?:{_THREE_D}))", _days, "d"),
    (r"\b(\d{3,5})\s?[x×]\s?(?=\d{3,5}\b)|\b(\d+)\s?x\s?(?=\d)", lambda m: f"{m[1] or m[2]} by ", "x×"),
    (r"(?<==)(\s?)mc(?=[²^]| to the)", r"\1m c", "="),
    (_FUNCTION, _function, "("),
    (_SUM, _sum, "+×*÷=≈≠"),
    (r"\b([a-z])\s?[-–]\s?(\d+)(?=\s?=)", r"\1 minus \2", "="),
    (rf"(?<![\w.])({NUMBER}) ?[-–] ?({NUMBER})(?= (?:is|equals|makes|leaves|gives)\b)", r"\1 minus \2", "-–"),
    (r"(?<=[=+×÷(])\s*[-–]\s?(?=[\d.])", " negative ", "-–"),
    (r"\b([12]\d\d0)'?s\b", lambda m: f" {numbers.plural_years(m[1])} ", "s"),
    (r"(?<![\w.$£€])'?([2-9]0)'?s\b", _decade, "s"),
    (rf"\b(\d{{2,3}})/(\d{{2,3}})(?=\s?mmHg)|{_AFTER_PRESSURE}(\d{{2,3}})/(\d{{2,3}})\b",
     lambda m: f"{m[1] or m[3]} over {m[2] or m[4]}", "/"),
    (rf"\b({NUMBER})([km])(?=\s(?:{_IN_THOUSANDS})\b)", lambda m: f"{m[1]} {SCALES[m[2]]}", "km"),
)  # fmt: skip
