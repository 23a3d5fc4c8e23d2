"""Students of BERT in a weights directory: what is written is read again, and what does not fit is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from gsv_build.checkpoints import CheckpointError, load_vocabulary
from gsv_build.checkpoints.text_students import load_text_student, save_text_student, text_student_sizes
from gsv_build.modules.text_student import TextStudent
from gsv_build.sizes import TextStudentSizes

SIZES = TextStudentSizes(pieces=9, hidden=8, heads=2, feed_forward=16, layers=1, max_positions=12, bert_dim=6)
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "你"]


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, TextStudent]:
    torch.manual_seed(0)
    student = TextStudent(SIZES).eval()
    save_text_student(tmp_path / "text-student", student, "pieces", VOCABULARY)
    return tmp_path / "text-student", student


def test_a_student_is_read_as_it_was_written_but_for_half_precision(written: Any) -> None:
    folder, student = written
    found = load_text_student(folder)
    assert (found.sizes, found.pieces) == (SIZES, "pieces")
    assert load_vocabulary(folder) == VOCABULARY
    for name, tensor in student.state_dict().items():
        torch.testing.assert_close(found.module.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"text_student": "words"}, "a text student 'words'; need sentencepiece"),
        ({"layers": 10**9}, "need whole numbers from 1 to 65536"),
        ({"pieces": "9"}, "need whole numbers"),
        ({"depth": 3}, "need whole numbers"),
        ({"heads": 3}, "8 channels cannot have 3 heads"),
        ({"layers": 2}, "missing"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(written: Any, change: Any, told: str) -> None:
    config = written[0] / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **change}))
    with pytest.raises(CheckpointError, match=told):
        load_text_student(written[0])


def test_without_its_pieces_a_student_is_refused(written: Any) -> None:
    (written[0] / "pieces.tsv").unlink()
    assert text_student_sizes(written[0]) == SIZES
    with pytest.raises(CheckpointError, match=r"pieces\.tsv is not there"):
        load_text_student(written[0])
