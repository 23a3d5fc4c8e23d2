"""A request's own pronunciations: words whose phones, or other words to say instead, the client gives.

One entry a line, comments after a ``#`` that begins the line or stands behind a space::

    GSV  JH IY1 EH1 S V IY1      phones of the table, as `gsv phones` prints them
    行长  hang2 zhang3            or pinyin with tone figures
    Siobhan = Shivon             or what to say instead

Latin words match whole words, in any case if the entry is in lower case; others match anywhere. In the text each
found word becomes a mark of two characters that no cut and no normaliser touches, see `Pronounced`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from gsv_runtime.contract import MAX_TEXT_CHARACTERS
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.text.g2p.pinyin import syllable_phones
from gsv_runtime.text.languages import Unit
from gsv_runtime.text.symbols import PUNCTUATION, phone_table

MAX_ENTRIES = 2_000
MAX_LEXICON_CHARACTERS = 100_000
MAX_WORD_CHARACTERS = 100
MAX_WORD_PHONES = 200
MAX_GIVEN = 4 * MAX_TEXT_CHARACTERS  # characters and phones that a lexicon may make of a text, of all words together
_FIRST_MARK = 0xF0000  # private use: request text has none, see `frontend`
_MARKED = re.compile("([\U000f0000-\U000ffffd])x")
_LATIN = re.compile(r"[A-Za-z0-9À-ɏ' .-]+")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_HAN = re.compile("[\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+")
_PINYIN = re.compile("[a-zü]+[1-5]")
_ARPABET = re.compile(r"[A-Z]{1,2}[0-2]?")


@dataclass(frozen=True)
class Pronounced:
    """A word with its phones.

    Attributes:
        word: as it was written.
        language: of the phones; decides whether the word has contextual features.
        units: the word, or its characters where the phones came as one syllable each.
    """

    word: str
    language: str
    units: tuple[Unit, ...]


class Marks:
    """The pronounced words of one text, each with its mark."""

    def __init__(self) -> None:
        self._words: list[Pronounced] = []
        self._num_given = 0

    def count(self, given: int) -> None:
        """Take note of characters or phones that stand for a word, before they are put in its place.

        Raises:
            InvalidRequest: they are too many for one text.
        """
        self._num_given += given
        if self._num_given > MAX_GIVEN:
            raise InvalidRequest(
                f"the lexicon makes more than {MAX_GIVEN:,} characters and phones of the text; need shorter entries, "
                "or the text in parts"
            )

    def add(self, word: Pronounced) -> str:
        """The mark that stands for a word."""
        self._words.append(word)
        return chr(_FIRST_MARK + len(self._words) - 1) + "x"

    def plain(self, text: str) -> str:
        """The text as it was before marks were set."""
        return "".join(part if isinstance(part, str) else part.word for part in self.split(text))

    def split(self, text: str) -> Iterator[str | Pronounced]:
        """A text's plain parts and marked words, in order."""
        start = 0
        for match in _MARKED.finditer(text):
            if match.start() > start:
                yield text[start : match.start()]
            yield self._words[ord(match[1]) - _FIRST_MARK]
            start = match.end()
        if start < len(text):
            yield text[start:]


def pronounce(word: str, said: str, symbols: str) -> Pronounced:
    """A word with phones that a client wrote: phones of the table, or pinyin syllables with tone figures.

    Raises:
        InvalidRequest: something is neither.
    """
    table = phone_table(symbols)
    syllables = [_syllable(token, table, word) for token in said.split()]
    phones = tuple(phone for syllable in syllables for phone in syllable)
    if not word or not 0 < len(phones) <= MAX_WORD_PHONES or len(word) > MAX_WORD_CHARACTERS:
        raise InvalidRequest(
            f"pronunciation of {word[:40]!r} has {len(phones)} phones; need a word of 1 to {MAX_WORD_CHARACTERS} "
            f"characters with 1 to {MAX_WORD_PHONES} phones"
        )
    if _HAN.fullmatch(word) and all(map(_PINYIN.fullmatch, said.split())) and len(syllables) != len(word):
        raise InvalidRequest(
            f"{word[:40]} has {_counted(len(word), 'character')} and {_counted(len(syllables), 'reading')}; "
            "need a reading for each character"
        )
    if all(len(syllable) == 2 for syllable in syllables) and len(syllables) == len(word):
        return Pronounced(word, "zh", tuple(zip(word, syllables, strict=True)))
    return Pronounced(word, _language(phones), ((word, phones),))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _syllable(token: str, table: Mapping[str, int], word: str) -> tuple[str, ...]:
    if token in table:
        return (token,)
    try:
        said = syllable_phones(token)
    except ValueError:
        said = ()
    if not said or not all(phone in table for phone in said):
        raise InvalidRequest(
            f"pronunciation of {word[:40]!r}: {token[:20]!r} is no phone of this checkpoint and no pinyin syllable; "
            "`gsv phones` shows the phones of any text"
        )
    return said


