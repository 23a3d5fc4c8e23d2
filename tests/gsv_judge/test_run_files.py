import pytest

from gsv_judge import run_files
from gsv_judge.__main__ import judge_clips
from gsv_judge.clips import read_folder


def test_a_run_is_read_back_as_it_was(folder, panel):
    run = judge_clips("run", read_folder(folder), panel, ["whisper", "speakers"])
    run_files.save(run, folder / run_files.JUDGED)
    again = run_files.load(folder)
    assert again.rows == run.rows
    assert again.figures == run.figures
    assert again.pairs == run.pairs
    assert again.likeness == run.likeness


def test_a_folder_that_was_not_judged_says_what_to_do(tmp_path):
    with pytest.raises(ValueError, match="judge the folder first: python -m gsv_judge judge"):
        run_files.load(tmp_path)
