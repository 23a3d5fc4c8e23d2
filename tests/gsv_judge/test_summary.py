import numpy as np
import pytest

from gsv_judge.judging import Row
from gsv_judge.summary import beside_aligned, differences, figures, significant


def rows(errors, said=10.0, mos=None):
    found = []
    for index, wrong in enumerate(errors):
        parts = {"wer_whisper": (float(wrong), said)}
        if mos is not None:
            parts["dnsmos"] = (float(mos[index]), 1.0)
        found.append(Row(f"{index}", f"{index}.wav", parts=parts))
    return found


def test_word_errors_are_all_errors_over_all_words_not_a_mean_of_rates():
    long, short = Row("a", "a", parts={"wer_whisper": (0.0, 98.0)}), Row("b", "b", parts={"wer_whisper": (2.0, 2.0)})
    assert figures([long, short])["wer_whisper"].value == pytest.approx(0.02)


@pytest.mark.slow
def test_the_interval_covers_the_truth_nineteen_times_in_twenty():
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(100):
        figure = figures(rows(np.zeros(60), mos=rng.normal(3.0, 0.5, 60)))["dnsmos"]
        covered += figure.low <= 3.0 <= figure.high
    assert 88 <= covered <= 100


def test_a_figure_that_no_clip_has_is_left_out():
    assert set(figures(rows([1, 2]))) == {"wer_whisper"}


def test_runs_are_paired_by_clip_so_that_what_the_texts_do_cancels_out():
    rng = np.random.default_rng(1)
    hard = rng.normal(3.0, 0.8, 40)
    first, second = rows(np.zeros(40), mos=hard), rows(np.zeros(40), mos=hard + 0.05 + rng.normal(0, 0.02, 40))
    found = differences(first, list(reversed(second)))["dnsmos"]
    assert found.value == pytest.approx(0.05, abs=0.02)
    assert significant(found)


def test_a_difference_of_chance_is_not_significant():
    rng = np.random.default_rng(2)
    first, second = (rows(rng.integers(0, 3, 50)) for _ in range(2))
    assert not significant(differences(first, second)["wer_whisper"])


def test_runs_without_a_clip_in_common_are_refused():
    with pytest.raises(ValueError, match="need the same texts in both"):
        differences(rows([1]), [Row("other", "other.wav")])


def test_streams_are_compared_with_their_wholes() -> None:
    found = [Row("0-off", "0-off.wav", parts={"plcmos": (4.0, 1.0)}), Row("0-chunk", "c", parts={"plcmos": (3.5, 1.0)})]
    assert beside_aligned(found, {"0-chunk": "0-off"})["plcmos"].value == pytest.approx(-0.5)
    assert beside_aligned(found, {"0-chunk": "elsewhere", "0-off": "0-off"}) == {}


def test_the_same_rows_give_the_same_interval():
    assert figures(rows([0, 1, 2, 3])) == figures(rows([0, 1, 2, 3]))
