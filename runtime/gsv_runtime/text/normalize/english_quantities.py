"""Measures, moments and marks of English that need what stands around them, in words before a text is cut.

Inches (``3/8" × 5'``), units put together (``CFU/mL``, ``N·m``, ``m³/s``), coordinates, ISO 8601 moments, currencies by
their codes, seasons (``2024/25``), ranges of times and amounts, shares (``80/20``), serial numbers.
"""

from __future__ import annotations

import re

from gsv_runtime.text.normalize import english_numbers as numbers
from gsv_runtime.text.normalize.english_units import ATTACHED_UNITS, PER_UNITS, UNITS

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?"
_FRACTION = r"(?:(?:\d+[ -])?\d+/\d+|\d*[½¼¾⅓⅔⅛⅜⅝⅞]|\d+(?:\.\d+)?)"

# Units that stand in units put together only.
_MORE = {
    "N": ("newton", "newtons"), "kN": ("kilonewton", "kilonewtons"),
    "J": ("joule", "joules"), "K": ("kelvin", "kelvin"),
    "Pa": ("pascal", "pascals"), "A": ("amp", "amps"), "T": ("tesla", "tesla"),
    "IU": ("I U", "I U"), "U": ("unit", "units"),
    "CFU": ("C F U", "C F U"), "PFU": ("P F U", "P F U"), "cfu": ("C F U", "C F U"), "ng": ("nanogram", "nanograms"),
    "pg": ("picogram", "picograms"), "nmol": ("nanomole", "nanomoles"), "µmol": ("micromole", "micromoles"),
    "pmol": ("picomole", "picomoles"), "mEq": ("milliequivalent", "milliequivalents"), "rad": ("radian", "radians"),
    "lm": ("lumen", "lumens"), "cd": ("candela", "candelas"), "Wh": ("watt hour", "watt hours"), "t": ("ton", "tons"),
    "kt": ("knot", "knots"), "MN": ("meganewton", "meganewtons"),
    "Mb": ("megabit", "megabits"), "Gb": ("gigabit", "gigabits"),
    "Mbit": ("megabit", "megabits"), "Gbit": ("gigabit", "gigabits"), "kbit": ("kilobit", "kilobits"),
    "MJ": ("megajoule", "megajoules"), "Bq": ("becquerel", "becquerels"), "Sv": ("sievert", "sieverts"),
    "mSv": ("millisievert", "millisieverts"), "µSv": ("microsievert", "microsieverts"), "d": ("day", "days"),
}  # fmt: skip
_ATOMS = {
    name: said
    for name, said in (UNITS | ATTACHED_UNITS | _MORE).items()
    if name not in ("x", "in", "°") and "/" not in name
}
_PER = (
    {name: one for name, (one, _) in _ATOMS.items()}
    | PER_UNITS
    | {
        word: word
        for word in "second minute hour day week month year night person cell dose serving visit liter gallon mile "
        "acre".split()
    }
    | {
        "wk": "week",
        "mo": "month",
        "yr": "year",
        "d": "day",
        "s": "second",
        "h": "hour",
        "acre": "acre",
        "ha": "hectare",
    }
)
_POWERS = {"²": "square", "³": "cubic", "^2": "square", "^3": "cubic", "2": "square", "3": "cubic"}
_BEHIND_POWERS = {"²": " squared", "³": " cubed", "^2": " squared", "^3": " cubed", "2": " squared", "3": " cubed"}


def _any(names: object) -> str:
    return "|".join(sorted(map(re.escape, names), key=len, reverse=True))  # type: ignore[call-overload]


