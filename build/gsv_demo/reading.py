"""The corpus as our text front end reads it: the same phones that the server will send."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from gsv_demo.alignment import align
from gsv_demo.arrays import Array
from gsv_demo.corpus import Corpus
from gsv_runtime.text.symbols import UNKNOWN, phone_table

_SYMBOLS = "v2"


@dataclass(frozen=True)
class Reading:
    """One utterance's phones.

    Attributes:
        phones: [P] int64 ids.
        ends_s: [P] float32, where each is over in the audio; empty when unknown.
    """

    phones: Array
    ends_s: Array


def phone_names(text: str, language: str) -> list[str]:
    """Phones of one sentence, uncut."""
    from gsv_runtime.text.frontend import read_text  # only here: where a GPU trains, phones have been read before

    sentences, _ = read_text(text, language, "none")
    return [phone for sentence in sentences for run in sentence.runs for phone in run.phones]


def phone_ids(names: Sequence[str]) -> Array:
    """Ids [P] int64 of phones."""
    table = phone_table(_SYMBOLS)
    return np.array([table.get(name, table[UNKNOWN]) for name in names], np.int64)


def read_corpus(corpus: Corpus, path: Path) -> list[Reading]:
    """Phones of every item, in order; read once, kept in `path`."""
    known: dict[str, list[str]] = json.loads(path.read_text()) if path.exists() else {}
    fresh = [item for item in corpus.items if item.text not in known]
    for item in tqdm(fresh, desc="phones", disable=not fresh):
        known[item.text] = phone_names(item.text, item.language)
    if fresh:
        path.write_text(json.dumps(known, ensure_ascii=False))
    readings = []
    for item in corpus.items:
        names = known[item.text]
        ends = align(names, item.phones, item.ends_s) if item.phones else np.zeros(0, np.float32)
        readings.append(Reading(phone_ids(names), ends))
    return readings


def words(text: str) -> list[str]:
    """Lower-case words of an English text, as a recogniser would write them."""
    return re.findall(r"[a-z']+", text.lower().replace("-", " "))
