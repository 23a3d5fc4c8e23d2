"""Request text to phone ids, sentence by sentence: what the model `text_frontend` answers."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.text.languages import (
    AUTO,
    FRONTENDS,
    LANGUAGES,
    Mode,
    Reader,
    Unit,
    check_mode,
    check_table,
    is_built,
    reader,
)
from gsv_runtime.text.segment import Run, dominant_language, segment
from gsv_runtime.text.split import CUT_METHODS, MAX_SENTENCE_CHARACTERS, NO_SPLIT, split_long_piece, split_sentences
from gsv_runtime.text.symbols import PUNCTUATION, UNKNOWN, phone_table

Ids = npt.NDArray[np.int64]

MAX_TEXT_CHARACTERS = 5_000
MIN_SENTENCE_PHONES = 6
_UNKNOWN_TOKEN = "[UNK]"


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
    """

    sentences: tuple[str, ...]
    phones: Ids
    phone_counts: Ids
    bert_token_ids: Ids
    word_to_phone: Ids
    run_characters: Ids
    run_phone_starts: Ids


@dataclass(frozen=True)
class ReadRun:
    """A run of one language, read: units with the phones of each."""

    language: str
    text: str
    normalized: str
    units: tuple[Unit, ...]

    @property
    def phones(self) -> list[str]:
        """Phones of all units, in order."""
        return [phone for _, phones in self.units for phone in phones]


@dataclass(frozen=True)
class ReadSentence:
    """A sentence, read: its text as it was cut from the request, and its runs."""

    text: str
    runs: tuple[ReadRun, ...] = field(default=())

    @property
    def normalized(self) -> str:
        """Text as it is said, without the pause that was put before a short opening."""
        return "".join(run.normalized for run in self.runs).strip(" ").lstrip(".,").strip(" ")

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


def _clean(text: str) -> str:
    """Check request text and drop what no language can use: controls, zero-width marks, half-width forms."""
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
    text = re.sub("\r\n?|[\u2028\u2029\u0085\v\f]", "\n", text).replace("\t", " ")
    text = "".join(char for char in text if char == "\n" or unicodedata.category(char) not in ("Cc", "Cf", "Co", "Cn"))
    text = re.sub(
        "[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\u3000\uf900-\ufaff]",
        lambda m: unicodedata.normalize("NFKC", m[0]),
        text,
    )
    return re.sub(" {2,}", " ", text)


def read_text(text: str, language: str, split_method: str, variant: Variant = _DEFAULT_VARIANT) -> list[ReadSentence]:
    """Request text to sentences with the phones of every word and character.

    Raises:
        InvalidRequest: the text cannot be read, or language or split method are unknown.
    """
    mode = check_mode(language)
    if split_method not in CUT_METHODS and split_method != NO_SPLIT:
        have = ", ".join([*CUT_METHODS, NO_SPLIT])
        raise InvalidRequest(f"split method {split_method[:40]!r} is unknown; have {have}")
    text = _clean(text)
    full_stop = "." if language == "en" else "。"
    default = dominant_language(text, mode)
    read = [_read_sentence(part, mode, default, variant) for part in split_sentences(text, split_method, full_stop)]
    spoken = [sentence for sentence in read if not PUNCTUATION.issuperset(sentence.phones)]
    if not spoken:
        raise InvalidRequest(
            "text has nothing to say (only marks, symbols or emoji); need a letter, character or figure"
        )
    return spoken


def _read_sentence(text: str, mode: Mode, default: str, variant: Variant) -> ReadSentence:
    read = _read_runs(segment(text, mode, default, variant.frontend), variant)
    if len([phone for run in read for phone in run.phones]) < MIN_SENTENCE_PHONES:
        # Once, as upstream: short sentences come out garbled.
        read = _read_runs(segment("." + text, mode, default, variant.frontend), variant)
    return ReadSentence(text, tuple(read))


def _read_runs(runs: Sequence[Run], variant: Variant) -> list[ReadRun]:
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

    def missing(self) -> tuple[str, ...]:
        """Optional resources that are not there, one sentence each."""
        return tuple(sentence for language in self._languages() for sentence in language.missing())

    def _languages(self) -> list[Reader]:
        variant = self._variant
        spoken = [code for code, language in LANGUAGES.items() if variant.symbols in language.tables and is_built(code)]
        return [reader(code, variant.frontend, variant.symbols) for code in spoken]

    def process(self, text: str, language: str = AUTO, split_method: str = "cut5") -> FrontendResult:
        """Cut, normalise and read a text.

        Args:
            text: at most 5,000 characters.
            language: a key of `languages.MODES`.
            split_method: ``cut0`` to ``cut5``, or ``none`` for a prompt: one sentence, never cut.

        Raises:
            InvalidRequest: the text cannot be read, or language or split method are unknown.
        """
        sentences = read_text(text, language, split_method, self._variant)
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
    text: str, language: str = AUTO, split_method: str = "cut5", variant: Variant = _DEFAULT_VARIANT
) -> list[dict[str, Any]]:
    """What becomes of a text, for people: sentences, their runs, and the phones of each word or character.

    Returns:
        One dict a sentence: ``text``, ``normalized`` and ``runs``, each with ``language``, ``text``,
        ``normalized`` and ``units``, a list of [word or character, phones]. JSON can hold it.
    """
    return [
        {
            "text": sentence.text,
            "normalized": sentence.normalized,
            "runs": [
                {
                    "language": run.language,
                    "text": run.text,
                    "normalized": run.normalized,
                    "units": [[unit, list(phones)] for unit, phones in run.units],
                }
                for run in sentence.runs
            ],
        }
        for sentence in read_text(text, language, split_method, variant)
    ]