_POWER = r"(?:[²³]|\^[23]|[23](?![\d/]))"
_PART = rf"(?:{_any(_PER)}){_POWER}?"
_PUT_TOGETHER = re.compile(
    rf"(?P<number>(?<![\w.]){_NUMBER}|(?<=[⁰¹²³⁴⁵⁶⁷⁸⁹]))(?P<gap>[ -]?)(?P<first>{_any(_ATOMS)}|"
    rf"[a-z]{{3,}}s)(?P<power>{_POWER}?)"
    rf"(?P<rest>(?:/{_PART})+|(?:[·⋅]{_PART})+(?:/{_PART})*)(?![\w/²³])"
)
_INCHES = re.compile(rf"(?<![\w.,:′'])({_FRACTION})(?:\"|″|'')(?![\w\"])")
_INCHES_IN_FEET = re.compile(rf"(?<![\w.])(\d{{1,3}})'\s?({_FRACTION})(?:\"|″|'')")
_FEET_SIDE = re.compile(rf"(?<=inch)(\s?[×x]\s?)({_FRACTION})'(?![\w'])")
_NO_NOUN = (
    "of|or|and|to|in|for|from|at|on|by|per|away|long|wide|tall|high|deep|thick|is|was|were|are|each|more|less|than|apart|"
    "with|but|if|then|as|so|above|below|off|taller|shorter|longer|wider"
)
_DEGREES = re.compile(
    r"(?<![\d.])(\d{1,3})°\s?(\d{1,2}(?:\.\d+)?)['′’]\s?(?:(\d{1,2}(?:\.\d+)?)(?:\"|″|''|”)\s?)?([NSEW](?![A-Za-z]))?"
)
_COMPASS = re.compile(r"(?<=\d°)\s?([NSEW])(?![A-Za-z])")
_DIRECTIONS = {"N": "north", "S": "south", "E": "east", "W": "west"}

_MOMENT = re.compile(
    r"(?<![\d-])([12]\d{3})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?:T|,?\s+)([01]\d|2[0-3]):([0-5]\d)"
    r"(?::([0-5]\d)(?:[.,]\d+)?)?(?:\s?(Z)\b|\s?([+−-]\d\d):?(\d\d)(?!\d))?(?![\d:])"
)
_SHORT_DATE = re.compile(r"(?<![\d-])(?=0|\d\d-0)(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])-(\d\d)(?![\d-])")
_MONTHS = _any("Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec".split())
_MONTH_OF_YEAR = re.compile(rf"\b({_MONTHS})\.?,? (?='?[12]\d{{3}}\b|'\d\d\b)")
_DAYS = {"Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday",
         "Thur": "Thursday", "Thurs": "Thursday", "Fri": "Friday", "Sat": "Saturday", "Sun": "Sunday"}  # fmt: skip
