"""Cantonese characters to the phones that the checkpoints learnt."""

import pytest

from gsv_runtime.text.g2p.cantonese import is_readable, phones, syllable_phones
from gsv_runtime.text.symbols import phone_table


@pytest.mark.parametrize(
    ("jyutping", "expected"),
    [
        ("hoeng1", ("Yh", "Yoeng1")),
        ("gwok3", ("Ygw", "Yok3")),
        ("ng5", ("Yng", "Yg5")),
        ("m4", ("Ym", "Ym4")),
        ("nga4", ("Yng", "Ya4")),
        ("aau1", ("Yaa", "Yu1")),
        ("oi3", ("Yoi", "Yi3")),
        ("", ()),
        ("x1", ()),
    ],
)
def test_a_syllable_is_an_initial_and_a_rime_as_upstream_divides_it(jyutping, expected):
    assert syllable_phones(jyutping) == expected
    assert set(expected) <= phone_table("v2").keys()


def test_words_decide_readings_and_marks_stand_for_themselves():
    said = dict(phones("銀行.")), dict(phones("行走."))
    assert [each["行"] for each in said] == [("Yh", "Yong4"), ("Yh", "Yang4")]
    assert [each["."] for each in said] == [(".",), (".",)]


def test_what_has_no_reading_has_no_phones():
    assert not is_readable("ん")
    assert phones("ん") == [("ん", ())]
