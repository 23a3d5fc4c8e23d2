"""The stage `bert` by a text student: characters are joined to pieces, and the graph gives each its features.

Source: Kudo 2018, "Subword Regularization", for the likeliest cut of a text by pieces of known likelihood. Deliberately
not by the library of SentencePiece, with which the pieces were found: in a process that has loaded OpenVINO, version
0.2.1 ends it with a segmentation fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gsv_runtime.graphs.text_pieces import BEGIN_PIECE, END_PIECE, UNKNOWN_PIECE
from gsv_runtime.model_files import PIECE_FILE, VOCABULARY_FILE
from gsv_runtime.tensors import Array, Arrays

MOST_PLACES = 4  # characters of a piece
_UNREADABLE = "\ufffd"  # stands for what is no single character; no piece has it
_UNKNOWN_PENALTY = 10.0  # by which a character that is no piece is less likely than any piece, as SentencePiece has it


class _Graph(Protocol):
    """The graph of a student."""

    def run(self, requests: list[Arrays]) -> list[Arrays]:
        """Answer requests in one call."""
        ...

    def warm_up(self) -> None:
        """Run once."""
        ...


class TextPieces:
    """Joins the characters of a row to pieces; safe to share between threads.

    Args:
        pieces: each with the logarithm of its likelihood, in the order of ids; those up to `END_PIECE` stand for no
            text.
        vocabulary: BERT's tokens, in the order of their ids.
    """

    def __init__(self, pieces: Sequence[tuple[str, float]], vocabulary: Sequence[str]) -> None:
        self.count = len(pieces)
        known = list(enumerate(pieces))[END_PIECE + 1 :]
        self._pieces = {piece: (index, score) for index, (piece, score) in known}
        self._unknown = UNKNOWN_PIECE, min((score for _, (_, score) in known), default=0.0) - _UNKNOWN_PENALTY
        self._characters = [token if len(token) == 1 else _UNREADABLE for token in vocabulary]

    @classmethod
    def open(cls, folder: Path) -> TextPieces:
        """Read the files beside a student.

        Raises:
            ValueError: a file is missing or damaged.
        """
        try:
            pieces = parsed_pieces(folder.joinpath(PIECE_FILE).read_text(encoding="utf-8"))
            vocabulary = folder.joinpath(VOCABULARY_FILE).read_text(encoding="utf-8")
        except (OSError, ValueError) as failure:
            raise ValueError(f"{folder} has no text student that can be read ({failure}); build it again") from None
        return cls(pieces, vocabulary.removesuffix("\n").split("\n"))

    def text(self, token_ids: Array) -> str:
        """The characters of BERT's ids, without CLS and SEP."""
        return "".join(self._characters[index] for index in token_ids)

    def cut(self, token_ids: Array) -> tuple[list[int], list[int], list[int]]:
        """Cut one row.

        Args:
            token_ids: [C] BERT's, CLS first and SEP last.

        Returns:
            Ids of pieces, begin and end included; for each character, CLS and SEP included, its piece and its place.
        """
        ids, pieces, places = [BEGIN_PIECE], [0], [0]
        for piece, long in self._likeliest(self.text(token_ids[1:-1])):
            pieces += [len(ids)] * long
            places += range(long)
            ids.append(piece)
        return [*ids, END_PIECE], [*pieces, len(ids)], [*places, 0]

    def _likeliest(self, text: str) -> Iterator[tuple[int, int]]:
        """The cut of a text whose pieces are likeliest together: id and characters of each."""
        best: list[tuple[float, int, int]] = [
            (0.0, UNKNOWN_PIECE, 0)
        ]  # up to each place: score, last piece, its length
        for stop in range(1, len(text) + 1):
            found = []
            for long in range(1, min(stop, MOST_PLACES) + 1):
                piece = self._pieces.get(text[stop - long : stop], self._unknown if long == 1 else None)
                if piece is not None:
                    found.append((best[stop - long][0] + piece[1], piece[0], long))
            best.append(max(found))
        cut, stop = [], len(text)
        while stop:
            _, piece_id, long = best[stop]
            cut.append((piece_id, long))
            stop -= long
        return reversed(cut)

    def inputs(self, token_ids: Array, character_lengths: Array) -> Arrays:
        """Inputs of the graph.

        Args:
            token_ids: [B, C] int64, padded.
            character_lengths: [B, 1] int64.
        """
        rows = [self.cut(row[:length]) for row, length in zip(token_ids, character_lengths[:, 0], strict=True)]
        ids, pieces, places = zip(*rows, strict=True)
        characters = token_ids.shape[1]
        return {
            "piece_ids": _padded(ids, max(map(len, ids))),
            "piece_lengths": np.array([[len(row)] for row in ids], dtype=np.int64),
            "character_pieces": _padded(pieces, characters),
            "character_places": _padded(places, characters),
            "character_lengths": character_lengths,
        }


class TextPieceStage:
    """The stage `bert` over a graph of `PIECE_FEATURES`; an `OnnxStage` for who calls it."""

    def __init__(self, graph: _Graph, pieces: TextPieces) -> None:
        self._graph = graph
        self._pieces = pieces

    def run(self, requests: list[Arrays]) -> list[Arrays]:
        """Answer requests in one call of the graph; see `OnnxStage.run`."""
        return self._graph.run(
            [self._pieces.inputs(request["bert_token_ids"], request["character_lengths"]) for request in requests]
        )

    def warm_up(self) -> None:
        """Run the graph once."""
        self._graph.warm_up()


def parsed_pieces(text: str) -> list[tuple[str, float]]:
    """Read pieces from lines, a piece, a tab and a number each.

    Raises:
        ValueError: a line is none.
    """
    rows = [line.split("\t") for line in text.removesuffix("\n").split("\n")]
    if any(len(row) != 2 for row in rows):
        raise ValueError("a line is no piece with its score")
    return [(piece, float(score)) for piece, score in rows]


def _padded(rows: Sequence[Sequence[Any]], size: int) -> Array:
    """Rows of different lengths as [B, size] int64, zeros at their ends."""
    padded = np.zeros((len(rows), size), dtype=np.int64)
    for target, row in zip(padded, rows, strict=True):
        target[: len(row)] = row
    return padded
