"""Subtitles: the words of an utterance with their times, cut into cues as people read them, as SRT, WebVTT or JSON.

A cue ends where a sentence ends, at a pause, or where it is full; if it has to be cut, then at a comma, else between
words. Characters of Chinese, Japanese and Korean count twice, as they are twice as wide.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from gsv_client.audio import Word

FORMATS = ("srt", "vtt", "json")
LINE_CHARACTERS = 42  # of each of two lines
MAX_CUE_S = 7.0
MIN_CUE_S = 1.0  # on the screen, where the next cue leaves so much time
PAUSE_S = 0.6  # between two words, that ends a cue
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»」』）)\]]*\s*$")
_CLAUSE_END = re.compile(r"[,;:，、；：—–][\"'”’»」』）)\]]*\s*$")
_MARKUP = re.compile(r"<[^<>]*>")
_OPENING = "\"'“‘«「『（([¿¡<$€£¥#@+-−"


@dataclass(frozen=True)
class Cue:
    """What is shown at once.

    Attributes:
        text: One or two lines.
        start_s: When it appears, in seconds of the utterance.
        end_s: When it goes.
    """

    text: str
    start_s: float
    end_s: float


def cues(text: str, words: Sequence[Word]) -> list[Cue]:
    """Cut an utterance into cues.

    Args:
        text: What was asked for; the words know their places in it.
        words: In order.
    """
    groups = list(_groups(text, words))
    starts = [group[0].start_s for group in groups]
    found = []
    for group, next_start_s in zip(groups, [*starts, float("inf")][1:], strict=True):
        end_s = min(max(group[-1].end_s, group[0].start_s + MIN_CUE_S), max(next_start_s, group[-1].end_s))
        found.append(Cue(_lines(_shown(text, group[0].start, group[-1].end)), group[0].start_s, end_s))
    return found


def _groups(text: str, words: Sequence[Word]) -> Iterator[list[Word]]:
    """Words that are shown together."""
    group: list[Word] = []
    for word, after in zip(words, [*words, None][1:], strict=True):
        group.append(word)
        if after is None or _ends(text, word, after):
            yield from _fitting(text, group)
            group = []


def _ends(text: str, word: Word, after: Word) -> bool:
    between = text[word.end : after.start]
    return bool(_SENTENCE_END.search(_plain(between))) or "\n\n" in between or after.start_s - word.end_s > PAUSE_S


def _fitting(text: str, group: list[Word]) -> Iterator[list[Word]]:
    """A group as it is, or cut where it is too long: at a clause's end in its second half, else where it is full."""
    while not _fits(text, group):
        count = max(size for size in range(1, len(group)) if size == 1 or _fits(text, group[:size]))
        clauses = [
            size
            for size in range(count // 2 + 1, count + 1)
            if _CLAUSE_END.search(_plain(text[group[size - 1].end : group[size].start]))
        ]
        count = clauses[-1] if clauses else count
        yield group[:count]
        group = group[count:]
    yield group


def _fits(text: str, group: Sequence[Word]) -> bool:
    if len(group) == 1:
        return True
    lines = _lines(_shown(text, group[0].start, group[-1].end)).split("\n")
    return max(map(width, lines)) <= LINE_CHARACTERS and group[-1].end_s - group[0].start_s <= MAX_CUE_S


def _shown(text: str, start: int, end: int) -> str:
    """The text of some words with the marks written against them, on one line."""
    while start and text[start - 1] in _OPENING and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and not text[end].isspace() and not text[end].isalnum() and text[end] not in "“‘«「『（([<":
        end += 1
    return " ".join(_plain(text[start:end]).split())


def _plain(text: str) -> str:
    return _MARKUP.sub("", text)


def width(text: str) -> int:
    """Columns that a text takes."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _lines(text: str) -> str:
    """One line, or two that are as alike in length as can be."""
    if width(text) <= LINE_CHARACTERS:
        return text
    places = [match.start() for match in re.finditer(r"\s", text)]
    if not places:
        places = list(range(1, len(text)))
    cut = min(places, key=lambda place: abs(width(text[:place]) - width(text[place:])))
    return f"{text[:cut].rstrip()}\n{text[cut:].lstrip()}"


def render(text: str, words: Sequence[Word], kind: str) -> str:
    """Write subtitles.

    Args:
        text: What was asked for.
        words: With their times, in order.
        kind: One of `FORMATS`.

    Raises:
        ValueError: It is another.
    """
    if kind == "json":
        content = {"words": [asdict(word) for word in words], "cues": [asdict(cue) for cue in cues(text, words)]}
        return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    if kind == "srt":
        return "\n".join(_srt(number, cue) for number, cue in enumerate(cues(text, words), 1))
    if kind == "vtt":
        return "WEBVTT\n\n" + "\n".join(_vtt(cue) for cue in cues(text, words))
    raise ValueError(f"subtitles are {kind!r}; need one of {', '.join(FORMATS)}")


def _srt(number: int, cue: Cue) -> str:
    return f"{number}\n{_clock(cue.start_s, ',')} --> {_clock(cue.end_s, ',')}\n{cue.text}\n"


def _vtt(cue: Cue) -> str:
    shown = cue.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"{_clock(cue.start_s, '.')} --> {_clock(cue.end_s, '.')}\n{shown}\n"


def _clock(seconds: float, mark: str) -> str:
    """Time as ``01:02:03,456``."""
    total_ms = round(1000 * seconds)
    minutes, ms = divmod(total_ms, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{ms // 1000:02}{mark}{ms % 1000:03}"
