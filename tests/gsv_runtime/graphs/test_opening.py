"""Which file a stage is opened from, and what follows it."""

import pytest

from gsv_runtime import contract
from gsv_runtime.graphs import opening
from gsv_runtime.graphs.opening import graph_of, open_graph
from gsv_runtime.graphs.spectral_stage import SpectralStage
from gsv_runtime.graphs.text_piece_stage import TextPieces, TextPieceStage
from gsv_runtime.graphs.text_pieces import PIECE_FEATURES
from gsv_runtime.graphs.vocoder_spectrum import VOCODER_SPECTRUM
from gsv_runtime.settings import ONNX_RUNTIME, OnnxStageSettings

SETTINGS = OnnxStageSettings(1, "cpu", "", ONNX_RUNTIME)


def test_a_vocoder_that_ends_at_a_spectrum_is_followed_by_an_inverse_fft(tmp_path, monkeypatch):
    (tmp_path / "spectrum.onnx").touch()
    opened = []
    monkeypatch.setattr(opening, "open_stage", lambda model, path, settings: opened.append((model, path.name)))
    assert isinstance(open_graph(contract.VOCODER, tmp_path, SETTINGS), SpectralStage)
    assert opened == [(VOCODER_SPECTRUM, "spectrum.onnx")]


def test_before_a_student_of_bert_somebody_cuts_text_into_pieces(tmp_path, monkeypatch):
    (tmp_path / "pieces.onnx").touch()
    opened = []
    monkeypatch.setattr(opening, "open_stage", lambda model, path, settings: opened.append((model, path.name)))
    monkeypatch.setattr(TextPieces, "open", lambda folder: folder)
    assert isinstance(open_graph(contract.BERT, tmp_path, SETTINGS), TextPieceStage)
    assert opened == [(PIECE_FEATURES, "pieces.onnx")]


def test_another_stage_is_opened_from_its_own_graph_whatever_lies_beside_it(tmp_path):
    (tmp_path / "spectrum.onnx").touch()
    assert graph_of(contract.ACOUSTIC, tmp_path) == (contract.ACOUSTIC, tmp_path / "model.onnx")


def test_a_stage_that_was_not_built_says_what_to_run(tmp_path):
    with pytest.raises(ValueError, match=r"vocoder has no model\.onnx; run `make build"):
        open_graph(contract.VOCODER, tmp_path, SETTINGS)
