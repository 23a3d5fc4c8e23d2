"""`python -m gsv_compress.piece_training`: pieces of texts by SentencePiece, for `text_student.train_pieces`.

JSON with `texts` and `most` comes on stdin; pieces with their scores go to stdout.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Any

from gsv_runtime.graphs.text_piece_stage import MOST_PLACES
from gsv_runtime.graphs.text_pieces import BEGIN_PIECE, END_PIECE, UNKNOWN_PIECE

_SPACE = "\u2581"  # as which SentencePiece writes a space


def trained(texts: list[str], most: int) -> Any:
    """A processor of SentencePiece that leaves text as it is."""
    from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

    written = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=written,
        vocab_size=most,
        hard_vocab_limit=False,
        model_type="unigram",
        character_coverage=1.0,
        max_sentencepiece_length=MOST_PLACES,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        unk_id=UNKNOWN_PIECE,
        bos_id=BEGIN_PIECE,
        eos_id=END_PIECE,
        pad_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    return SentencePieceProcessor(model_proto=written.getvalue())


def main() -> int:
    """Do what stdin asks for."""
    asked = json.load(sys.stdin)
    found = trained(asked["texts"], asked["most"])
    for index in range(found.get_piece_size()):
        piece = found.id_to_piece(index).replace(_SPACE, " ")
        sys.stdout.write(f"{piece}\t{found.get_score(index):.6g}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
