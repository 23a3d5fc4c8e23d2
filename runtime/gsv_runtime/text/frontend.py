"""Request text to phone ids, sentence by sentence: what the model `text_frontend` answers."""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gsv_runtime.contract import MAX_TEXT_CHARACTERS
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.language_modes import AUTO, Mode, check_mode
from gsv_runtime.text.codes import say_codes
from gsv_runtime.text.languages import FRONTENDS, LANGUAGES, Reader, Unit, check_table, reader
from gsv_runtime.text.lexicon import Marks, Pronounced, parse_lexicon
from gsv_runtime.text.segment import Run, dominant_language, segment
from gsv_runtime.text.split import (
    CUT_METHODS,
    MAX_SENTENCE_CHARACTERS,
    NO_SPLIT,
    STOPS,
    split_long_piece,
    split_sentences,
)
from gsv_runtime.text.ssml import Passage, is_ssml, passages
from gsv_runtime.text.symbols import PUNCTUATION, UNKNOWN, phone_table

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

MIN_SENTENCE_PHONES = 6
REQUESTS_PAUSE_S = -1.0  # no SSML break: the pause that the request names
_UNKNOWN_TOKEN = "[UNK]"
# 我用 is in no dictionary of words, so that the model for such words is loaded, too.
_WARM_UP_TEXT = "我用了2杯。Hello, 2 friends! これは私のペンです。"


@dataclass(frozen=True)
class FrontendResult:
    """Outputs of `contract.TEXT_FRONTEND`, under the same names.

    Attributes:
        sentences: normalised text of each sentence, K of them.
        phones: `[P]` phone ids of all sentences.
        phone_counts: `[K]` phones of each sentence; their sum is P.
        bert_token_ids: `[C]` character ids of all Chinese runs, without CLS and SEP.
        word_to_phone: `[C]` phones that each of those characters stands for.
        run_characters: `[R]` characters of each Chinese run, 1 to 510; their sum is C.
        run_phone_starts: `[R]` index into phones where each run begins.
        pause_after_s: `[K]` silence after each sentence, negative for the request's.
        rates: `[K]` speed of each sentence beside the request's.
        origins: K JSON objects as `describe` gives them, or none.
    """

    sentences: tuple[str, ...]
    phones: Ids
    phone_counts: Ids
    bert_token_ids: Ids
    word_to_phone: Ids
    run_characters: Ids
    run_phone_starts: Ids
    pause_after_s: Floats
    rates: Floats
    origins: tuple[str, ...]


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


_DEFAULT_VARIANT = Variant()


@functools.lru_cache(maxsize=4096)
def _read_run(language: str, text: str, variant: Variant) -> ReadRun:
    check_table(language, variant.symbols)
    reading = reader(language, variant.frontend, variant.symbols).read(text)
    return ReadRun(language, text, reading.normalized, reading.units)


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


def _clean(text: str) -> str:
    """Text without what no language can use: controls, zero-width marks, half-width forms."""
    text = re.sub("\r\n?|[\u2028\u2029\u0085\v\f]", "\n", text).replace("\t", " ")
    text = "".join(char for char in text if char == "\n" or unicodedata.category(char) not in ("Cc", "Cf", "Co", "Cn"))
    text = re.sub(
        "[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\u3000\uf900-\ufaff]",
        lambda m: unicodedata.normalize("NFKC", m[0]),
        text,
    )
    return re.sub(" {2,}", " ", text)


def read_text(
    text: str, language: str, split_method: str, variant: Variant = _DEFAULT_VARIANT, lexicon: str = ""
) -> list[ReadSentence]:
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
    default = dominant_language(_clean(re.sub("<[^>]*>", " ", text) if marked else text), mode)
    reading = _Reading(mode, default, variant, split_method, Marks())
    words = parse_lexicon(lexicon, variant.symbols)

    def clean(part: str) -> str:
        return words.mark(_clean(part), reading.marks)

    found = passages(text, variant.symbols, reading.marks, clean, default) if marked else [Passage(clean(text))]
    spoken = reading.sentences(found)
    if not spoken:
        raise InvalidRequest(
            "text has nothing to say (only marks, symbols or emoji); need a letter, character or figure"
        )
    return spoken