_DAY_AND_TIME = re.compile(
    rf"(?<![-–—/])\b({_any(_DAYS)})(?=,? \d{{1,2}}(?::\d\d)?\s?[ap]\.?m|,? \d{{1,2}}:\d\d| (?:nights?|mornings?|"
    rf"evenings?|"
    rf"afternoons?|closed)\b"
    rf"|,? \d{{1,2}} (?:{_MONTHS})|,? (?:{_MONTHS})[a-z]* \d)"
)
_HALF_DAY_RANGE = re.compile(
    r"(?i)(?<![\d:])(\d{1,2}(?::\d\d)?(?:\s?[ap]\.?m\.?)?|noon|midnight)\s?[-–—]\s?"
    r"(?=(?:\d{1,2}(?::\d\d)?\s?[ap]\.?m(?![a-z])|noon|midnight))"
)
_AFTER_HALF_DAY = re.compile(r"(?i)(?<=\d[ap]m)\s?[-–—]\s?(?=noon|midnight|close|late|dusk)")

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "INR": "₹", "KRW": "₩", "RUB": "₽", "CNY": "¥", "RMB": "¥", "Rs": "₹"}
_MONIES = {
    "JPY": "yen", "CHF": "Swiss francs", "CAD": "Canadian dollars", "AUD": "Australian dollars", "HKD": "Hong Kong "
    "dollars",
    "SGD": "Singapore dollars", "NZD": "New Zealand dollars", "TWD": "Taiwan dollars", "SEK": "Swedish kronor",
    "NOK": "Norwegian kroner", "DKK": "Danish kroner", "MXN": "Mexican pesos", "BRL": "Brazilian reais", "ZAR": "rand",
    "THB": "baht", "VND": "dong", "PHP": "Philippine pesos", "TRY": "Turkish lira", "PLN": "zloty", "CZK": "Czech "
    "koruna",
    "ILS": "shekels", "AED": "dirhams", "BTC": "bitcoin", "ETH": "ether", "IDR": "rupiah", "MYR": "ringgit",
}  # fmt: skip
_SCALE = r"(?:\s?(?:thousand|million|billion|trillion|bn|mn|tn|[kKmMbB])\b)?"
_CODE_FIRST = re.compile(rf"(?<![A-Za-z])(?:({_any(_SIGNS)})\.?|({_any(_MONIES)}))\s?({_NUMBER}{_SCALE})(?![\w.]\d)")
_CODE_LAST = re.compile(
    rf"(?<![\w.])({_NUMBER}(?:\s?[-–]\s?{_NUMBER})?{_SCALE})\s?(?:({_any(_SIGNS)})|({_any(_MONIES)}))(?![A-Za-z/])"
)
_TWICE = re.compile(rf"([$€£¥₹]\s?{_NUMBER}{_SCALE})\s(?:USD|EUR|GBP|CNY|RMB|INR)\b")
_COMMA_DECIMAL = re.compile(
    r"(?<=[€£$])(\s?\d+(?:\.\d{3})*),(\d\d)(?!\d|,\d)|(?<![\d.,])(\d+(?:\.\d{3})*),(\d\d)(?=\s?€)"
)
_LAKHS = re.compile(r"(?<![\d,])\d{1,2}(?:,\d\d)+,\d{3}(?![\d,])")
_RATE = re.compile(
    rf"(?P<amount>[$€£¥₹]\s?{_NUMBER}\s?[kKmMbB]?)/(?P<per>year|yr|month|mo|week|wk|day|hour|hr|night|person|user|seat|head)\b(?:\.(?=,|\s+[a-z]))?"
)
_OWED = re.compile(
    r"(?i)(?<=\b)(balance|total|income|profit|cash|equity|variance|change|earnings|margin|difference|result|EBITDA|EPS|"
    rf"gain/loss|flow|net)(:?\s(?:was |is |of |at |to )?)\(([$€£¥]\s?{_NUMBER}{_SCALE}|{_NUMBER}%)\)"
)
_TO_AMOUNT = re.compile(
    r"(?<=\bQ[1-4])\s?[-–—]\s?(?=Q[1-4]\b)|(?<=\d(?:st|nd|rd|th))\s?[–—-]\s?(?=\d+(?:st|nd|rd|th)\b)|(?<=\d0s)\s?[–—-]\s?(?=\d+0s\b)"
)
_PER_AMOUNT = re.compile(rf"(?<=\d)(\s?(?:{_any(_ATOMS)}))/(?=\d+(?:\.\d+)?\s?(?:{_any(_ATOMS)})(?![A-Za-z]))")
_TIMES_A_DAY = re.compile(r"(?<=[A-Za-z]) [x×] (?=\d+ [a-z])")
_LESS = re.compile(r"(?<=[A-Za-z|])([<>])(?=\.?\d)")
_ABOUT = re.compile(r"(?<![\w/~])~(?=[A-Za-z])(?![^\s~]*~)")
_METRE = re.compile(r"(?<![\d/])([2-9]|12)/(2|4|8|16)(?=\s(?:time|meter|metre|signature|beat|bar)\b)")
_MONTH_AND_YEAR = re.compile(r"(?<![\d/])(0[1-9]|1[0-2])/((?:19|20)\d\d)(?![\d/])")
_DOLLARS = re.compile(r"\${2,}(?![\d\w])")
_HALF_DAYS = re.compile(r"(?<![\w.:])(\d{1,2}(?::\d\d)?)([ap])?\s?[-–]\s?(\d{1,2}(?::\d\d)?)([ap])(?![\w.])")
_HUNDRED_HOURS = re.compile(
    r"(?<![\d:.])([01]\d|2[0-4])(\d\d)\s?(?:hrs|hours|h)\b(?!\s+(?:of|a|in|on|per|ago|later|each))"
)
_PACE = re.compile(r"(?<![\w.])(\d{1,2})'([0-5]\d)\"(?=\s?(?:pace|/\s?(?:km|mi)|per (?:km|mile)|split|lap))")
_EXTENSION = re.compile(r"(?<=\d)(,?\s)x(\d{2,5})(?!\w)")
_SMALL_UNIT = re.compile(
    r"(?<![\w.])(\d[\d,]*(?:\.\d+)?) (m|g|L|l|V|W)(?=\s*[,;:)]|\s*$|\s(?:of|and|or|to|from|away|long|tall|high|deep|"
    r"wide|above|below|race|sprint)\b)"
)
_DAY_AND_DATE = re.compile(rf"\b({_any(_DAYS)})\.?,? (1[0-2]|[1-9])/(3[01]|[12]\d|[1-9])(?![\d/])")
_PRESSURE = re.compile(r"(?<![\d/.])(\d{2,3})/(\d{2,3})(?![\d/])")
_OF_PRESSURE = re.compile(r"\bBP\b|(?i:\bblood pressure\b)")
_CODE_OF_GROUPS = re.compile(r"(?<![\w-])([A-Z]{2,6})-(\d+)-(\d+)(?![\w-])")
_PER_THING = re.compile(rf"(?<=\d)(\s?(?:{_any(_ATOMS)}))/([a-z]{{3,12}})(?![\w/])")
_LONG_THING = re.compile(
    r"\s(?:taller|shorter|longer|wider|long|wide|deep|thick|tall|high|screen|monitor|display|laptop|pipe|board|pizza|nail|"
    r"blade|wheel|gap|hole|cake|of (?:snow|rain|water))\b"
)
_SEASON = re.compile(r"(?<![\d/.-])((?:19|20)(\d\d))/(\d\d)(?![\d/])")
_YEARS = re.compile(r"(?<![\d/.])([12]\d{3})/([12]\d{3})(?![\d/])")
_SHARES = re.compile(r"(?<![\d/.$])([1-9][05])/([1-9][05])(?![\d/]|\s?(?:mm|in\b))")
_ALL_MARKS = re.compile(r"(?<![\d/.])(5|10)/\1(?![\d/])")
_TENTHS = re.compile(
    r"(?<![\d/.])(\d)/10(?= (?:doctors|dentists|people|users|customers|students|times|would|recommend|experts))"
)
_SUFFIXED = re.compile(r"(?<![\d/])(\d+/\d+)(?:st|nd|rd|th)s?\b")
_OF_ONE = {*UNITS, "m", "g", "L", "W", "V", "yd", "in", "mo", "yr"} - {"°", "°C", "°F", "¢", "x"}
_HYPHENED = re.compile(rf"(?<=\d)-({_any(_OF_ONE)})\b\.?(?=[\s,;:!?]|$|\.\s|-old\b)")
_SQUARE = re.compile(r"\b(sq|cu)\.?\s(ft|in|mi|yds?|km|cm|m)\b\.?(?=(\s+[a-z(]|\s*[,;:)/])?)")
_TIMES = re.compile(r"(?<=[A-Za-z)] )[x×](\d{1,3})(?![\w.]|\s?[=+*/^-])|(?<=\()[x×](\d{1,3})(?=\))")
_ENGINE = re.compile(r"(?<![\w.])V(6|8|10|12)(?![\w.])")
_OIL = re.compile(r"(?<![\w.])(\d{1,2})W-(\d{2})(?!\d)")
_HEX = re.compile(
    r"#(?=[0-9A-F]*[A-F])(?=[0-9A-F]*\d)([0-9A-F]{6}|[0-9A-F]{3})(?![\w])|(?<![\w.])0x([0-9A-Fa-f]{1,16})(?!\w)"
)
_SERIAL = re.compile(r"(?<![\w.@/#-])(?=[A-Z0-9]*[A-Z])(?=[A-Z0-9]*\d)[A-Z0-9]{6,34}(?![\w@/]|\.\w)")
_LONG_CODE = re.compile(r"#\s?(\d{5,})(?![\d,.]\d|\w)")
_CODE_OF_LETTERS = re.compile(r"(?<![\w#])#(?=[A-Z]{1,4}-?\d)")
_PORT = re.compile(r"(?<=\d)(\.\d{1,3}\.\d{1,3}\.\d{1,3}):(\d{2,5})(?!\d)")
_FLAT = re.compile("(?<![A-Za-z])([A-G])([♭♯])")
_ARROWS = re.compile(r"([↑↓▲▼⬆⬇])️?\s?(?=[$€£¥]?\d)|(?<=[\d%])\s?([↑↓▲▼⬆⬇])️?")
_LIMIT = re.compile(r"(?<![A-Za-z])([a-z])\s?→\s?(?=[-−+]?[∞0-9])")

