"""Texts in every language, and what is asked of the times of their words."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from gsv_client import Dropped, Word

CORPUS = Path("tests/data/reading")
LANGUAGES = ("en", "zh", "ja", "ko", "yue", "auto")
_LEAST_CHARACTERS = 5  # of a text; shorter ones have one word
_MARKUP = re.compile(r"<speak|&\w+;")  # tags and names of characters, which nobody says
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}
_ROUNDED_S = 1e-3  # times are told in milliseconds
_SAID = ("L", "N")  # of Unicode's categories: letters and figures


def drawn_texts(language: str, count: int, corpus: Path = CORPUS) -> list[str]:
    """Texts of the corpus of readings, as users write them: figures, units, names, marks.

    Args:
        language: one of `LANGUAGES`; ``auto`` has several in a text.
        count: how many.
        corpus: folder of `*.tsv`; its README has the format.

    Raises:
        ValueError: There are not so many.
    """
    found = dict.fromkeys(
        text
        for path in sorted(corpus.glob("*.tsv"))
        for text, of in _rows(path)
        if of == language and len(text) >= _LEAST_CHARACTERS and not _MARKUP.search(text)
    )
    if len(found) < count:
        raise ValueError(f"{corpus} has {len(found)} texts of language {language}; need {count}")
    return random.Random(language).sample(list(found), count)


def _rows(path: Path) -> list[tuple[str, str]]:
    lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line and not line.startswith("# ")]
    return [(_unescaped(text), language) for text, language, *_ in (line.split("\t") for line in lines)]


def _unescaped(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        return _ESCAPES.get(match[1]) or chr(int(match[1][1:], 16))

    return re.sub(r"\\([nrt\\]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})", character, text)


def faults_of_times(text: str, words: Sequence[Word], dropped: Sequence[Dropped], duration_s: float) -> list[str]:
    """What is wrong with the words of an answer: their order, what of the text they leave out, times outside of it.

    Args:
        text: of the request.
        words: with their places and times.
        dropped: what the server says that it does not say.
        duration_s: of the audio.
    """
    outside = [word for word in words if not 0 <= word.start_s <= word.end_s <= duration_s + _ROUNDED_S]
    faults = [f"{word.text!r} is said from {word.start_s} to {word.end_s}" for word in outside]
    for first, second in pairwise(words):
        if second.start < first.end or second.start_s < first.end_s:
            faults.append(f"{second.text!r} begins before {first.text!r} ends")
    faults += [f"{word.text!r} stands elsewhere" for word in words if text[word.start : word.end] != word.text]
    if missing := _uncovered(text, words, dropped):
        faults.append(f"{missing!r} is of no word")
    return faults


def _uncovered(text: str, words: Sequence[Word], dropped: Sequence[Dropped]) -> str:
    """Letters and figures of the text that no word has."""
    is_covered = [False] * len(text)
    places = [(word.start, word.end) for word in words]
    places += [match.span() for piece in dropped for match in re.finditer(re.escape(piece.text), text)]
    for start, end in places:
        is_covered[start:end] = [True] * (end - start)
    return "".join(
        character
        for character, covered in zip(text, is_covered, strict=True)
        if not covered and unicodedata.category(character)[0] in _SAID
    )


def start_differences_s(whole: Sequence[Word], streamed: Sequence[Word]) -> list[float]:
    """By how much each word of a stream begins at another time than in the whole answer.

    Raises:
        ValueError: They do not have the same words.
    """
    if [(word.start, word.end) for word in whole] != [(word.start, word.end) for word in streamed]:
        raise ValueError("the stream has other words than the whole answer")
    return [abs(one.start_s - other.start_s) for one, other in zip(whole, streamed, strict=True)]
