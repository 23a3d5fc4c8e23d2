"""The part of SSML that requests may use: pauses, phones, ways to read figures and letters, and rate.

A text is SSML only where it begins with ``<speak`` (after a byte order mark, an XML prolog or comments) and ends with
``</speak>``; any other text is said as it is
written, ``<`` and all. Source: W3C Speech Synthesis Markup Language 1.1. Understood: speak, p, s, break (time,
strength), phoneme (ph: phones of the table or pinyin), sub (alias), say-as (interpret-as: characters, spell-out,
digits, telephone, cardinal, number, ordinal), prosody (rate). Everything else is refused by name, never ignored.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.text.lexicon import Marks, pronounce
from gsv_runtime.text.say_as import INTERPRETATIONS, say_as

MAX_PAUSE_S = 10.0
MIN_RATE, MAX_RATE = 0.5, 2.0
MAX_DEPTH = 32
_STRENGTHS_S = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.2}
_RATES = {"x-slow": 0.5, "slow": 0.8, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.6}
_ATTRIBUTES: dict[str, set[str]] = {
    "speak": {"version", "lang"},
    "p": set(),
    "s": set(),
    "break": {"time", "strength"},
    "phoneme": {"ph", "alphabet"},
    "sub": {"alias"},
    "say-as": {"interpret-as", "format"},
    "prosody": {"rate"},
}
_NAMES = ", ".join(_ATTRIBUTES)


@dataclass(frozen=True)
class Passage:
    """A stretch of text that is said in one manner.

    Attributes:
        text: plain, with marks for the words whose phones are given.
        rate: speed beside the request's; 2 is twice as fast.
        pause_after_s: silence after it, None for the request's.
    """

    text: str
    rate: float = 1.0
    pause_after_s: float | None = None


_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_PROLOG = re.compile(r"\A[\s\ufeff]*<\?xml\b[^<>]*\?>[\s\ufeff]*")


def _document(text: str) -> str:
    """A text without byte order mark, prolog, comments and the white space around it."""
    text = text.strip("\ufeff \t\r\n\f\v\u0085\u00a0\u2028\u2029")
    return _PROLOG.sub("", _COMMENT.sub("", text)).strip() if text.startswith("<") else text


def is_ssml(text: str) -> bool:
    """Whether a text is to be read as SSML."""
    text = _document(text)
    return bool(re.match(r"<speak[\s>]", text)) and text.endswith("</speak>")


def passages(text: str, symbols: str, marks: Marks, clean: Callable[[str], str], language: str) -> list[Passage]:
    """SSML to passages of plain text.

    Args:
        text: a text for which `is_ssml` is true.
        symbols: phone table of the checkpoint.
        marks: takes the words whose phones are given.
        clean: what to do with plain text before marks are set in it.
        language: that figures and letters are said in.

    Raises:
        InvalidRequest: it is no well-formed XML, or has something that is not understood.
    """
    text = _document(text)
    if "<!" in text:
        raise InvalidRequest("SSML has CDATA or a document type; need elements and text only")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise InvalidRequest(f"SSML cannot be read: {error}; mask < as &lt; and & as &amp;") from None
    return _joined(_Reader(symbols, marks, clean, language).read(root, 1.0, 0))


def _joined(parts: Iterator[Passage]) -> list[Passage]:
    """Passages with their parts put together: one ends where there is a pause or the rate changes."""
    found: list[Passage] = []
    for part in parts:
        last = found[-1] if found else None
        if last and not part.text and part.pause_after_s is not None:
            found[-1] = replace(last, pause_after_s=min((last.pause_after_s or 0.0) + part.pause_after_s, MAX_PAUSE_S))
        elif last and part.rate == last.rate and last.pause_after_s is None:
            found[-1] = replace(last, text=last.text + part.text, pause_after_s=part.pause_after_s)
        elif part.text.strip():
            found.append(part)
    return found


class _Reader:
    def __init__(self, symbols: str, marks: Marks, clean: Callable[[str], str], language: str) -> None:
        self._symbols, self._marks, self._clean, self._language = symbols, marks, clean, language

    def read(self, element: ElementTree.Element, rate: float, depth: int) -> Iterator[Passage]:
        name = _local(element.tag)
        attributes = {_local(key): value for key, value in element.attrib.items()}
        if name not in _ATTRIBUTES:
            raise InvalidRequest(f"SSML element <{name[:20]}> is not understood; have {_NAMES}")
        unknown = sorted(attributes.keys() - _ATTRIBUTES[name])
        if unknown:
            raise InvalidRequest(f"SSML attribute {unknown[0][:20]!r} of <{name}> is not understood")
        if depth > MAX_DEPTH:
            raise InvalidRequest(f"SSML is nested more than {MAX_DEPTH} deep; need a flatter document")
        if name == "break":
            yield Passage("", rate, _pause_s(attributes))
        elif name in ("phoneme", "sub", "say-as"):
            yield Passage(self._said(name, attributes, "".join(element.itertext())), rate)
        else:
            rate = rate * _rate(attributes["rate"]) if "rate" in attributes else rate
            yield from self._children(element, min(max(rate, MIN_RATE), MAX_RATE), depth)
        if name in ("p", "s"):
            yield Passage("\n", rate)

    def _children(self, element: ElementTree.Element, rate: float, depth: int) -> Iterator[Passage]:
        yield Passage(self._clean(element.text or ""), rate)
        for child in element:
            yield from self.read(child, rate, depth + 1)
            yield Passage(self._clean(child.tail or ""), rate)

    def _said(self, name: str, attributes: dict[str, str], text: str) -> str:
        text = self._clean(text).strip()
        if name == "sub":
            return self._clean(attributes.get("alias", text))
        if name == "say-as":
            wanted = attributes.get("interpret-as", "")
            if wanted not in INTERPRETATIONS:
                have = ", ".join(INTERPRETATIONS)
                raise InvalidRequest(f"SSML say-as interpret-as is {wanted[:20]!r}; need one of {have}")
            return say_as(text, wanted, self._language)
        if "ph" not in attributes:
            raise InvalidRequest("SSML <phoneme> has no ph; need ph with phones or pinyin")
        if attributes.get("alphabet", "x-gsv") not in ("x-gsv", "x-arpabet", "x-cmu", "x-pinyin"):
            raise InvalidRequest(
                f"SSML alphabet is {attributes['alphabet'][:20]!r}; need phones of the checkpoint (x-gsv) or x-pinyin"
            )
        return self._marks.add(pronounce(text or "x", attributes["ph"], self._symbols))


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _pause_s(attributes: dict[str, str]) -> float:
    if "time" not in attributes:
        strength = attributes.get("strength", "medium")
        if strength not in _STRENGTHS_S:
            raise InvalidRequest(f"SSML break strength is {strength[:20]!r}; need one of {', '.join(_STRENGTHS_S)}")
        return _STRENGTHS_S[strength]
    match = re.fullmatch(r"\+?(\d{1,6}(?:\.\d{1,6})?|\.\d{1,6})(ms|s)", attributes["time"].strip())
    seconds = float(match[1]) / (1000 if match[2] == "ms" else 1) if match else -1.0
    if not 0 <= seconds <= MAX_PAUSE_S:
        raise InvalidRequest(
            f"SSML break time is {attributes['time'][:20]!r}; need 0s to {MAX_PAUSE_S:g}s, such as 500ms"
        )
    return seconds


def _rate(written: str) -> float:
    written = written.strip()
    if written in _RATES:
        return _RATES[written]
    match = re.fullmatch(r"([+-]?)(\d{1,4}(?:\.\d{1,6})?)(%?)", written)
    if match is None:
        rate = 0.0
    else:
        rate = float(match[2]) / (100 if match[3] else 1)
        if match[1]:
            rate = 1 + rate if match[1] == "+" else 1 - rate
    if not MIN_RATE <= rate <= MAX_RATE:
        raise InvalidRequest(
            f"SSML prosody rate is {written[:20]!r}; need {MIN_RATE:.0%} to {MAX_RATE:.0%}, "
            f"or one of {', '.join(_RATES)}"
        )
    return rate
