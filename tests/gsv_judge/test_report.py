import base64

import pytest

from gsv_judge import report
from gsv_judge.__main__ import judge_clips
from gsv_judge.clips import read_folder
from gsv_judge.summary import Figure, differences

from .conftest import FakePanel, hum

KINDS = ["whisper", "dnsmos", "speakers"]


@pytest.fixture
def two(folder):
    clips = read_folder(folder)
    first = judge_clips("before", clips, FakePanel("the bakery opens early"), KINDS)
    second = judge_clips("after", clips, FakePanel("the bakery"), KINDS)
    return first, second, differences(first.rows, second.rows)


def test_a_table_shows_value_interval_and_number_of_clips(two):
    shown = report.table(two[0])
    assert "| words wrong, Whisper | 0.0% (0.0% to 0.0%) | 4 |" in shown
    assert "| of two speakers |" in shown


def test_what_got_worse_for_sure_is_marked(two):
    shown = report.comparison(*two)
    assert "| words wrong, Whisper | 0.0% | 50.0% | 50.0% (50.0% to 50.0%) | ▼ worse |" in shown
    assert "| DNSMOS overall | 3.00 | 3.00 | 0.00 (0.00 to 0.00) |  |" in shown


@pytest.mark.parametrize(
    ("key", "low", "high", "said"),
    [
        ("dnsmos", 0.1, 0.3, "▲ better"),
        ("dnsmos", -0.3, -0.1, "▼ worse"),
        ("wer_whisper", -0.3, -0.1, "▲ better"),
        ("dnsmos", -0.1, 0.3, ""),
        ("seconds", 0.1, 0.3, ""),
    ],
)
def test_better_and_worse_depend_on_the_measure_and_its_interval(key, low, high, said):
    assert report.verdict(key, Figure((low + high) / 2, low, high, 10)) == said


@pytest.mark.slow
def test_the_page_plays_and_shows_every_clip_of_both_runs(two):
    page = report.page(list(two[:2]), two[2])
    assert page.count("<audio") == 8
    assert page.count("data:image/png;base64,") == 8
    assert "▼ worse" in page
    assert "whisper heard: the bakery opens early" in page


def test_what_a_text_holds_cannot_break_the_page(folder, panel):
    panel.heard = "<script>alert(1)</script>"
    page = report.page([judge_clips("run", read_folder(folder)[:1], panel, ["whisper"])])
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_clip_whose_file_is_gone_is_still_on_the_page(folder, panel):
    run = judge_clips("run", read_folder(folder)[:1], panel, ["whisper"])
    (folder / "0-ann.wav").unlink()
    page = report.page([run])
    assert "The bakery opens early." in page
    assert "<audio" not in page


def test_a_spectrogram_is_a_small_png():
    address = report.spectrogram(hum(400, 3.0), 24_000)
    body = base64.b64decode(address.split(",")[1])
    assert body.startswith(b"\x89PNG")
    assert len(body) < 60_000