# A cheap look at what most texts have not.
_MAY_BE = re.compile(r"\d|[♭♯]|→")


def quantities_said(text: str) -> str:
    """English text, the whole of it, with these in words or in the plain signs that the later rules read."""
    text = _DOLLARS.sub("dollars", text) if "$$" in text else text
    if not _MAY_BE.search(text):
        return text
    if '"' in text or "″" in text or "''" in text or "°" in text:
        text = _PACE.sub(r"\1 minutes \2", text)
        text = _DEGREES.sub(_coordinate, text)
        text = _COMPASS.sub(lambda m: f" {_DIRECTIONS[m[1]]}", text)
        text = _inches(text)
    if ":" in text or "-" in text or "–" in text or "—" in text:
        text = _MOMENT.sub(_moment, text)
        text = _SHORT_DATE.sub(lambda m: f"{numbers.MONTHS[int(m[1]) - 1]} {int(m[2])}, 20{m[3]}", text)
        text = _AFTER_HALF_DAY.sub(" to ", _HALF_DAY_RANGE.sub(r"\1 to ", text))
        text = _HYPHENED.sub(_hyphened, _TO_AMOUNT.sub(" to ", text))
        text = _CODE_OF_GROUPS.sub(r"\1 \2 \3", text)
        text = _OIL.sub(r"\1 W \2", _PORT.sub(r"\1 colon \2", text))
    text = _DAY_AND_TIME.sub(lambda m: _DAYS[m[1]], _MONTH_OF_YEAR.sub(_month_of_year, text))
    text = _money(text)
    text = _ABOUT.sub("about ", text) if "~" in text else text
    text = _LESS.sub(lambda m: " less than " if m[1] == "<" else " greater than ", text)
    text = _TIMES_A_DAY.sub(" times ", text)
    if "/" in text:
        text = _PER_THING.sub(r"\1 per \2", text)
        text = _PER_AMOUNT.sub(r"\1 per ", _METRE.sub(r"\1 \2", text))
        text = _PRESSURE.sub(r"\1 over \2", text) if _OF_PRESSURE.search(text) else text
        text = _DAY_AND_DATE.sub(lambda m: f"{_DAYS[m[1]]}, {numbers.MONTHS[int(m[2]) - 1]} {m[3]}", text)
        text = _MONTH_AND_YEAR.sub(lambda m: f"{numbers.MONTHS[int(m[1]) - 1]} {m[2]}", text)
    if "/" in text or "·" in text or "⋅" in text:
        text = _PUT_TOGETHER.sub(_put_together, text)
        text = _SEASON.sub(_season, _YEARS.sub(r"\1 to \2", _SUFFIXED.sub(r"\1", text)))
        text = _SHARES.sub(_shares, _TENTHS.sub(r"\1 out of 10", _ALL_MARKS.sub(r"\1 out of \1", text)))
    text = _HALF_DAYS.sub(lambda m: f"{m[1]}{f'{m[2]}m' if m[2] else ''} to {m[3]}{m[4]}m", text)
    text = _HUNDRED_HOURS.sub(_hundred_hours, text) if "h" in text else text
    text = _EXTENSION.sub(r"\1extension \2", text) if "x" in text else text
    text = _SMALL_UNIT.sub(lambda m: f"{m[1]} {_ATOMS[m[2]][m[1] != '1']}", text)
    text = _SQUARE.sub(_square, text)
    text = _ENGINE.sub(lambda m: f"V {numbers.cardinal(m[1])}", _TIMES.sub(lambda m: f"times {m[1] or m[2]}", text))
    text = _HEX.sub(lambda m: _one_by_one(m[1]) if m[1] else f"zero X {_one_by_one(m[2].upper())}", text)
    text = _SERIAL.sub(_serial, text)
    if "#" in text:
        text = _CODE_OF_LETTERS.sub("number ", _LONG_CODE.sub(lambda m: f"number {numbers.digits(m[1])}", text))
    text = _FLAT.sub(lambda m: f"{m[1]} {'flat' if m[2] == '♭' else 'sharp'}", text)
    return _LIMIT.sub(r"\1 to ", _ARROWS.sub(_arrow, text))


