"""g2pW with a toy model of random weights, beside what upstream's converter said with the same files."""

import gzip
import json
import logging
from pathlib import Path

import pytest

from gsv_runtime.model_files import G2PW_FOLDER
from gsv_runtime.text import resources
from gsv_runtime.text.g2p import chinese, chinese_upstream, g2pw
from gsv_runtime.text.g2p.pinyin import syllable_phones

from .fake_g2pw import VOCABULARY, write

STORED = json.loads(gzip.decompress((Path(__file__).parents[1] / "data/upstream-g2pw.json.gz").read_bytes()))


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """The resources of a text front end that has the model."""
    folder = tmp_path / "1" / "resources"
    write(folder / G2PW_FOLDER)
    monkeypatch.setattr(resources, "_current", resources._Directory(folder))
    g2pw.model.cache_clear()
    yield folder
    g2pw.model.cache_clear()


@pytest.mark.slow
def test_every_reading_is_the_one_that_upstream_gets_from_the_same_model(directory):
    clauses = [clause for clause, _ in STORED]
    assert len(clauses) > 100
    assert any(len(clause) > 40 for clause in clauses)  # longer than what the model sees around a character
    assert chinese_upstream.read_by_best(clauses) == [said.split() for _, said in STORED]


@pytest.mark.slow
def test_the_model_is_asked_where_no_phrase_decides(directory):
    model = g2pw.model()
    (asked,) = model.read(["他觉得很重"], chinese._unknown, with_tables=False)
    assert asked[4][:-1] in ("zhong", "chong")
    *_, (_, said), _ = chinese.phones("他觉得很重,")
    assert said == syllable_phones(asked[4])


def test_upstreams_table_of_single_readings_counts_only_for_upstream(directory):
    model = g2pw.model()
    assert model.read(["企业"], lambda written: ["qi3", "ye4"]) == [["qi4", "ye4"]]
    assert model.read(["企业"], lambda written: ["qi3", "ye4"], with_tables=False) == [["qi3", "ye4"]]


@pytest.mark.slow
def test_with_the_model_nothing_is_missing(directory):
    assert g2pw.missing() == ()


@pytest.mark.parametrize("spoiled", ["g2pW.onnx", "POLYPHONIC_CHARS.txt", "bopomofo_to_pinyin_wo_tune_dict.json"])
def test_a_model_that_cannot_be_used_is_said_once_and_text_is_read_without_it(directory, spoiled, caplog):
    (directory / G2PW_FOLDER / spoiled).write_bytes(b"\xff\xfe spoiled")
    with caplog.at_level(logging.WARNING, "gsv.text"):
        for _ in range(3):
            assert chinese_upstream.read_by_best(["你好,"]) == [["ni3", "hao3", ","]]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "g2pW is missing" in g2pw.missing()[0]


@pytest.mark.slow
def test_config_py_of_the_model_is_never_executed(directory):
    (directory / G2PW_FOLDER / "config.py").write_text("raise SystemExit('executed')")
    assert g2pw.model() is not None
    assert "[CLS]" in VOCABULARY


def test_without_the_model_its_absence_is_one_sentence_that_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "_current", resources._Directory(tmp_path))
    g2pw.model.cache_clear()
    (sentence,) = g2pw.missing()
    assert "G2PWModel/" in sentence
    assert "weights directory" in sentence
    g2pw.model.cache_clear()
