"""BERT's tokens, from either file."""

import json

import pytest

from gsv_build.checkpoints import CheckpointError, load_vocabulary

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "中", "\u2028"]


def test_both_files_give_tokens_in_the_order_of_their_ids(tmp_path):
    ids = {token: index for index, token in reversed(list(enumerate(TOKENS)))}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"vocab": ids}}), encoding="utf-8")
    assert load_vocabulary(tmp_path) == TOKENS
    (tmp_path / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    assert load_vocabulary(tmp_path) == TOKENS


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("vocab.txt", "[PAD]\n[UNK]\n", r"lacks \[CLS\], \[SEP\]"),
        ("tokenizer.json", '{"model": {"vocab": {"[PAD]": 0, "[UNK]": 2}}}', "without gaps"),
        ("tokenizer.json", "{}", "no token ids under model.vocab"),
        ("other.txt", "", "neither vocab.txt nor tokenizer.json"),
    ],
)
def test_what_is_wrong_with_a_vocabulary_is_said(name, text, message, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(CheckpointError, match=message):
        load_vocabulary(tmp_path)