def _hundred_hours(match: re.Match[str]) -> str:
    hour, minute = match[1], match[2]
    said = f"oh {numbers.cardinal(hour[1])}" if hour[0] == "0" and hour != "00" else numbers.cardinal(str(int(hour)))
    return f"{said} {'hundred' if minute == '00' else numbers.cardinal(minute)} hours"


def _coordinate(match: re.Match[str]) -> str:
    said = f"{match[1]} degrees {match[2]} minutes"
    said += f" {match[3]} seconds" if match[3] else ""
    return said.replace(" 0", " ") + (f" {_DIRECTIONS[match[4]]}" if match[4] else "")


def _inches(text: str) -> str:
    """A quote behind a figure is inches unless it closes what another opened."""

    def said(match: re.Match[str]) -> str:
        quotes = text.count('"', 0, match.start())
        opened = match[0].endswith('"') and len(re.findall(r'(?<![\w.,!?])"(?=\S)', text[: match.start()])) > (
            len(re.findall(r'(?<=[\w.,!?])"(?!\w)', text[: match.start()])) - len(measured)
        )
        if opened and quotes and not _LONG_THING.match(text, match.end()):
            return match[0]
        measured.append(match.start())
        return f"{match[1]} {_inch(match[1], text[match.end() :])}"

    measured: list[int] = []
    text = _INCHES_IN_FEET.sub(r"\1'\2", text) if "'" in text else text
    text = _INCHES.sub(said, text)
    return _FEET_SIDE.sub(r" by \2 feet", text)


