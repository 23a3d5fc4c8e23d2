"""What becomes of a text: its sentences, the language of each part, and the phones of each word.

Asked from the server's model `text_frontend`, which also feeds the synthesis, so that what is shown is what is said.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gsv_client.audio import Dropped
from gsv_client.errors import InternalError
from gsv_client.protocol import Response, Tensors, parse_dropped, tensors_of

PHONES_MODEL = "text_frontend"
PHONES_INPUTS = {"text": "BYTES", "language": "BYTES", "split_method": "BYTES", "lexicon": "BYTES", "explain": "BOOL"}


@dataclass(frozen=True)
class Unit:
    """A word, character or mark, and its phones; none where it is not heard."""

    text: str
    phones: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """A part of a sentence in one language.

    Attributes:
        language: "zh", "en", "ja", "ko" or "yue".
        text: As it was written.
        normalized: As it is said.
        given: Whether the phones came with the request, from a lexicon or SSML.
        units: Its words or characters.
    """

    language: str
    text: str
    normalized: str
    given: bool
    units: tuple[Unit, ...]


@dataclass(frozen=True)
class Sentence:
    """A sentence: its text, its parts, and the speed and pause (None: the request's) that SSML gives it."""

    text: str
    normalized: str
    rate: float
    pause_after_s: float | None
    runs: tuple[Run, ...]

    @property
    def phones(self) -> tuple[str, ...]:
        """Phones of all parts, in order."""
        return tuple(phone for run in self.runs for unit in run.units for phone in unit.phones)


def phones_inputs(text: str, language: str, split_method: str, lexicon: str | None) -> Tensors:
    """Build the inputs of one call to `text_frontend`."""
    values = {
        "text": text,
        "language": language,
        "split_method": split_method,
        "lexicon": lexicon or None,
        "explain": True,
    }
    return tensors_of(values, PHONES_INPUTS)


class Sentences(list[Sentence]):
    """The sentences of a text.

    Attributes:
        dropped: What of the text is not said.
    """

    def __init__(self, sentences: Iterable[Sentence] = (), dropped: Iterable[Dropped] = ()) -> None:
        super().__init__(sentences)
        self.dropped = tuple(dropped)

    def joined(self, more: Sentences) -> Sentences:
        """These sentences and those of the text's next part."""
        return Sentences([*self, *more], (*self.dropped, *more.dropped))


def parse_sentences(response: Response) -> Sentences:
    """The sentences of a `text_frontend` answer.

    Raises:
        InternalError: The answer is not what `text_frontend` promises.
    """
    try:
        origins = np.asarray(response["origins"], dtype=object).reshape(-1)
        return Sentences((_sentence(json.loads(item)) for item in origins), parse_dropped(response))
    except (KeyError, ValueError, TypeError) as error:
        raise InternalError(f"the server's answer cannot be read: {error!r}; run `gsv doctor`") from error


def _sentence(item: Mapping[str, Any]) -> Sentence:
    runs = tuple(
        Run(
            run["language"],
            run["text"],
            run["normalized"],
            bool(run["given"]),
            tuple(Unit(text, tuple(phones)) for text, phones in run["units"]),
        )
        for run in item["runs"]
    )
    return Sentence(item["text"], item["normalized"], float(item["rate"]), item["pause_after_s"], runs)


def lines(sentences: list[Sentence]) -> Iterator[str]:
    """The sentences for people: one line each, then one a part, then its words with their phones."""
    for number, sentence in enumerate(sentences, 1):
        notes = [f"rate {sentence.rate:g}"] if sentence.rate != 1 else []
        notes += [f"then {sentence.pause_after_s:g} s of silence"] if sentence.pause_after_s is not None else []
        note = f"  ({', '.join(notes)})" if notes else ""
        yield f"{number}  {_one_line(sentence.text)}{note}"
        for run in sentence.runs:
            said = "" if run.normalized.strip() == run.text.strip() else f"  said: {_one_line(run.normalized)}"
            source = "  phones given" if run.given else ""
            yield f"   {run.language:<4} {_one_line(run.text)}{said}{source}"
            heard = [unit for unit in run.units if unit.phones]
            yield "        " + " | ".join(f"{unit.text.strip() or '_'} {' '.join(unit.phones)}" for unit in heard)


def _one_line(text: str) -> str:
    return " ".join(text.split())