@dataclass(frozen=True)
class _Reading:
    """How one request is read."""

    mode: Mode
    default: str
    variant: Variant
    split_method: str
    marks: Marks

    def sentences(self, found: Sequence[Passage]) -> list[ReadSentence]:
        """Sentences with sound of all passages, in order."""
        spoken: list[ReadSentence] = []
        full_stop = "." if self.mode.name == "en" else "。"
        for index, passage in enumerate(found):
            text = passage.text if index == len(found) - 1 else _paused(passage.text, full_stop)
            for part in split_sentences(text, self.split_method, full_stop, self.variant.frontend):
                sentence = self._sentence(part)
                if not PUNCTUATION.issuperset(sentence.phones):
                    spoken.append(replace(sentence, rate=passage.rate))
            if passage.pause_after_s is not None and spoken:
                spoken[-1] = replace(spoken[-1], pause_after_s=passage.pause_after_s)
        return spoken

    def _sentence(self, text: str) -> ReadSentence:
        read = self._runs(text)
        if sum(len(run.phones) for run in read) < MIN_SENTENCE_PHONES:
            read = self._runs("." + text)  # once, as upstream: short sentences come out garbled
        return ReadSentence(self.marks.plain(text), tuple(read))

    def _runs(self, text: str) -> list[ReadRun]:
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


def _without_added_pause(run: ReadRun) -> ReadRun:
    """A short English run beside a given word, without the pause that readers put before short runs."""
    added = run.units[:1] == ((",", (",",)),) and not run.normalized.lstrip().startswith(",")
    return replace(run, units=run.units[1:]) if added else run


def _read_runs(runs: Sequence[Run], variant: Variant) -> list[ReadRun]:
    if variant.frontend == "improved":
        runs = say_codes(runs)
    return [_read_run(run.language, part, variant) for run in runs for part in split_long_piece(run.text)]


