"""Characters are joined to pieces, and the graph is told which of its piece each is."""

import numpy as np
import pytest

from gsv_runtime.graphs.text_piece_stage import TextPieces, TextPieceStage

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "你", "好", "吗", "##们"]
CLS, SEP, UNKNOWN = 2, 3, 1


PIECES = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), ("你好", -1.0), ("吗", -2.0), ("好吗", -2.5)]


class Graph:
    """Keeps what it is asked."""

    def run(self, requests):
        self.requests = requests
        return [{"character_features": request["character_pieces"]} for request in requests]


@pytest.fixture
def pieces():
    return TextPieces(PIECES, VOCABULARY)


def test_every_character_knows_its_piece_and_its_place_in_it(pieces):
    ids, of_characters, places = pieces.cut(np.array([CLS, 4, 5, 6, SEP]))
    assert ids == [1, 3, 4, 2]
    assert of_characters == [0, 1, 1, 2, 3]
    assert places == [0, 0, 1, 0, 0]


def test_what_is_no_single_character_is_an_unknown_piece(pieces):
    ids, of_characters, _ = pieces.cut(np.array([CLS, UNKNOWN, 7, SEP]))
    assert ids == [1, 0, 0, 2]
    assert of_characters == [0, 1, 2, 3]


def test_rows_of_a_batch_are_padded_and_have_their_own_lengths(pieces):
    stage = TextPieceStage(graph := Graph(), pieces)
    token_ids = np.array([[CLS, 4, 5, 6, SEP], [CLS, 6, SEP, 0, 0]])
    lengths = np.array([[5], [3]])
    stage.run([{"bert_token_ids": token_ids, "character_lengths": lengths}])
    (asked,) = graph.requests
    assert asked["piece_ids"].tolist() == [[1, 3, 4, 2], [1, 4, 2, 0]]
    assert asked["piece_lengths"].tolist() == [[4], [3]]
    assert asked["character_pieces"].shape == asked["character_places"].shape == (2, 5)
    assert asked["character_lengths"] is lengths


def test_of_several_cuts_the_likeliest_is_taken(pieces):
    ids, *_ = pieces.cut(np.array([CLS, 4, 5, 6, SEP]))
    assert ids == [1, 3, 4, 2], "one piece that is known is likelier than an unknown character"
    ids, *_ = pieces.cut(np.array([CLS, 5, 6, SEP]))
    assert ids == [1, 5, 2]


@pytest.mark.parametrize("text", [None, "", "你好\n", "你好\tmuch\n"])
def test_files_that_are_missing_or_damaged_are_told(tmp_path, text):
    if text is not None:
        (tmp_path / "pieces.tsv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="build it again"):
        TextPieces.open(tmp_path)
