"""Request text to sentences with the phones of every word: cleaned, cut, each part read in its language."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gsv_runtime.contract import MAX_TEXT_CHARACTERS
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.language_modes import Mode, check_mode
from gsv_runtime.text.clean import clean, plain_forms, thousands_kept
from gsv_runtime.text.codes import say_codes
from gsv_runtime.text.dropped import NOTHING_BESIDE, Dropped, mute_without_a_figure, no_reading, signs, unread
from gsv_runtime.text.in_context import explained
from gsv_runtime.text.key_signs import keys_said
from gsv_runtime.text.languages import FRONTENDS, Unit, check_table, reader
from gsv_runtime.text.lexicon import Marks, Pronounced, parse_lexicon
from gsv_runtime.text.markup import plain_text
from gsv_runtime.text.normalize import figure_signs, formulas, numerals
from gsv_runtime.text.normalize.japanese_ruby import read_before_remarks
from gsv_runtime.text.segment import Run, dominant_language, segment
from gsv_runtime.text.split import ADDED_PAUSE, CUT_METHODS, NO_SPLIT, STOPS, split_long_piece, split_sentences
from gsv_runtime.text.ssml import Passage, is_ssml, passages
from gsv_runtime.text.symbols import PUNCTUATION

MIN_SENTENCE_PHONES = 6
_TOLD_LETTERS = 20
REQUESTS_PAUSE_S = -1.0  # no SSML break: the pause that the request names
_PAUSE: Unit = (".", (".",))


@dataclass(frozen=True)
class ReadRun:
    """A run of one language, read: units with the phones of each; `given` where the client gave them."""

    language: str
    text: str
    normalized: str
    units: tuple[Unit, ...]
    given: bool = False

    @property
    def phones(self) -> list[str]:
        """Phones of all units, in order."""
        return [phone for _, phones in self.units for phone in phones]


@dataclass(frozen=True)
class ReadSentence:
    """A sentence, read: its text as it was cut from the request, its runs, and what SSML says of it."""

    text: str
    runs: tuple[ReadRun, ...] = field(default=())
    rate: float = 1.0
    pause_after_s: float = REQUESTS_PAUSE_S

    @property
    def normalized(self) -> str:
        """Text as it is said, without the pause that was put before a short opening."""
        said = re.sub(" +([.,!?]| )", r"\1", "".join(run.normalized for run in self.runs))
        return said.strip(" ").lstrip(".,").strip(" ")

    @property
    def phones(self) -> list[str]:
        """Phones of all runs, in order."""
        return [phone for run in self.runs for phone in run.phones]


@dataclass(frozen=True)
class Variant:
    """Which readers a text is read by.

    Attributes:
        frontend: ``improved``, or ``upstream`` for the phones that upstream would give.
        symbols: phone table of the checkpoint, ``v1`` or ``v2``.
    """

    frontend: str = "improved"
    symbols: str = "v2"

    def __post_init__(self) -> None:
        """Refuse a front end that does not exist."""
        if self.frontend not in FRONTENDS:
            raise ValueError(f"frontend {self.frontend!r} does not exist; have {', '.join(FRONTENDS)}")


DEFAULT_VARIANT = Variant()


@functools.lru_cache(maxsize=4096)
def _read_run(language: str, text: str, variant: Variant) -> ReadRun:
    check_table(language, variant.symbols)
    improved = variant.frontend == "improved"
    said = figure_signs.plain(numerals.plain(text, language), language) if improved else text
    reading = reader(language, variant.frontend, variant.symbols).read(said)
    return ReadRun(language, text, reading.normalized, reading.units)


_WORDS = {"en": "then", "ja": "はい", "ko": "안녕"}  # others: a character of Chinese


@functools.lru_cache(maxsize=65_536)
def _has_sound(char: str, language: str, variant: Variant) -> bool:
    """Whether a character is heard alone, or at a figure: ², ¢, ¥ and a minus are nothing without one."""

    def phones(text: str) -> list[str]:
        return [phone for phone in _read_run(language, text, variant).phones if phone not in PUNCTUATION]

    return bool(phones(char)) or any(phones(beside) != phones("1") for beside in (f"1{char}", f"{char}1"))


@functools.cache
def _heard(language: str, variant: Variant) -> set[str]:
    return set()


def _unread(language: str, text: str, variant: Variant) -> list[str]:
    return unread(text, _heard(language, variant), lambda char: _has_sound(char, language, variant))


@functools.lru_cache(maxsize=4_096)
def _is_mute(char: str, language: str, variant: Variant) -> bool:
    """Whether a sign that has a sound beside a figure is nothing between two words."""
    word = _WORDS.get(language, "好")
    between, together = (_read_run(language, f"{word}{sign}{word}", variant).phones for sign in (f" {char} ", " "))
    return _has_sound(char, language, variant) and between == together


def _mute(language: str, text: str, variant: Variant) -> list[str]:
    if text.isascii():
        return []
    return mute_without_a_figure(text, lambda char: _is_mute(char, language, variant))


def _check(text: str) -> None:
    """Check that request text can be read at all.

    Raises:
        InvalidRequest: it is empty, too long or no UTF-8.
    """
    if not text.strip():
        raise InvalidRequest("text is empty; need at least one word")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise InvalidRequest(
            f"text has {len(text):,} characters; need at most {MAX_TEXT_CHARACTERS:,}; send it in parts"
        )
    if "\0" in text:
        raise InvalidRequest(f"text has a NUL byte at character {text.index(chr(0))}; need plain UTF-8; remove it")
    lone = re.search("[\ud800-\udfff]", text)
    if lone:
        raise InvalidRequest(
            f"text has a lone surrogate at character {lone.start()}; need valid UTF-8; fix its encoding"
        )


def read_text(
    text: str, language: str, split_method: str, variant: Variant = DEFAULT_VARIANT, lexicon: str = ""
) -> tuple[list[ReadSentence], Dropped]:
    """Request text to sentences with the phones of every word and character.

    Raises:
        InvalidRequest: the text or the lexicon cannot be read, or language or split method are unknown.
    """
    mode = check_mode(language)
    if split_method not in CUT_METHODS and split_method != NO_SPLIT:
        have = ", ".join([*CUT_METHODS, NO_SPLIT])
        raise InvalidRequest(f"split method {split_method[:40]!r} is unknown; have {have}")
    _check(text)
    marked = split_method != NO_SPLIT and is_ssml(text)
    dropped = Dropped()
    forms = clean if variant.frontend == "upstream" else plain_forms
    plain = (
        text
        if marked or variant.frontend == "upstream"
        else plain_text(keys_said(clean(thousands_kept(text))), dropped.tell)
    )
    unmarked = re.sub("<[^>]*>", " ", plain) if marked else plain
    default = dominant_language(forms(unmarked), mode)
    reading = _Reading(mode, default, variant, split_method, Marks(), dropped)
    words = parse_lexicon(lexicon, variant.symbols)

    def ready(part: str) -> str:
        formed = forms(part)
        if variant.frontend == "improved":
            formed = read_before_remarks(explained(formed, default))
        return words.mark(formed, reading.marks)

    found = passages(plain, variant.symbols, reading.marks, ready, default) if marked else [Passage(ready(plain))]
    spoken = reading.sentences(found)
    if not spoken:
        raise InvalidRequest(_nothing_to_say(unmarked, variant))
    return spoken, dropped


def _nothing_to_say(text: str, variant: Variant) -> str:
    letters = "".join(char for char in text if char.isalnum())[:_TOLD_LETTERS]
    if not letters:
        return "text has nothing to say (only marks, symbols or emoji); need a letter, character or figure"
    advice = "; or build with the front end improved, which reads them" if variant.frontend == "upstream" else ""
    return (
        f"text has letters ({letters!a}) that are of no language that can be read here; "
        f"name their language in the request{advice}"
    )


@dataclass(frozen=True)
class _Reading:
    """How one request is read."""

    mode: Mode
    default: str
    variant: Variant
    split_method: str
    marks: Marks
    dropped: Dropped

    def sentences(self, found: Sequence[Passage]) -> list[ReadSentence]:
        """Sentences with sound of all passages, in order."""
        spoken: list[ReadSentence] = []
        full_stop = "." if self.mode.name == "en" else "。"
        for index, passage in enumerate(found):
            text = passage.text if index == len(found) - 1 else _paused(passage.text, full_stop)
            beside = signs(text)  # of pieces that hold nothing to say
            for part in split_sentences(text, self.split_method, full_stop, self.variant.frontend):
                sentence = self._sentence(part)
                beside -= signs(part) if beside else beside
                if not PUNCTUATION.issuperset(sentence.phones):
                    spoken.append(sentence if passage.rate == sentence.rate else replace(sentence, rate=passage.rate))
            for char in beside.elements():
                self.dropped.tell(char, NOTHING_BESIDE)
            if passage.pause_after_s is not None and spoken:
                spoken[-1] = replace(spoken[-1], pause_after_s=passage.pause_after_s)
        return spoken

    def _sentence(self, text: str) -> ReadSentence:
        opened, text = text.startswith(ADDED_PAUSE), text.removeprefix(ADDED_PAUSE)
        read = self._runs(text)
        for run in read:
            for char in () if run.given else _unread(run.language, run.text, self.variant):
                self.dropped.tell(char, no_reading(run.language))
            for char in () if run.given else _mute(run.language, run.text, self.variant):
                self.dropped.tell(char, NOTHING_BESIDE)
        if opened or sum(len(run.phones) for run in read) < MIN_SENTENCE_PHONES:
            # Once, as upstream: short sentences come out garbled. There the pause is read with the text: .10
            read = self._runs("." + text) if self.variant.frontend == "upstream" else _opened(read)
        return ReadSentence(self.marks.plain(text), tuple(read))

    def _runs(self, text: str) -> list[ReadRun]:
        if self.variant.frontend == "improved":
            text = figure_signs.versions_apart(figure_signs.without_stops_of_names(text, self.default))
            text = numerals.roman_in_characters(formulas.spelled(formulas.algebra_said(text, self.default)))
        parts = list(self.marks.split(text))
        runs: list[ReadRun] = []
        for part in parts:
            if isinstance(part, Pronounced):
                runs.append(ReadRun(part.language, part.word, f" {part.word} ", part.units, given=True))
                continue
            read = _read_runs(segment(part, self.mode, self.default, self.variant.frontend), self.variant)
            runs += read if len(parts) == 1 else [_without_added_pause(run) for run in read]
        return runs


def _paused(text: str, full_stop: str) -> str:
    """A passage that others follow ends in a pause, not in the fall of a full stop."""
    text = text.rstrip()
    return text if text[-1:] in STOPS else text + ("," if full_stop == "." else "，")


def _opened(runs: list[ReadRun]) -> list[ReadRun]:
    """Put a pause before a sentence, in its first run, so that BERT reads it as upstream does."""
    if not runs:
        return runs
    first = _without_added_pause(runs[0])
    if first.given:
        return [ReadRun(first.language, "", ".", (_PAUSE,), given=True), *runs]
    return [replace(first, normalized="." + first.normalized, units=(_PAUSE, *first.units)), *runs[1:]]


def _without_added_pause(run: ReadRun) -> ReadRun:
    """A short English run without the pause that its reader puts before it."""
    added = run.units[:1] == ((",", (",",)),) and not run.normalized.lstrip().startswith(",")
    return replace(run, units=run.units[1:]) if added else run


def _read_runs(runs: Sequence[Run], variant: Variant) -> list[ReadRun]:
    if variant.frontend == "improved":
        runs = say_codes(runs)
    read = [_read_run(run.language, part, variant) for run in runs for part in split_long_piece(run.text)]
    if variant.frontend == "upstream":
        return read
    return [
        _without_added_pause(run) if before and _is_one_code(before.text, run.text) else run
        for before, run in zip([None, *read], read, strict=False)
    ]


def _is_one_code(figures: str, letters: str) -> bool:
    """Whether figures and the letters behind them are one word: 5G, 3D."""
    return figures[-1:].isnumeric() and letters[:1].isascii() and letters[:1].isalpha()
