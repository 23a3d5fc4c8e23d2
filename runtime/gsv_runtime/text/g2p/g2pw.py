"""Readings of polyphonic Mandarin characters by the g2pW model, where the user has it.

The model (0.6 GB, in no wheel) is a BERT that chooses among a character's bopomofo readings from 16 characters to
either side. It lies in ``G2PWModel/`` of the weights directory, as upstream's download unpacks it; ``config.py`` in
it is never executed.
Source: g2pW (https://github.com/GitYCC/g2pW, Apache-2.0) as RVC-Boss/GPT-SoVITS 48b1a01 `text/g2pw` calls it.
Deliberately different: the clauses of a text are one call; a clause that OpenCC makes longer or shorter is read by
pypinyin instead of raising.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import opencc

from gsv_runtime.graphs.session import open_session
from gsv_runtime.model_files import G2PW_FOLDER
from gsv_runtime.text import resources

VOCABULARY = "../vocab.txt"  # of BERT, beside the directory of resources
_CONTEXT_CHARACTERS = 16
_ROWS_PER_CALL = 32
# Characters that upstream takes from its tables although the model could read them, and the other way round.
_NOT_ASKED = frozenset("一不和咋嗲剖差攢倒難奔勁拗肖瘙誒泊听噢")
_NOT_SINGLE = frozenset("似攢")

logger = logging.getLogger("gsv.text")


@dataclass(frozen=True)
class _Query:
    """One character to ask the model for."""

    clause: int
    index: int  # in the clause
    text: str  # what the model sees
    position: int  # of the character in it


class G2pw:
    """The model with its tables."""

    def __init__(self, directory: Path, vocabulary: Mapping[str, int], threads: int = 1) -> None:
        """Load the model.

        Args:
            directory: ``g2pW.onnx``, ``POLYPHONIC_CHARS.txt``, ``MONOPHONIC_CHARS.txt`` and
                ``bopomofo_to_pinyin_wo_tune_dict.json``.
            vocabulary: token to id of the Chinese BERT.
            threads: of ONNX Runtime.
        """
        self._vocabulary = vocabulary
        polyphonic = _table(directory / "POLYPHONIC_CHARS.txt")
        self._single = {char: reading for char, reading in _table(directory / "MONOPHONIC_CHARS.txt")}
        for char in _NOT_SINGLE:
            self._single.pop(char, None)
        self._labels = sorted({reading for _, reading in polyphonic})
        self._chars = {char: at for at, char in enumerate(sorted({char for char, _ in polyphonic}))}
        columns = {label: at for at, label in enumerate(self._labels)}
        self._masks = np.zeros((len(self._chars), len(self._labels)), dtype=np.float32)
        for char, reading in polyphonic:
            self._masks[self._chars[char], columns[reading]] = 1
        names = json.loads((directory / "bopomofo_to_pinyin_wo_tune_dict.json").read_text(encoding="utf-8"))
        self._pinyin: dict[str, str] = names
        self._to_taiwanese = opencc.OpenCC("s2tw")
        graph = next(path for path in (directory / "g2pW.onnx", directory / "g2pw.onnx") if path.is_file())
        self._session = open_session(graph, threads)

    def read(
        self, clauses: Sequence[str], otherwise: Callable[[str], Sequence[str]], with_tables: bool = True
    ) -> list[list[str]]:
        """One syllable with tone figure per character of each clause; marks stand for themselves.

        Args:
            clauses: simplified characters and marks.
            otherwise: reads what the model does not, from the characters that Taiwan writes.
            with_tables: whether its table of characters with one reading counts, too; that is Taiwan's reading.
        """
        said: list[list[str]] = []
        queries: list[_Query] = []
        for at, clause in enumerate(clauses):
            written = self._to_taiwanese.convert(clause)
            if len(written) != len(clause):
                said.append(list(otherwise(clause)))
                continue
            listed = [self._single.get(char, "") if with_tables else "" for char in written]
            said.append([self._syllable(one) or s for one, s in zip(listed, otherwise(written), strict=True)])
            queries += self._queries(at, written)
        for first in range(0, len(queries), _ROWS_PER_CALL):
            part = queries[first : first + _ROWS_PER_CALL]
            for query, reading in zip(part, self._predict(part), strict=True):
                said[query.clause][query.index] = self._syllable(reading) or said[query.clause][query.index]
        return said

    def _queries(self, clause: int, written: str) -> list[_Query]:
        asked = [at for at, char in enumerate(written) if char in self._chars and char not in _NOT_ASKED]
        if not asked:
            return []
        start = max(0, asked[0] - _CONTEXT_CHARACTERS)
        text = written[start : asked[-1] + _CONTEXT_CHARACTERS + 1]
        return [_Query(clause, at, text, at - start) for at in asked]

    def _predict(self, queries: Sequence[_Query]) -> list[str]:
        """Bopomofo of each query."""
        unknown = self._vocabulary["[UNK]"]
        longest = max(len(query.text) for query in queries) + 2
        ids = np.zeros((len(queries), longest), dtype=np.int64)
        lengths = np.zeros((len(queries), 1), dtype=np.int64)
        for row, query in enumerate(queries):
            tokens = [self._vocabulary.get(char.lower(), unknown) for char in query.text]
            ids[row, : len(tokens) + 2] = [self._vocabulary["[CLS]"], *tokens, self._vocabulary["[SEP]"]]
            lengths[row] = len(tokens) + 2
        chars = np.array([self._chars[query.text[query.position]] for query in queries], dtype=np.int64)
        inputs = {
            "input_ids": ids,
            "token_type_ids": np.zeros_like(ids),
            "attention_mask": (np.arange(longest) < lengths).astype(np.int64),
            "phoneme_mask": self._masks[chars],
            "char_ids": chars,
            "position_ids": np.array([query.position + 1 for query in queries], dtype=np.int64),
        }
        (probabilities, *_) = self._session.run(None, inputs)
        return [self._labels[at] for at in np.argmax(probabilities, axis=1)]

    def _syllable(self, bopomofo: str) -> str:
        """``ㄏㄤˊ`` as the tables write it, ``ㄏㄤ2``, to ``hang2``; empty for what has no pinyin."""
        plain = self._pinyin.get(bopomofo[:-1], "") if bopomofo else ""
        return plain + bopomofo[-1] if plain else ""


def _table(path: Path) -> list[tuple[str, str]]:
    lines = path.read_text(encoding="utf-8").strip().split("\n")
    return [(char, reading) for char, reading in (line.rstrip("\r").split("\t")[:2] for line in lines)]


@functools.cache
def model() -> G2pw | None:
    """The user's model, or None."""
    directory, vocabulary = resources.find(G2PW_FOLDER), resources.find(VOCABULARY)
    if directory is None or vocabulary is None:
        return None
    tokens = vocabulary.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    try:
        loaded = G2pw(directory, {token: at for at, token in enumerate(tokens)})
        loaded.read(["银行的行长重新走了过来,"], list)
    except Exception as failure:  # whatever ONNX Runtime or a broken table raises: the phrase tables read without it
        logger.warning("g2pW in %s cannot be used: %s", directory, failure)
        return None
    return loaded


def missing() -> tuple[str, ...]:
    """What is not there of the model."""
    if model() is not None:
        return ()
    return (
        "g2pW is missing: Mandarin characters with several readings are read by phrase tables and rules; put "
        f"{G2PW_FOLDER}/ (0.6 GB) and the Chinese BERT into the weights directory and build again",
    )
