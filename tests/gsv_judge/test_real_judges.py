"""The judges themselves, on speech of a teacher: run in the environment of `make judges`, see docs/judging.md."""

import numpy as np
import pytest

from gsv_judge.judges import RATE_HZ, RealPanel
from gsv_judge.words import compare, units

pytestmark = [
    pytest.mark.judges,
    pytest.mark.filterwarnings("ignore"),  # theirs
]

TEXT = "The bakery opens before the sun comes up."


@pytest.fixture(scope="module")
def speech():
    """[N] at 16 kHz, and the same by another voice."""
    pytest.importorskip("hibari", reason="needs the environment of `make judges`")
    import soxr

    from gsv_demo import teachers

    found = []
    for voice in ("hibari-1.00", "joe-1.00"):
        spoken = teachers.load(teachers.teacher_of(voice)).speak(TEXT, "en", voice)
        found.append(np.asarray(soxr.resample(spoken.audio, spoken.rate_hz, RATE_HZ), np.float32))
    return found


@pytest.fixture(scope="module")
def real_panel():
    return RealPanel()


def test_both_recognisers_understand_a_teacher(speech, real_panel):
    assert compare(units(TEXT, "en"), units(real_panel.whisper(speech[0], "en"), "en")).errors == 0
    assert compare(units(TEXT, "en"), units(real_panel.sphinx(speech[0]), "en")).rate < 0.5


def test_noise_lowers_every_opinion_of_how_natural_it_is(speech, real_panel):
    noisy = (speech[0] + 0.05 * np.random.default_rng(0).standard_normal(len(speech[0]))).astype(np.float32)
    assert real_panel.dnsmos(noisy)["overall"] < real_panel.dnsmos(speech[0])["overall"] - 0.3
    assert real_panel.distillmos(noisy) < real_panel.distillmos(speech[0]) - 0.3


def test_gaps_lower_plcmos(speech, real_panel):
    holes = speech[0].copy()
    for start in range(0, len(holes), RATE_HZ // 5):
        holes[start : start + RATE_HZ // 25] = 0.0
    assert real_panel.plcmos(holes) < real_panel.plcmos(speech[0]) - 0.3


def test_a_voice_is_nearer_to_itself_than_to_another(speech, real_panel):
    first, second = speech
    half = len(first) // 2
    own = real_panel.embedding(first[:half]) @ real_panel.embedding(first[half:])
    other = real_panel.embedding(first[:half]) @ real_panel.embedding(second)
    assert own > other + 0.1


def test_a_copy_scores_highest_and_a_worse_one_lower(speech, real_panel):
    noisy = (speech[0] + 0.02 * np.random.default_rng(0).standard_normal(len(speech[0]))).astype(np.float32)
    assert real_panel.pesq(speech[0], speech[0]) > 4.5 > real_panel.pesq(noisy, speech[0])
    assert real_panel.stoi(speech[0], speech[0]) > 0.99 > real_panel.stoi(noisy, speech[0])


def test_the_melody_of_one_text_correlates_with_itself_alone(speech):
    from gsv_judge.signal_checks import pitch_correlation

    assert pitch_correlation(speech[0], speech[0], RATE_HZ) > 0.99
    assert pitch_correlation(speech[0], speech[1], RATE_HZ) < 0.95
