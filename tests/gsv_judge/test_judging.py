import pytest

from gsv_judge.clips import Clip, read_folder
from gsv_judge.judging import Judging
from gsv_judge.measures import BY_KEY, KINDS, MEASURES

from .conftest import FakePanel


def test_everything_known_of_a_clip_is_judged(folder, panel):
    kinds = [kind for kind in KINDS if kind != "melody"]
    (row, *_) = Judging(panel, kinds).judge(read_folder(folder))
    without = {"pitch_correlation", "rtf", "seam"}
    assert set(row.parts) == {measure.key for measure in MEASURES} - without
    assert row.parts["wer_whisper"] == (0.0, 4.0)
    assert row.parts["nearest_is_own"] == (1.0, 1.0)
    assert row.heard == {"whisper": "the bakery opens early", "sphinx": "the bakery opens early"}


def test_only_the_judges_asked_for_are_called(folder, panel):
    Judging(panel, ["plcmos"]).judge(read_folder(folder))
    assert set(panel.calls) == {"plcmos"}


def test_a_clip_of_another_voice_is_not_nearest_to_its_own_reference(folder, panel):
    clips = read_folder(folder)
    swapped = [Clip(clips[2].audio, "", "en", "ann", clips[0].reference), *clips[2:]]
    row = Judging(panel, ["speakers"]).judge(swapped)[0]
    assert row.parts["nearest_is_own"] == (0.0, 1.0)
    assert row.parts["similarity"][0] < 0.5


def test_a_clip_without_text_has_no_words_judged(folder, panel):
    row = Judging(panel, ["whisper", "sphinx"]).judge([Clip(read_folder(folder)[0].audio)])[0]
    assert row.parts == {}
    assert panel.calls == []


@pytest.mark.parametrize(
    ("heard", "key", "part"),
    [
        ("", "empty", (1.0, 1.0)),
        ("the bakery", "keeps_end", (0.0, 1.0)),
        ("the bakery opens the bakery opens early", "repeats", (1.0, 1.0)),
        ("the bakery opens", "missing", (1.0, 4.0)),
    ],
)
def test_each_fault_of_words_is_found(folder, heard, key, part):
    row = Judging(FakePanel(heard), ["whisper"]).judge(read_folder(folder)[:1])[0]
    assert row.parts[key] == part


def test_an_unknown_judge_is_refused_with_a_list(panel):
    with pytest.raises(ValueError, match="no judges called nose; there are whisper"):
        Judging(panel, ["nose"])


def test_every_measure_says_which_way_is_better():
    assert all(measure.better in (-1, 0, 1) for measure in MEASURES)
    assert BY_KEY["wer_whisper"].better == -1
    assert len(BY_KEY) == len(MEASURES)
