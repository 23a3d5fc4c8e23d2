"""Tables of docs/wire.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from gsv_build import wire_page
from gsv_build.__main__ import main
from gsv_runtime.contract import MODELS, TTS, VOICES, Model, Tensor


def test_the_committed_page_is_what_the_contract_renders() -> None:
    page = wire_page.PAGE.read_text(encoding="utf-8")
    assert list(wire_page.drifted(page)) == [], "run `python -m gsv_build docs` and commit"


def test_every_tensor_of_a_public_model_has_a_row_with_its_meaning() -> None:
    text = wire_page.model_tables(TTS) + wire_page.model_tables(VOICES)
    for tensor in (*TTS.inputs, *TTS.outputs, *VOICES.inputs, *VOICES.outputs):
        assert any(row.startswith(f"| `{tensor.name}` |") and tensor.doc in row for row in text.splitlines())


def test_every_other_model_has_a_row_with_all_its_tensors() -> None:
    rows = wire_page.internal_table().splitlines()[2:]
    inside = [model for model in MODELS if model not in (TTS, VOICES)]
    assert len(rows) == len(inside)
    for model, row in zip(inside, rows, strict=True):
        assert all(f"`{tensor.name}`" in row for tensor in (*model.inputs, *model.outputs))


def test_a_mark_of_tables_in_a_meaning_does_not_break_its_row() -> None:
    model = Model("m", "", inputs=(Tensor("a", "STRING", (1,), "x|y"),), outputs=())
    assert r"x\|y" in wire_page.model_tables(model)


def test_drift_is_found_named_and_mended(tmp_path: Path) -> None:
    page = tmp_path / "wire.md"
    page.write_text(wire_page.PAGE.read_text(encoding="utf-8").replace("| `speed` |", "| `tempo` |"), encoding="utf-8")
    assert list(wire_page.drifted(page.read_text(encoding="utf-8"))) == ["tts"]
    assert main(["docs", "--check", "--page", str(page)]) == 1
    assert main(["docs", "--page", str(page)]) == 0
    assert main(["docs", "--check", "--page", str(page)]) == 0
    assert page.read_text(encoding="utf-8") == wire_page.PAGE.read_text(encoding="utf-8")


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="need one each"):
        wire_page.rendered("# Wire\n")