def _inch(number: str, behind: str) -> str:
    noun = re.match(rf"\s?[×x]|[ -](?!(?:{_NO_NOUN})\b)[A-Za-z]", behind)
    is_one = number == "1" or "/" in number or number in "½¼¾⅓⅔⅛⅜⅝⅞"
    return "inch" if noun or is_one else "inches"


def _moment(match: re.Match[str]) -> str:
    date = f"{numbers.MONTHS[int(match[2]) - 1]} {int(match[3])}, {match[1]}"  # a comma that no method cuts at
    hour, minute = int(match[4]), int(match[5])
    minutes = "hundred" if minute == 0 else f"oh {numbers.cardinal(str(minute))}" if minute < 10 else str(minute)
    said = f"{date} {'zero' if hour == 0 else numbers.cardinal(str(hour))} {minutes}"
    if match[6]:
        said += f" and {int(match[6])} second{'' if int(match[6]) == 1 else 's'}"
    if match[7] or match[8]:
        hours = int(match[8].replace("−", "-")) if match[8] else 0
        said += " U T C" + (f" {'plus' if hours > 0 else 'minus'} {abs(hours)}" if hours else "")
        said += f" {match[9]}" if match[9] and match[9] != "00" else ""
    return said


def _month_of_year(match: re.Match[str]) -> str:
    return next(month for month in numbers.MONTHS if month.startswith(match[1][:3])) + " "


