"""Phone tables."""

import pytest

from gsv_runtime.text.symbols import PUNCTUATION, UNKNOWN, phone_table

# Ids that checkpoints were trained with; of RVC-Boss/GPT-SoVITS 48b1a01 `text/symbols.py` and `symbols2.py`.
ANCHORS = {"!": 0, ",": 1, "-": 2, ".": 3, "?": 4, "AA": 5, "SP": 77, "UNK": 86, "_": 95, "zh": 320, "…": 321}


@pytest.mark.parametrize(("name", "size"), [("v1", 322), ("v2", 732)])
def test_tables_have_the_sizes_of_the_embeddings_and_contiguous_ids(name, size):
    assert sorted(phone_table(name).values()) == list(range(size))


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_ids_are_those_that_checkpoints_were_trained_with(name):
    assert {phone: phone_table(name)[phone] for phone in ANCHORS} == ANCHORS


def test_later_versions_append_and_do_not_move_phones():
    assert list(phone_table("v2"))[:322] == list(phone_table("v1"))
    assert [phone_table("v2")[phone] for phone in ("[", "]", "停", "空", "Yz")] == [322, 323, 351, 352, 731]


def test_every_mark_and_the_unknown_phone_are_in_both_tables():
    assert PUNCTUATION | {UNKNOWN} <= set(phone_table("v1"))


def test_an_unknown_table_is_refused_by_name():
    with pytest.raises(ValueError, match="'v9' does not exist; have v1, v2"):
        phone_table("v9")
