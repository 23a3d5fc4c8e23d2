"""The speakers."""

import itertools

import pytest

from gsv_demo import teachers
from gsv_demo.teachers.voices import HELD_OUT, MIXTURES, TRAINED


def test_sixty_speakers_are_trained_on_and_six_never() -> None:
    assert len(TRAINED) >= 60
    assert len(HELD_OUT) == 6
    assert not set(TRAINED) & set(HELD_OUT)


def test_weights_of_every_mixture_add_up_to_one() -> None:
    for mixture in MIXTURES.values():
        assert sum(mixture.timbre.values()) == pytest.approx(1.0, abs=0.01)
        assert sum(mixture.manner.values()) == pytest.approx(1.0, abs=0.01)


def test_no_two_mixtures_are_the_same_voice() -> None:
    def place(name: str) -> list[float]:
        mixture = MIXTURES[name]
        styles = MIXTURES["kokoro-09"].timbre
        return [mixture.timbre.get(style, 0.0) for style in styles] + [mixture.played_at]

    for one, two in itertools.combinations(MIXTURES, 2):
        assert max(abs(a - b) for a, b in zip(place(one), place(two), strict=True)) > 0.005


def test_the_table_is_the_same_at_every_run() -> None:
    assert MIXTURES["kokoro-09"].timbre["jm_kumo"] == 0.506
    assert MIXTURES["kokoro-09"].played_at == 1.0


def test_every_voice_has_a_teacher() -> None:
    found = {voice: teachers.teacher_of(voice) for voice in (*TRAINED, *HELD_OUT, "slt", "kal16")}
    assert set(found.values()) == {"kokoro", "hibari", "joe", "flite"}
    assert found["kokoro-07"] == "kokoro"
    assert found["slt"] == "flite"
