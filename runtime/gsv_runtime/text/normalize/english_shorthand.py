"""Shorthand of courts, doctors, stadiums and programs in English, before figures and stops get their usual sense.

``Roe v. Wade, 410 U.S. 113``, ``Rule 12(b)(6)``, ``q6h``, ``the 87'``, ``np.array()``, ``-$5``, ``1.2M views``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gsv_runtime.text.normalize import english_numbers as numbers
from gsv_runtime.text.normalize.english_units import ATTACHED_UNITS, UNITS

Say = Callable[[re.Match[str]], str]

_MODULES = (  # no words of English: time.is money lacks a blank
    "self|cls|os|sys|np|pd|plt|tf|torch|json|Math|console|fs|df|arr|obj|std|logging|asyncio|nn|cv2|req|res|ctx|args|utils|"
    "numpy|pandas"
)
_CALL = re.compile(r"(?<![\w./@:-])(?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*(?=\()")
_MEMBER = re.compile(rf"(?<![\w./@:-])(?:{_MODULES})(?:\.[A-Za-z_]\w*)+")
_LONG_NAME = re.compile(r"(?<![\w./@:-])[a-z_]\w+(?:\.[a-z_]\w+){2,}(?![\w@/]|\.\w)")
_CIRCUITS = {"2d": "second", "3d": "third", "4th": "fourth"}
_FOOTBALL = re.compile(
    r"(?i)\b(?:goals?|scor(?:e|ed|es|er|ing)|cards?|book(?:ed|ing)|penalt(?:y|ies)|half|header|equali[sz]ers?|winner|net(?:s|ted)|"
    r"kick|AET|ET|stoppage|substitut\w+|subbed|assist\w*|match|striker|keeper|kick-off|full-time|offside)\b"
)
_NO_NOUN = (
    "of|or|and|to|in|for|from|at|on|by|per|away|ago|later|long|wide|tall|high|deep|thick|is|was|were|are|each|more|less|than|"
    "before|after|north|south|east|west|apart|daily|only|but|if|then|with|a|an|the|every|twice|once|we|it|he|she|they|"
    "up|down|that|this|when|while|as|so|you|i|into|over|under|about|off|out|left|because"
)
_NAMED_UNITS = "|".join(
    sorted(map(re.escape, (UNITS | ATTACHED_UNITS).keys() - {"x", "in", "°"}), key=len, reverse=True)
)
_SCALED = (
    "views?|users?|followers|subscribers|subs|likes|downloads|streams?|plays|listeners|readers|members|parameters|params|"
    "tokens|customers|impressions|shares|hits|visits|visitors|sales|units|records|rows|people|dollars|euros|copies|stars|"
    "players|fans|votes|jobs|residents|households|requests|messages|photos|images|videos|posts|comments|monthly|daily|"
    "active|total|paying|registered|unique"
)
_SCALES = {"M": "million", "B": "billion", "m": "million", "b": "billion"}


def _dotted(match: re.Match[str]) -> str:
    return match[0].replace(".", " dot ")


def _doses(match: re.Match[str]) -> str:
    hours = numbers.cardinal(match[1]) + (f" to {numbers.cardinal(match[2])}" if match[2] else "")
    return f"every {hours} hours"


def _prime(match: re.Match[str]) -> str:
    """``a 6' fence`` has feet, ``his goal in the 87'`` minutes."""
    before = match.string[: match.start()]
    if match[2] or (_FOOTBALL.search(match.string) and not before.endswith((" a ", " an "))):
        if before.endswith("the "):
            return f"{f'{match[1]} plus {match[2]}' if match[2] else numbers.ordinal(match[1])} minute "
        return f"{match[1]}{f' plus {match[2]}' if match[2] else ''} {'minute' if match[1] == '1' else 'minutes'} "
    noun = re.match(rf"\s?(?:[x×]|(?!(?:{_NO_NOUN})\b)[a-z])", match.string[match.end() :])
    return f"{match[1]} {'foot' if noun or match[1] == '1' else 'feet'} "


def _unit_of_noun(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]} {(UNITS | ATTACHED_UNITS)[match[3]][0]}"


def _scaled(match: re.Match[str]) -> str:
    return f"{match[1]} {_SCALES[match[2]]}{' plus' if match[3] else ''}"


# What one of the rules needs; most texts have none.
MAY_BE = re.compile(
    rf"[(§¶]|\w\.[A-Za-z_]| v\.|F\.|\d'|\bq\.?\d|[-−–][A-Z]{{0,3}}[{numbers.CURRENCY_SIGNS}]|\d[MBmb]\b|\d[MB]\+"
    r"|(?:[Aa]n?|[Ee]ach|[Ee]very|[Aa]nother) \d"
)
RULES: tuple[tuple[str, Say | str] | tuple[str, Say | str, str], ...] = (
    (_CALL.pattern, _dotted, "("),
    (_MEMBER.pattern, _dotted, "."),
    (_LONG_NAME.pattern, _dotted, "."),
    (r"(?<=[A-Za-z_\]])\(\)", "", "("),
    (r"(?<=[a-z]{2})\((e?s)\)", r"\1", "("),
    (r"(?<=[\w.,'’)] )v\.(?= +[A-Z])", "versus", "v"),
    (r"\bF\.\s?(2d|3d|4th)\b", lambda m: f"F {_CIRCUITS[m[1]]}", "F"),
    (r"§§", " sections ", "§"),
    (r"¶¶?", lambda m: " paragraphs " if len(m[0]) > 1 else " paragraph ", "¶"),
    (r"(?<=\d)(?:\([a-z]{1,3}\)(?:\([A-Za-z0-9]{1,4}\))*)+", lambda m: re.sub(r"[()]+", " ", m[0]), "("),
    (r"\bq\.?(\d{1,2})(?:\s?[-–]\s?(\d{1,2}))?\s?h(?:rs?)?\b\.?", _doses, "q"),
    (r"(?<![A-Za-z.])(?!(?:p\.m|e\.g|i\.e)\.)((?:[b-z]\.){2,4})(?![A-Za-z])",
     lambda m: " ".join(m[1].replace(".", "").upper()) + ("." if not m.string[m.end():].strip() else ""), "."),
    (r"(?<![\d'])(\d{1,3})(?:\+(\d{1,2}))?'(?![\w'])|(?<![\d'])(\d{1,3})()'\s?[x×]\s?(?=\d)",
     lambda m: _prime(m) if m[1] else f"{m[3]} foot by ", "'"),
    (rf"\b([Aa]n? |[Ee]ach |[Ee]very |[Aa]nother )(\d{{1,4}}(?:\.\d+)?)\s?({_NAMED_UNITS})"
     rf"(?= (?!(?:{_NO_NOUN})\b)[a-z]{{2}})",
     _unit_of_noun),
    (rf"(?:(?<=^)|(?<=[\s(]))[-−–](?=(?:US|USD|CA|AU|HK|NZ)?[{numbers.CURRENCY_SIGNS}]\s?\.?\d)", "minus ",
     numbers.CURRENCY_SIGNS),
    (rf"(?<![\w.$£€¥])((?:\d{{1,3}},)*\d+(?:\.\d+)?)([MBmb])(\+)?(?=\s(?:\w+ )?(?:{_SCALED})\b)", _scaled, "MBmb"),
    (r"(?<![\w.$£€¥])(\d+\.\d+)([MB])(\+)?(?![\w-]|\s[A-Z][a-z]?[A-Z])", _scaled, "MB"),
)  # fmt: skip