def _money(text: str) -> str:
    if re.search("[A-Z]{3}|Rs", text):
        text = _TWICE.sub(r"\1", text)
        text = _CODE_FIRST.sub(lambda m: f"{_SIGNS[m[1]]}{m[3]}" if m[1] else f"{m[3]} {_MONIES[m[2]]}", text)
        text = _CODE_LAST.sub(_code_last, text)
    if "," in text:
        text = _LAKHS.sub(lambda m: m[0].replace(",", ""), text)
        text = _COMMA_DECIMAL.sub(
            lambda m: f"{m[1].replace('.', '')}.{m[2]}" if m[1] else f"{m[3].replace('.', '')}.{m[4]}", text
        )
    if "/" in text:
        text = _RATE.sub(lambda m: f"{m['amount']} per {_PER.get(m['per'], m['per'])}", text)
    return _OWED.sub(r"\1\2minus \3", text) if "(" in text else text


def _code_last(match: re.Match[str]) -> str:
    amount, sign, name = match.groups()
    if name:
        return f"{amount} {_MONIES[name]}"
    return f"{_SIGNS[sign]}{amount}"


def _put_together(match: re.Match[str]) -> str:
    number, first, power = match["number"], match["first"], match["power"]
    many = number != "1" and match["gap"] != "-"
    several = many and match["rest"][0] == "/"
    said = _ATOMS[first][several] if first in _ATOMS else first
    said = f"{_POWERS[power]} {said}" if power else said
    for mark, part, raised in re.findall(rf"([/·⋅])({_any(_PER)})({_POWER}?)", match["rest"]):
        one = _PER[part]
        behind = raised and one == "second"
        one = one if mark == "/" or not many else _ATOMS.get(part, (one, one))[1]
        name = f"{one}{_BEHIND_POWERS[raised]}" if behind else f"{_POWERS[raised]} {one}" if raised else one
        said += f" per {name}" if mark == "/" else f" {name}"
    return f"{number} {said}"


def _season(match: re.Match[str]) -> str:
    return f"{match[1]} {match[3]}" if (int(match[2]) + 1) % 100 == int(match[3]) else match[0]


def _shares(match: re.Match[str]) -> str:
    return f"{match[1]} {match[2]}" if int(match[1]) + int(match[2]) == 100 else match[0]


def _hyphened(match: re.Match[str]) -> str:
    one = {"mo": "month", "yr": "year"}.get(match[1]) or (UNITS | ATTACHED_UNITS)[match[1]][0]
    return f" {one}"


def _square(match: re.Match[str]) -> str:
    one, many = (UNITS | ATTACHED_UNITS).get(match[2], ("", ""))
    alone = re.search(r"(?<![\d.])1\s?$", match.string[: match.start()])
    end = "." if match[0].endswith(".") and match[3] is None and not match.string[match.end() :].strip() else ""
    return f"{'square' if match[1] == 'sq' else 'cubic'} {one if alone else many}{end}"


def _one_by_one(code: str) -> str:
    return " ".join(numbers.digits(char) if char.isdigit() else char for char in code)


def _serial(match: re.Match[str]) -> str:
    """``QX7T9L`` is a code; ``RTX4090`` and ``COVID19`` are names with a number."""
    groups = re.findall(r"[A-Z]+|\d+", match[0])
    is_formula = all(len(group) == 1 if group.isalpha() else len(group) < 3 for group in groups)  # C6H12O6
    if len(groups) < 3 or is_formula or re.fullmatch(r"\d+[A-Z]\d+[A-Z]?", match[0]):
        return match[0]
    return " ".join(map(_one_by_one, groups))


def _arrow(match: re.Match[str]) -> str:
    up = (match[1] or match[2]) in "↑▲⬆"
    return f"{'up' if up else 'down'} " if match[1] else f" {'up' if up else 'down'}"
