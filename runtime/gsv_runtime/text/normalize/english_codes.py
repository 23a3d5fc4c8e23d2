"""Telephone, card, account and book numbers in English: figure by figure, with a pause between groups."""

from __future__ import annotations

import re

from gsv_runtime.text.normalize import english_numbers as numbers
from gsv_runtime.text.normalize.english_words import STATES

_GROUPS = r"(?:\+\s?)?(?:\(\d{1,5}\)|\d+)(?:[ ]?[ .–-][ ]?(?:\(\d{1,5}\)|\d+))*"
# Behind these, three figures are a code; behind the others only what is too long for a count.
_ALWAYS = (
    "call|dial|squawk|ring|phone|telephone|tel|mobile|cell|fax|hotline|helpline|whatsapp|pin|code|passcode|password|otp|isbn|"
    "issn|zip|postcode|postal code|extension|ext|ssn|imei|iban|sort code|serial|sms|text"
)
_LONG = (
    "number|no|nr|card|account|acct|order|invoice|ticket|tracking|reference|ref|id|passport|licen[cs]e|policy|member|"
    "customer|case|booking|confirmation|contact|reach|flight"
)
_FILLERS = "numbers?|no|nr|code|is|was|are|at|on|to|me|us|him|her|them|of|the|my|our|your|id|card|account|order|pin|key"
_BETWEEN = rf"(?:[\s:#=.,]|\b(?:{_FILLERS})\b){{0,12}}?"
_KEYED = re.compile(
    rf"(?i)\b(?P<always>{_ALWAYS})\b{_BETWEEN}\s*(?P<groups>{_GROUPS})"
    rf"|\b(?P<long>{_LONG})\b\.?{_BETWEEN}\s*(?P<more>{_GROUPS})"
)
_PLAIN = re.compile(rf"(?<![\w.,$£€¥₹#-])(?:{_GROUPS})(?![\w]|[.,]\d|\s?[=+×÷%])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){2,7}(?:\s?[A-Z0-9]{1,4})?\b")
_FLIGHT = re.compile(
    r"\b([Ff]lights? (?:(?:number|no\.) )?)(?:([A-Z]{2,3}|[A-Z]\d|\d[A-Z]) ?)?(\d{3,4})(?![\w%]|[.,:/-]\d)"
)
_BOX = re.compile(r"\b(P\.? ?O\.?) Box (?:No\.? ?)?(\d{1,6})(?![\d,.]\d|\w)")
_ZIP = re.compile(rf"(?<=, )({'|'.join(STATES)}),? (\d{{5}})(?:-(\d{{4}}))?(?![\w-]|[.,]\d)")
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d")
_DATE = re.compile(r"(?:\d{1,2}[./-]\d{1,2}[./-]\d{4}|\d{4}[./-]\d{1,2}[./-]\d{1,2})(?:\D.*)?")
_ADDRESS = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}")
_THOUSANDS = re.compile(r"(?<![\d.,+-])\d{1,3}(?: \d{3}){2,}(?![\d-])")
_COUNTED = re.compile(r"\s+(?!and\b|or\b|now\b|for\b|to\b|if\b|is\b|in\b|at\b|on\b|then\b|please\b)[a-z]{2,}")
_MIN_FIGURES = 9
_MIN_TELEPHONE_FIGURES = 7


def codes_said(text: str) -> str:
    """English text with its telephone numbers and codes figure by figure; dates, ranges and sums stay."""
    if not re.search(r"\d{2}", text):
        return text
    text = _IBAN.sub(_letters_and_figures, text)
    text = _FLIGHT.sub(lambda match: f"{match[1]}{' '.join(match[2] or '')} {numbers.digits(match[3])} ", text)
    text = _BOX.sub(lambda match: f"P O Box {numbers.digits(match[2])} ", text)
    text = _ZIP.sub(_state_and_zip, text)
    text = _KEYED.sub(_keyed, text)
    return _PLAIN.sub(lambda match: said(match[0]) if _is_code(match[0]) else _number(match[0]), text)


def said(groups: str) -> str:
    """``020 7946`` → zero two zero, seven nine four six."""
    plus = "plus " if groups.lstrip().startswith("+") else ""
    return f" {plus}" + ", ".join(numbers.digits(group) for group in re.findall(r"\d+", groups)) + " "


def _keyed(match: re.Match[str]) -> str:
    always = match["groups"] is not None
    groups = match["groups"] if always else match["more"]
    before = match[0][: len(match[0]) - len(groups)]
    figures = re.sub(r"\D", "", groups)
    several = len(re.findall(r"\d+", groups)) > 1
    after = match.string[match.end() : match.end() + 24]
    if _DATE.fullmatch(groups) or _ADDRESS.fullmatch(groups) or re.match(r"[\w%$€£]|[.:,/]\d|\s?[=+×÷%]", after):
        return match[0]
    counted = not several and _COUNTED.match(after) is not None
    enough = (3 if always else 5) if not several else 6
    if len(figures) < enough or (counted and len(figures) < 7):
        return match[0]
    return f"{re.sub(r'(?i)no[.]', 'number', before).rstrip(' ')}{said(groups)}"


def _is_code(groups: str) -> bool:
    parts = re.findall(r"\d+", groups)
    figures = sum(map(len, parts))
    if len(parts) < 2 or _DATE.fullmatch(groups) or _ADDRESS.fullmatch(groups) or all(map(_YEAR.fullmatch, parts)):
        return False
    if groups[0] in "+0(" and figures >= _MIN_TELEPHONE_FIGURES:
        return len(parts) > 2 or "." not in groups
    if len(parts) == 2:
        return re.fullmatch(r"\d{3}-\d{4}", groups) is not None
    american = re.fullmatch(r"(?:1[ .-])?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}", groups) is not None
    return (
        american
        or (figures >= _MIN_FIGURES and not _THOUSANDS.fullmatch(groups))
        or (figures >= _MIN_FIGURES and not groups.endswith(" 000"))
    )


def _number(groups: str) -> str:
    """Join thousands that are set apart by blanks, as in ``1 000 000``."""
    return groups.replace(" ", "") if _THOUSANDS.fullmatch(groups) else groups


def _letters_and_figures(match: re.Match[str]) -> str:
    groups = re.findall(r"[A-Z]+|\d+", match[0])
    return ", ".join(numbers.digits(group) if group.isdigit() else " ".join(group) for group in groups) + " "


def _state_and_zip(match: re.Match[str]) -> str:
    """``, CA 90210`` → , California, nine zero two one zero."""
    return f"{STATES[match[1]]}, " + ", ".join(numbers.digits(part) for part in match.groups()[1:] if part) + " "
