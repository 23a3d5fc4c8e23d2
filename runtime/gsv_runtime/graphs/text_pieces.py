"""What the graph of a text student takes and gives, inside the stage `bert`; no Triton model of its own."""

from __future__ import annotations

from gsv_runtime.contract import BERT, Model, Tensor

UNKNOWN_PIECE, BEGIN_PIECE, END_PIECE = 0, 1, 2  # ids in every piece model of ours; the last two stand for CLS and SEP

PIECE_FEATURES = Model(
    BERT.name,
    "pieces of Chinese text to features of each character",
    inputs=(
        Tensor("piece_ids", "INT64", ("B", "G"), "ids of SentencePiece, with begin and end; padding is 0"),
        Tensor("piece_lengths", "INT64", ("B", 1), "pieces of each row, begin and end counted"),
        Tensor("character_pieces", "INT64", ("B", "C"), "which of the row's pieces a character lies in"),
        Tensor("character_places", "INT64", ("B", "C"), "the how-manieth of its piece a character is, from 0"),
        Tensor("character_lengths", "INT64", ("B", 1), "characters of each row, CLS and SEP counted"),
    ),
    outputs=BERT.outputs,
    graph=True,
)