def _language(phones: tuple[str, ...]) -> str:
    voiced = [phone for phone in phones if phone not in PUNCTUATION] or [","]
    if all(map(_ARPABET.fullmatch, voiced)) and any(phone[-1] in "012" for phone in voiced):
        return "en"
    if all("\u3131" <= phone <= "\u3163" or phone in "空停" for phone in voiced):
        return "ko"
    if any(phone[-1].isdigit() for phone in voiced):
        return "yue" if all(phone[0] == "Y" for phone in voiced) else "zh"
    return "ja"


@dataclass(frozen=True)
class Lexicon:
    """Entries of a lexicon, ready to be looked for."""

    pattern: re.Pattern[str] | None
    words: Mapping[str, str | Pronounced]

    def mark(self, text: str, marks: Marks) -> str:
        """A text with every word of the lexicon marked, or replaced by what is to be said."""
        return self.pattern.sub(lambda match: self._said(match[0], marks), text) if self.pattern else text

    def _said(self, found: str, marks: Marks) -> str:
        entry = self.words[found] if found in self.words else self.words[found.lower()]
        if isinstance(entry, str):
            marks.count(len(entry))
            return entry
        marks.count(sum(len(phones) for _, phones in entry.units))
        return marks.add(replace(entry, word=found))


@functools.lru_cache(maxsize=64)
def parse_lexicon(text: str, symbols: str) -> Lexicon:
    """Read a lexicon.

    Args:
        text: one entry a line, as the module says; empty for none.
        symbols: phone table of the checkpoint.

    Raises:
        InvalidRequest: a line cannot be read, or there are too many.
    """
    if len(text) > MAX_LEXICON_CHARACTERS:
        raise InvalidRequest(f"lexicon has {len(text):,} characters; need at most {MAX_LEXICON_CHARACTERS:,}")
    lines = text.removeprefix("\ufeff").splitlines()  # the mark of a file that Windows wrote
    rows = [(number, _COMMENT.sub("", line).strip()) for number, line in enumerate(lines, 1)]
    words = dict(_entry(number, row, symbols) for number, row in rows if row)
    if len(words) > MAX_ENTRIES:
        raise InvalidRequest(f"lexicon has {len(words):,} entries; need at most {MAX_ENTRIES:,}")
    longest_first = sorted(words, key=len, reverse=True)
    return Lexicon(re.compile("|".join(map(_word_pattern, longest_first))) if words else None, words)


def _entry(number: int, row: str, symbols: str) -> tuple[str, str | Pronounced]:
    word, sign, instead = (part.strip() for part in row.partition("="))
    if sign and word and instead:
        return word, instead
    word, _, said = (part.strip() for part in row.partition("\t" if "\t" in row else " "))
    if not word or not said:
        raise InvalidRequest(
            f"lexicon line {number} is {row[:40]!r}; need a word, a space and its phones, or word = what to say instead"
        )
    try:
        return word, pronounce(word, said, symbols)
    except InvalidRequest as error:
        raise InvalidRequest(f"lexicon line {number}: {error}") from None


def _word_pattern(word: str) -> str:
    pattern = re.escape(word)
    if _LATIN.fullmatch(word):
        pattern = rf"(?<![A-Za-z0-9À-ɏ]){pattern}(?![A-Za-z0-9À-ɏ])"
        return f"(?i:{pattern})" if word == word.lower() else pattern
    return pattern
