"""The stage `bert` by a text student: characters are joined to pieces, and the graph gives each its features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gsv_runtime.graphs.text_pieces import BEGIN_PIECE, END_PIECE
from gsv_runtime.model_files import PIECE_MODEL_FILE, VOCABULARY_FILE
from gsv_runtime.tensors import Array, Arrays

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

MOST_PLACES = 4  # characters of a piece
_UNREADABLE = "\ufffd"  # stands for what is no single character; no piece has it


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
        processor: a piece model that leaves text as it is.
        vocabulary: BERT's tokens, in the order of their ids.
    """

    def __init__(self, processor: SentencePieceProcessor, vocabulary: Sequence[str]) -> None:
        self._processor = processor
        self._characters = [token if len(token) == 1 else _UNREADABLE for token in vocabulary]

    @classmethod
    def open(cls, folder: Path) -> TextPieces:
        """Read the files beside a student.

        Raises:
            ValueError: a file is missing or damaged.
        """
        from sentencepiece import SentencePieceProcessor

        try:
            processor = SentencePieceProcessor(model_proto=folder.joinpath(PIECE_MODEL_FILE).read_bytes())
            vocabulary = folder.joinpath(VOCABULARY_FILE).read_text(encoding="utf-8")
        except (OSError, RuntimeError) as failure:
            raise ValueError(f"{folder} has no text student that can be read ({failure}); build it again") from None
        return cls(processor, vocabulary.removesuffix("\n").split("\n"))

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return int(self._processor.get_piece_size())

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
        text = self.text(token_ids[1:-1])
        ids, pieces, places = [BEGIN_PIECE], [0], [0]
        for piece in self._processor.encode(text, out_type="immutable_proto").pieces:
            long = piece.end - piece.begin
            pieces += [len(ids)] * long
            places += [min(place, MOST_PLACES - 1) for place in range(long)]
            ids.append(piece.id)
        return [*ids, END_PIECE], [*pieces, len(ids)], [*places, 0]

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


def _padded(rows: Sequence[Sequence[Any]], size: int) -> Array:
    """Rows of different lengths as [B, size] int64, zeros at their ends."""
    padded = np.zeros((len(rows), size), dtype=np.int64)
    for target, row in zip(padded, rows, strict=True):
        target[: len(row)] = row
    return padded
