"""Request text to phone ids, sentence by sentence: what the model `text_frontend` answers."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gsv_runtime.language_modes import AUTO
from gsv_runtime.text.languages import LANGUAGES, Reader, Unit, reader
from gsv_runtime.text.sentence_reader import ReadSentence, Variant, read_text
from gsv_runtime.text.split import MAX_SENTENCE_CHARACTERS
from gsv_runtime.text.symbols import UNKNOWN, phone_table
from gsv_runtime.text.word_spans import word_spans

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

_UNKNOWN_TOKEN = "[UNK]"
# Words of a language that load what no language owns: splitting, and what tells languages apart. Han characters beside
# kana tell Mandarin and Japanese apart.
_WARM_UP_WORDS = {"zh": "我用了2杯", "ja": "ラテ。これは私のペンです。", "en": "Hello, 2 friends!"}


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
        origins: K JSON objects as `_described` gives them, or none.
        words: K JSON lists, or none; for each word of a sentence the first of its characters in the request's text, the
            one after its last, its first phone in the sentence and how many phones it has.
        dropped: what of the text is not said, JSON objects as `dropped.Dropped.rows` gives them.
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
    words: tuple[str, ...]
    dropped: tuple[str, ...]


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
        self._loaded: set[str] = set()  # languages so far
        if bert_vocabulary is not None and _UNKNOWN_TOKEN not in bert_vocabulary:
            raise ValueError(f"bert vocabulary of {len(bert_vocabulary)} tokens has no {_UNKNOWN_TOKEN}")

    def warm_up(self, languages: Collection[str] = tuple(LANGUAGES)) -> None:
        """Load the dictionaries and models of languages now instead of in the first request of each.

        Args:
            languages: keys of `LANGUAGES`; those that the checkpoint has no phones for are left out.
        """
        table = self._variant.symbols
        self._loaded |= {code for code in languages if table in LANGUAGES[code].tables}
        for language in self._languages():
            language.warm_up()
        if words := "".join(text for code, text in _WARM_UP_WORDS.items() if code in self._loaded):
            self.process(words)

    def missing(self) -> tuple[str, ...]:
        """Optional resources of the languages loaded so far that are not there, one sentence each."""
        return tuple(sentence for language in self._languages() for sentence in language.missing())

    def _languages(self) -> list[Reader]:
        variant = self._variant
        return [reader(code, variant.frontend, variant.symbols) for code in LANGUAGES if code in self._loaded]

    def process(
        self,
        text: str,
        language: str = AUTO,
        split_method: str = "cut5",
        lexicon: str = "",
        explain: bool = False,
        spans: bool = False,
    ) -> FrontendResult:
        """Cut, normalise and read a text.

        Args:
            text: at most 5,000 characters, plain or SSML.
            language: a key of `languages.MODES`.
            split_method: ``cut0`` to ``cut5``, or ``none`` for a prompt: one sentence, never cut.
            lexicon: the client's own pronunciations, see `lexicon`.
            explain: whether to tell where the phones came from.
            spans: whether to tell which characters of the text each word stands for.

        Raises:
            InvalidRequest: the text or the lexicon cannot be read, or language or split method are unknown.
        """
        sentences, dropped = read_text(text, language, split_method, self._variant, lexicon)
        phones: list[int] = []
        counts: list[int] = []
        parts: list[tuple[int, tuple[Unit, ...]]] = []  # Chinese runs: first phone, characters
        for sentence in sentences:
            before = len(phones)
            for run in sentence.runs:
                self._loaded.add(run.language)
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
            words=tuple(map(json.dumps, _spans(text, sentences))) if spans else (),
            dropped=dropped.rows(),
        )

    def _token_id(self, char: str) -> int:
        vocabulary = self._vocabulary or {_UNKNOWN_TOKEN: 0}
        return vocabulary.get(char, vocabulary[_UNKNOWN_TOKEN])


def _spans(text: str, sentences: Sequence[ReadSentence]) -> list[list[tuple[int, int, int, int]]]:
    """Words of each sentence as `FrontendResult.words` has them."""
    return [[astuple(word) for word in words] for words in word_spans(text, sentences)]


def _ids(values: list[int]) -> Ids:
    return np.array(values, np.int64)


def _bounded_parts(units: tuple[Unit, ...], start: int) -> Iterator[tuple[int, tuple[Unit, ...]]]:
    """Cut a run into parts of at most 510 characters, what BERT reads at once, each with its first phone."""
    for first in range(0, len(units), MAX_SENTENCE_CHARACTERS):
        part = units[first : first + MAX_SENTENCE_CHARACTERS]
        yield start, part
        start += sum(len(said) for _, said in part)


def _described(sentence: ReadSentence) -> dict[str, Any]:
    """What became of a sentence, for people: its runs, and the phones of each word or character.

    Returns:
        ``text``, ``normalized``, ``rate``, ``pause_after_s`` (null: the request's) and ``runs``, each with
        ``language``, ``text``, ``normalized``, ``given`` (the client gave the phones) and ``units``, a list of
        [word or character, phones]. JSON can hold it.
    """
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