class TextFrontend:
    """Text to phone ids and BERT characters; safe to call from several threads."""

    def __init__(
        self, symbols: str = "v2", bert_vocabulary: Mapping[str, int] | None = None, frontend: str = "improved"
    ) -> None:
        """Choose the tables of a checkpoint.

        Args:
            symbols: phone table, ``v1`` or ``v2`` (`ModelVersion.symbols`).
            bert_vocabulary: token to id of the Chinese BERT model, with ``[UNK]``; None gives no Chinese
                runs, so that all contextual features are zero.
            frontend: ``improved``, or ``upstream`` for the phones that upstream would give.
        """
        self._variant = Variant(frontend, symbols)
        self._phone_ids = phone_table(symbols)
        self._vocabulary = bert_vocabulary
        if bert_vocabulary is not None and _UNKNOWN_TOKEN not in bert_vocabulary:
            raise ValueError(f"bert vocabulary of {len(bert_vocabulary)} tokens has no {_UNKNOWN_TOKEN}")

    def warm_up(self) -> None:
        """Load every dictionary and model now instead of in the first request."""
        for language in self._languages():
            language.warm_up()
        self.process(_WARM_UP_TEXT)  # and what no language owns: splitting, and telling languages apart

    def missing(self) -> tuple[str, ...]:
        """Optional resources that are not there, one sentence each."""
        return tuple(sentence for language in self._languages() for sentence in language.missing())

    def _languages(self) -> list[Reader]:
        variant = self._variant
        spoken = [code for code, language in LANGUAGES.items() if variant.symbols in language.tables]
        return [reader(code, variant.frontend, variant.symbols) for code in spoken]

    def process(
        self,
        text: str,
        language: str = AUTO,
        split_method: str = "cut5",
        lexicon: str = "",
        explain: bool = False,
    ) -> FrontendResult:
        """Cut, normalise and read a text.

        Args:
            text: at most 5,000 characters, plain or SSML.
            language: a key of `languages.MODES`.
            split_method: ``cut0`` to ``cut5``, or ``none`` for a prompt: one sentence, never cut.
            lexicon: the client's own pronunciations, see `lexicon`.
            explain: whether to tell where the phones came from.

        Raises:
            InvalidRequest: the text or the lexicon cannot be read, or language or split method are unknown.
        """
        sentences = read_text(text, language, split_method, self._variant, lexicon)
        phones: list[int] = []
        counts: list[int] = []
        parts: list[tuple[int, tuple[Unit, ...]]] = []  # Chinese runs: first phone, characters
        for sentence in sentences:
            before = len(phones)
            for run in sentence.runs:
                if LANGUAGES[run.language].per_character and self._vocabulary is not None:
                    parts += _bounded_parts(run.units, len(phones))
                phones += [self._phone_ids.get(phone, self._phone_ids[UNKNOWN]) for phone in run.phones]
            counts.append(len(phones) - before)
        units = [unit for _, part in parts for unit in part]
        return FrontendResult(
            sentences=tuple(sentence.normalized for sentence in sentences),
            phones=_ids(phones),
            phone_counts=_ids(counts),
            bert_token_ids=_ids([self._token_id(char) for char, _ in units]),
            word_to_phone=_ids([len(said) for _, said in units]),
            run_characters=_ids([len(part) for _, part in parts]),
            run_phone_starts=_ids([start for start, _ in parts]),
            pause_after_s=np.array([sentence.pause_after_s for sentence in sentences], np.float32),
            rates=np.array([sentence.rate for sentence in sentences], np.float32),
            origins=tuple(json.dumps(_described(each), ensure_ascii=False) for each in sentences if explain),
        )

    def _token_id(self, char: str) -> int:
        vocabulary = self._vocabulary or {_UNKNOWN_TOKEN: 0}
        return vocabulary.get(char, vocabulary[_UNKNOWN_TOKEN])


def _ids(values: list[int]) -> Ids:
    return np.array(values, np.int64)


def _bounded_parts(units: tuple[Unit, ...], start: int) -> Iterator[tuple[int, tuple[Unit, ...]]]:
    """Cut a run into parts of at most 510 characters, what BERT reads at once, each with its first phone."""
    for first in range(0, len(units), MAX_SENTENCE_CHARACTERS):
        part = units[first : first + MAX_SENTENCE_CHARACTERS]
        yield start, part
        start += sum(len(said) for _, said in part)


def describe(
    text: str, language: str = AUTO, split_method: str = "cut5", variant: Variant = _DEFAULT_VARIANT, lexicon: str = ""
) -> list[dict[str, Any]]:
    """What becomes of a text, for people: sentences, their runs, and the phones of each word or character.

    Returns:
        One dict a sentence: ``text``, ``normalized``, ``rate``, ``pause_after_s`` (null: the request's) and ``runs``,
        each with ``language``, ``text``, ``normalized``, ``given`` (the client gave the phones) and ``units``, a list
        of [word or character, phones]. JSON can hold it.
    """
    return [_described(sentence) for sentence in read_text(text, language, split_method, variant, lexicon)]


def _described(sentence: ReadSentence) -> dict[str, Any]:
    return {
        "text": sentence.text,
        "normalized": sentence.normalized,
        "rate": sentence.rate,
        "pause_after_s": None if sentence.pause_after_s < 0 else sentence.pause_after_s,
        "runs": [
            {
                "language": run.language,
                "text": run.text,
                "normalized": run.normalized.strip(" ") if run.given else run.normalized,
                "given": run.given,
                "units": [[unit, list(phones)] for unit, phones in run.units],
            }
            for run in sentence.runs
        ],
    }
