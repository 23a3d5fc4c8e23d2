"""Words of Mandarin as upstream's tagger cuts them, where its tables are installed."""

import pytest

from gsv_runtime.text.g2p import chinese_posseg
from gsv_runtime.text.languages import reader


@pytest.fixture
def tables():
    if chinese_posseg.missing():
        pytest.skip("no package with jieba's tables is installed")


@pytest.fixture
def without_tables(monkeypatch):
    monkeypatch.setattr(chinese_posseg, "PACKAGES", ("no_such_package",))
    chinese_posseg._model.cache_clear()
    yield
    chinese_posseg._model.cache_clear()


@pytest.mark.parametrize(
    ("clause", "words"),
    [
        ("走不了了.", [("走", "v"), ("不了", "v"), ("了", "ul"), (".", "m")]),
        ("三点一四是圆周率", [("三点", "m"), ("一四", "m"), ("是", "v"), ("圆周率", "n")]),
        ("好,", [("好", "a"), (",", "x")]),
        ("!", [("!", "x")]),
        ("", []),
    ],
)
def test_what_no_dictionary_has_is_cut_and_tagged_by_the_model(tables, clause, words):
    assert chinese_posseg.tagged(clause) == words


@pytest.mark.parametrize(("text", "phone"), [("这把椅子的腿儿坏了", "er3"), ("3.14是圆周率", "i1")], ids=["leg", "pi"])
def test_tones_follow_the_words(tables, text, phone):
    said = {char: phones for char, phones in reader("zh", "upstream").read(text).units}
    assert said["儿" if phone == "er3" else "一"][1] == phone


def test_without_tables_words_are_rjiebas_and_it_is_told(without_tables):
    assert "".join(word for word, _ in chinese_posseg.tagged("这把椅子的腿儿坏了.")) == "这把椅子的腿儿坏了."
    assert [sentence for sentence in reader("zh", "upstream", "v1").missing() if "gsv-runtime[upstream]" in sentence]


@pytest.mark.parametrize("clause", ["㐀㐁", "a1.b", "龘龘龘", "々〇", "😀好"])
def test_every_clause_keeps_its_characters(tables, clause):
    assert "".join(word for word, _ in chinese_posseg.tagged(clause)) == clause
